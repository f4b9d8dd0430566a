"""FHIR messages as a professional's software writes them."""

import base64
import hashlib
import itertools
import json
import uuid
from typing import Any

from patients.models import Patient

OID_TEST = "urn:oid:1.2.250.1.213.1.4.10"
_rank = itertools.count(1)


def pdf(text: str = "Compte rendu") -> bytes:
    """A one-page PDF, different each time."""
    mark = f"% {text} {next(_rank)}\n".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    ]
    body, offsets = b"%PDF-1.4\n" + mark, []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + table + b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(body)


def subject(dossier: Any) -> str:
    return f"{OID_TEST}|{Patient.objects.get(dossier=dossier).ins.matricule}"


def reference(
    patient: str,
    content: bytes,
    *,
    kind: str = "application/pdf",
    type_code: str = "11488-4",
    system: str = "http://loinc.org",
    labels: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """A DocumentReference about this patient (`system|matricule`), without its content."""
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
        "status": "current",
        "type": {"coding": [{"system": system, "code": type_code}]},
        "subject": {"reference": f"Patient?identifier={patient}"},
        "date": "2026-06-12T10:00:00+02:00",
        "securityLabel": [{"coding": [{"code": code}]} for code in ("N", *labels)],
        "content": [
            {
                "attachment": {
                    "contentType": kind,
                    "language": "fr-FR",
                    "size": len(content),
                    "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
                    "title": "CR de consultation",
                    "creation": "2026-06-12T10:00:00+02:00",
                }
            }
        ],
        "context": {"period": {"start": "2026-06-12T09:00:00+02:00"}},
    } | more


def simplified(patient: str, content: bytes, **more: Any) -> dict[str, Any]:
    """ITI-105: the same, carrying its content."""
    resource = reference(patient, content, **more)
    resource["content"][0]["attachment"]["data"] = base64.b64encode(content).decode()
    return resource


def bundle(patient: str, *documents: tuple[dict[str, Any], bytes]) -> dict[str, Any]:
    """ITI-65: a lot of (DocumentReference, content)."""
    entries: list[dict[str, Any]] = []
    items = []
    for resource, content in documents:
        own, data = f"urn:uuid:{uuid.uuid4()}", f"urn:uuid:{uuid.uuid4()}"
        resource = json.loads(json.dumps(resource))
        attachment = resource["content"][0]["attachment"]
        attachment["url"] = data
        items.append({"item": {"reference": own}})
        binary = {
            "resourceType": "Binary",
            "contentType": attachment["contentType"],
            "data": base64.b64encode(content).decode(),
        }
        entries.append(
            {"fullUrl": own, "resource": resource, "request": {"method": "POST", "url": "DocumentReference"}}
        )
        entries.append({"fullUrl": data, "resource": binary, "request": {"method": "POST", "url": "Binary"}})
    lot = {
        "resourceType": "List",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"}],
        "status": "current",
        "mode": "working",
        "code": {
            "coding": [
                {"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}
            ]
        },
        "subject": {"reference": f"Patient?identifier={patient}"},
        "date": "2026-06-12T10:00:00+02:00",
        "entry": items,
    }
    first = {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": lot, "request": {"method": "POST", "url": "List"}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [first, *entries]}
