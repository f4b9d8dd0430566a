"""The FHIR Bundle of a digital copy: the person, her documents, what was sent together. R4, type « collection »."""

import json
from collections.abc import Iterator
from typing import Any

from archival.selection import Selection
from documents import entries
from documents.api import with_number
from documents.models import Document, SubmissionSet
from fhir import wire
from patients.models import Patient

GENDERS = {"F": "female", "M": "male", "U": "unknown"}


def pieces(selection: Selection, files: dict[str, str]) -> Iterator[bytes]:
    """Entry by entry. `files`: where the file of each document is, by its id, seen from the folder `fhir/`."""
    yield b'{"resourceType":"Bundle","type":"collection","entry":['
    first = True
    for resource in _resources(selection, files):
        urn = resource.pop("_urn")
        yield (b"" if first else b",") + wire.dumps({"fullUrl": urn, "resource": resource})
        first = False
    yield b"]}"


def _resources(selection: Selection, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    dossier_id = selection.copy.dossier_id
    yield patient(selection.patient) | {"_urn": f"urn:uuid:{dossier_id}"}
    matricule, kept = selection.patient.ins.matricule, set(selection.ids)
    for document, stored in selection.texts():
        text = _text(document, stored, selection)
        if document.replaces_id not in kept:
            text = entries.without_link(text)  # nothing that is not in the copy is named in it
        yield _document(document, with_number(text, matricule), files[document.pk.hex])
    for lot in selection.sets:
        yield _set(lot, selection)


def _text(document: Document, stored: str, selection: Selection) -> str:
    """As it was rendered when it was written; rendered now when it was not, so that nothing is missing."""
    if '"content"' not in stored:
        document.fhir = stored
        return entries.text_of(document, selection.patient.oid)
    return entries.in_force(stored, document.masked_until, document.visible_from)


def _document(document: Document, text: str, file: str) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(text)
    resource["content"][0]["attachment"]["url"] = file
    return resource | {"_urn": f"urn:uuid:{document.pk}"}


def _set(lot: SubmissionSet, selection: Selection) -> dict[str, Any]:
    named = [one.document.pk for one in selection.pieces if one.document.submission_set_id == lot.pk]
    text = entries.with_entries(entries.text_of_set(lot), lot.dossier_id, named)
    resource: dict[str, Any] = json.loads(text)
    return resource | {"_urn": f"urn:uuid:{lot.pk}"}


def patient(row: Patient) -> dict[str, Any]:
    """Her own traits, in her own copy: the INS as the referential writes it (INS-NIR, INS-C systems)."""
    ins = row.ins
    names: list[dict[str, Any]] = [{"use": "official", "family": row.birth_family, "given": row.given_names.split()}]
    if row.used_family:
        names.append({"use": "usual", "family": row.used_family, "given": row.given_names.split()[:1]})
    return {
        "resourceType": "Patient",
        "id": row.dossier_id.hex,
        "identifier": [{"use": "official", "system": f"urn:oid:{ins.oid}", "value": ins.matricule}],
        "name": names,
        "gender": GENDERS[row.sex],
        "birthDate": row.birth_date.isoformat(),
    }
