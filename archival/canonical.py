"""The dossier as one text that says the same everywhere: `dossier.json` of a digital copy (docs/copies.md).

Its SHA-256 is the canonical digest. Two instances that hold the same dossier write the same bytes: keys sorted, no
space, UTF-8, moments in UTC, rows in the order of their own identifiers; no key of a database stands in it.
"""

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

from django.db.models import Model

from archival.selection import Selection
from documents.care_lines import CareLine
from documents.models import Document, Result, SubmissionSet

FORMAT = "dmp-copy/1"
PATIENT = (
    *("birth_family", "used_family", "given_names", "birth_date", "sex", "birthplace", "status"),
    *("email", "phone", "address", "postal_code"),
)
CHOICES = (
    *("allows_break_glass", "allows_regulation", "shows_masked_in_emergency", "masks_new_documents"),
    "refuses_heirs",
)
SET = (
    *("unique_id", "source_id", "designation", "title", "author_ids", "author_family", "author_given"),
    *("author_structure", "archived", "date"),
)
DOCUMENT = (
    *("unique_id", "version", "state", "archived", "origin", "type_code", "type_system", "class_code", "family"),
    *("title", "description", "created", "service_start", "service_stop", "event_codes", "format_code"),
    *("facility_type", "practice_setting", "language", "reference_ids", "author_ids", "author_family"),
    *("author_given", "author_speciality", "author_structure", "author_structure_name", "custodian"),
    *("legal_authenticator", "deposited_by", "deposited_at", "last_updated", "confidentiality", "masked"),
    *("masked_until", "withheld", "visible_from", "secret", "media_type", "size", "sha1", "sha256", "level"),
    *("scan", "flags"),
)
RESULT = (
    *("rank", "code", "system", "display", "value", "number", "unit", "low", "high", "interpretation"),
    *("at", "prior"),
)
CARE = (
    *("source", "line", "version", "cancelled", "care_date", "paid_date", "kind", "act", "label", "quantity"),
    *("provider", "amount", "reimbursed"),
)


def text(selection: Selection) -> bytes:
    """The canonical text. What a document replaces is named when that one is in the copy too."""
    names: dict[uuid.UUID | None, str] = {piece.document.pk: piece.document.unique_id for piece in selection.pieces}
    sets: dict[uuid.UUID | None, str] = {row.pk: row.unique_id for row in selection.sets}
    documents = [
        _row(piece.document, DOCUMENT)
        | {
            "set": sets.get(piece.document.submission_set_id),
            "replaces": names.get(piece.document.replaces_id),
            "results": [_row(one, RESULT) for one in selection.by_document.get(piece.document.pk, [])],
        }
        for piece in selection.pieces
    ]
    ins, dossier = selection.patient.ins, selection.entry.dossier
    body = {
        "format": FORMAT,
        "patient": _row(selection.patient, PATIENT) | {"ins": ins.matricule, "oid": ins.oid},
        "choices": _row(dossier, CHOICES),
        "sets": sorted((_row(row, SET) for row in selection.sets), key=lambda row: row["unique_id"]),
        "documents": sorted(documents, key=lambda row: row["unique_id"]),
        "care": sorted((_row(row, CARE) for row in selection.care), key=lambda row: (row["source"], row["line"])),
    }
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _row(row: Model, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | int | str | None):
        return value
    return f"{value.normalize():f}"  # a decimal: 5, 5.0 and 5.000000 are one number


MODELS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "sets": (SubmissionSet, SET),
    "documents": (Document, DOCUMENT),
    "results": (Result, RESULT),
    "care": (CareLine, CARE),
}
