"""One act on one document: its trace, and a change of its metadata."""

from typing import Any

from django.utils import timezone

from access.gate import Entry
from audit.trail import Event
from documents import entries
from documents.models import Document


def trace(entry: Entry, event: Event, document: Document, **detail: Any) -> None:
    """One act on one document. `detail` says when it is hidden from somebody, so that its trace is too (D12)."""
    states = {"masked": document.is_masked, "withheld": not document.visible_to_holder, "secret": document.secret}
    hidden = {name: True for name, on in states.items() if on}
    entry.trace(
        event,
        object_kind="document",
        object_id=document.pk,
        object_type=document.type_code,
        object_title=document.title,
        detail=detail | hidden,
    )


def revise(entry: Entry, document: Document, oid: str, **changes: Any) -> None:
    """Change metadata: a new version, its FHIR text, its history row."""
    for name, value in changes.items():
        setattr(document, name, value)
    document.version += 1
    document.last_updated = timezone.now()
    document.fhir = entries.text_of(document, oid)
    document._history_user = entry.actor  # type: ignore[attr-defined]
    document.save(update_fields=[*changes, "version", "last_updated", "fhir"])
