"""What /fhir serves, said honestly: JSON only, and just these parameters."""

from typing import Any

from fhir import search, systems

DATE = "2026-11-23"


def _parameters(names: set[str], kind: str) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name in sorted(names)]


def _resource(kind: str, interactions: list[str], **more: Any) -> dict[str, Any]:
    return {"type": kind, "interaction": [{"code": code} for code in interactions], **more}


def statement(base: str) -> dict[str, Any]:
    about = [
        {"name": "patient", "type": "reference"},
        {"name": "patient.identifier", "type": "token"},
        {"name": "isArchived", "type": "token"},
    ]
    documents = (
        _parameters(search.TOKENS, "token")
        + _parameters(search.DATES, "date")
        + _parameters(search.TEXTS, "string")
        + _parameters(search.REFERENCES, "reference")
        + about
    )
    lists = (
        _parameters(search.LIST_TOKENS, "token")
        + _parameters(search.LIST_TEXTS, "string")
        + _parameters({"date"}, "date")
        + about
    )
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "DMP ouvert", "version": "0.1.0"},
        "implementation": {"description": "Dossier médical partagé", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "PDSm 3.1.1 (MHD 4.2.3) : ITI-65, 66, 67, 68, 105 et flux 03. JSON seul. "
                f"Résultats : _count (au plus {search.MAX_COUNT}), _sort ({', '.join(sorted(search.SORTS))}), "
                "_total=accurate.",
                "security": {"description": "Jeton porteur Pro Santé Connect (JWT)."},
                "interaction": [{"code": "transaction"}],
                "resource": [
                    _resource(
                        "Patient",
                        ["read", "search-type"],
                        searchParam=[{"name": "identifier", "type": "token"}],
                    ),
                    _resource(
                        "DocumentReference",
                        ["create", "read", "search-type", "patch"],
                        supportedProfile=[
                            f"{systems.PDSM}pdsm-comprehensive-document-reference",
                            f"{systems.PDSM}pdsm-simplified-publish",
                        ],
                        searchParam=documents,
                    ),
                    _resource(
                        "List",
                        ["read", "search-type"],
                        supportedProfile=[f"{systems.PDSM}pdsm-submissionset-comprehensive"],
                        searchParam=lists,
                    ),
                    _resource("Binary", ["read"]),
                ],
            }
        ],
    }
