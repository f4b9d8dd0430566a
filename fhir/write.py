"""Resources we give out. A document's text is rendered once, when it is written, and stored beside its row."""

import base64
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fhir import systems, wire
from fhir.elements import PARIS

EMPTY: tuple[Any, ...] = (None, "", [], {})


def instant(moment: dt.datetime) -> str:
    return moment.astimezone(PARIS).isoformat(timespec="seconds")


def coding(system: str, code: str, display: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _identifier(system: str, value: str) -> dict[str, Any]:
    return {"system": system, "value": value}


def _name(family: str, given: str) -> list[dict[str, Any]]:
    return [{"family": family, "given": [given]}]


def _filled(node: Any) -> Any:
    """Without what says nothing: FHIR admits no empty text, object or array (R4, 2.6.2).

    A coding without its code, an identifier without its value go whole.
    """
    if isinstance(node, list):
        return [one for one in map(_filled, node) if one not in EMPTY]
    if not isinstance(node, dict):
        return node
    if node.get("code", True) == "" or node.get("value", True) == "":
        return {}
    return {name: one for name, value in node.items() if (one := _filled(value)) not in EMPTY}


@dataclass(frozen=True)
class DocumentView:
    """What the FHIR text of a document says. Digests are bytes, sizes bytes, moments aware."""

    id: str
    version: int
    last_updated: dt.datetime
    logical_id: str
    unique_id: str
    status: str
    patient_id: str
    patient_oid: str
    patient_ins: str
    type_code: str
    type_system: str
    type_display: str
    class_code: str
    class_display: str
    created: dt.datetime
    author_id: str
    author_family: str
    author_given: str
    author_speciality: str
    structure: str
    structure_name: str
    custodian: str
    confidentiality: str
    labels: Sequence[str]
    title: str
    description: str
    language: str
    media_type: str
    size: int
    sha1: bytes
    format_code: str
    service_start: dt.datetime | None
    service_stop: dt.datetime | None
    event_codes: Sequence[str]
    reference_ids: Sequence[str]
    facility_type: str
    practice_setting: str
    replaces: str = ""
    archived: bool = False


def document_reference(view: DocumentView) -> dict[str, Any]:
    """PDSm comprehensive DocumentReference. The number of the patient stands in the contained Patient only."""
    resource: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": view.id,
        "meta": {
            "versionId": str(view.version),
            "lastUpdated": instant(view.last_updated),
            "profile": [f"{systems.PDSM}pdsm-comprehensive-document-reference"],
        },
        "contained": _contained(view),
        "masterIdentifier": {"system": systems.URI, "value": view.unique_id},
        "identifier": [{"use": "usual", "system": systems.URI, "value": view.logical_id}],
        "status": view.status,
        "type": coding(view.type_system, view.type_code, view.type_display),
        "category": [coding(systems.CLASSES, view.class_code, view.class_display)],
        "subject": {"reference": f"Patient/{view.patient_id}"},
        "date": instant(view.created),
        "author": [{"reference": "#author"}],
        "custodian": {"identifier": _identifier(systems.STRUCT_IDNAT, view.custodian)},
        "description": view.description,
        "securityLabel": [coding(systems.CONFIDENTIALITY, view.confidentiality)]
        + [coding(systems.VISIBILITY, label) for label in view.labels],
        "content": [_content(view)],
        "context": _context(view),
    }
    if view.archived:
        resource["extension"] = [{"url": systems.ARCHIVED, "valueBoolean": True}]
    if view.replaces:
        resource["relatesTo"] = [{"code": "replaces", "target": {"reference": f"DocumentReference/{view.replaces}"}}]
    filled: dict[str, Any] = _filled(resource)
    return filled


def _contained(view: DocumentView) -> list[dict[str, Any]]:
    structure = {
        "identifier": _identifier(systems.STRUCT_IDNAT, view.structure),
        "display": view.structure_name if view.structure else "",
    }
    return [
        {
            "resourceType": "Patient",
            "id": "patient",
            "identifier": [_identifier(f"urn:oid:{view.patient_oid}", view.patient_ins)],
        },
        {
            "resourceType": "Practitioner",
            "id": "practitioner",
            "identifier": [_identifier(systems.PS_IDNAT, view.author_id)],
            "name": _name(view.author_family, view.author_given),
        },
        {
            "resourceType": "PractitionerRole",
            "id": "author",
            "practitioner": {"reference": "#practitioner"},
            "specialty": [coding("", view.author_speciality)],
            "organization": structure,
        },
    ]


def _content(view: DocumentView) -> dict[str, Any]:
    return {
        "attachment": {
            "contentType": view.media_type,
            "language": view.language,
            "url": f"Binary/{view.id}",
            "size": view.size,
            "hash": base64.b64encode(view.sha1).decode(),
            "title": view.title,
            "creation": instant(view.created),
        },
        "format": {"system": systems.FORMATS, "code": view.format_code},
    }


def _context(view: DocumentView) -> dict[str, Any]:
    period = {"start": view.service_start, "end": view.service_stop}
    return {
        "sourcePatientInfo": {"reference": "#patient"},
        "event": [coding("", code) for code in view.event_codes],
        "period": {name: moment and instant(moment) for name, moment in period.items()},
        "facilityType": coding(systems.FACILITIES, view.facility_type),
        "practiceSetting": coding(systems.SETTINGS, view.practice_setting),
        "related": [
            {"identifier": _identifier(system, value)}
            for system, _, value in (one.rpartition("|") for one in view.reference_ids)
        ],
    }


@dataclass(frozen=True)
class SetView:
    """What the FHIR text of a submission set says."""

    id: str
    unique_id: str
    patient_id: str
    date: dt.datetime
    source_id: str
    designation: str
    title: str
    author_id: str
    author_family: str
    author_given: str
    documents: Sequence[str]


def submission_set(view: SetView) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "List",
        "id": view.id,
        "meta": {"versionId": "1", "profile": [f"{systems.PDSM}pdsm-submissionset-comprehensive"]},
        "contained": [
            {
                "resourceType": "Practitioner",
                "id": "source",
                "identifier": [_identifier(systems.PS_IDNAT, view.author_id)],
                "name": _name(view.author_family, view.author_given),
            }
        ],
        "extension": [
            {"url": systems.DESIGNATION, "valueCodeableConcept": coding("", view.designation or "autre")},
            {
                "url": systems.SOURCE_ID,
                "valueIdentifier": {"system": systems.URI, "value": view.source_id or view.unique_id},
            },
        ],
        "identifier": [{"use": "usual", "system": systems.URI, "value": view.unique_id}],
        "status": "current",
        "mode": "working",
        "code": coding(systems.LIST_TYPES, "submissionset"),
        "subject": {"reference": f"Patient/{view.patient_id}"},
        "date": instant(view.date),
        "source": {"reference": "#source"},
        "title": view.title,
    }
    # The entries depend on the reader: an empty array holds their place in the stored text.
    entries = [{"item": {"reference": f"DocumentReference/{one}"}} for one in view.documents]
    return {**_filled(resource), "entry": entries}


@dataclass(frozen=True)
class PatientView:
    """What an identified professional learns of a person (TD0.2, decision D17): no trait, no content."""

    id: str
    oid: str
    ins: str
    state: str
    closed_at: dt.datetime | None
    authorisation: str  # NON_EXISTE, VALIDE, EXPIRE, INTERDIT
    treating: bool


def patient(view: PatientView) -> dict[str, Any]:
    extensions: list[dict[str, Any]] = [
        {"url": systems.STATE, "valueCode": view.state},
        {"url": systems.AUTHORISATION, "valueCode": view.authorisation},
        {"url": systems.TREATING, "valueBoolean": view.treating},
    ]
    if view.closed_at:
        extensions.append({"url": systems.CLOSED_AT, "valueDateTime": instant(view.closed_at)})
    return {
        "resourceType": "Patient",
        "id": view.id,
        "extension": extensions,
        "identifier": [{"system": f"urn:oid:{view.oid}", "value": view.ins}],
        "active": view.state == "open",
    }


def binary(identifier: str, media_type: str, content: bytes) -> dict[str, Any]:
    return {
        "resourceType": "Binary",
        "id": identifier,
        "contentType": media_type,
        "data": base64.b64encode(content).decode(),
    }


def transaction_response(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": entry} for entry in entries],
    }


def searchset(
    base: str,
    kind: str,
    found: Iterable[tuple[str, str]],
    *,
    self_link: str,
    next_link: str = "",
    total: int | None = None,
    warnings: Sequence[dict[str, Any]] = (),
) -> bytes:
    """A searchset put together from stored texts: `found` gives (id, text). Nothing is parsed again."""
    links = [{"relation": "self", "url": self_link}]
    if next_link:
        links.append({"relation": "next", "url": next_link})
    head: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if total is not None:
        head["total"] = total
    entries = [
        f'{{"fullUrl":"{base}/{kind}/{identifier}","resource":{text},"search":{{"mode":"match"}}}}'
        for identifier, text in found
    ]
    if warnings:
        outcome = {"resourceType": "OperationOutcome", "issue": list(warnings)}
        entries.append(f'{{"resource":{wire.text(outcome)},"search":{{"mode":"outcome"}}}}')
    body = wire.text(head)[:-1]
    if entries:
        body += ',"entry":[' + ",".join(entries) + "]"
    return (body + "}").encode()
