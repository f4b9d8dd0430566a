"""While the bytes of a document leave, the right that opened it is asked again before each segment but the first.

A large file leaves slowly: what the holder withdraws, blocks or masks meanwhile stops it there. A document of one
segment (64 KiB) left whole on the decision that opened it.
"""

from collections.abc import Iterator

from access import gate
from access.facts import Act
from access.gate import Absent, Entry
from access.policy import decide
from audit import trail
from audit.trail import Event
from documents.models import Document


class Ended(Exception):
    """The right ended while the bytes were leaving: the connection breaks here, and the trail says so."""


def guarded(pieces: Iterator[bytes], entry: Entry, document: Document) -> Iterator[bytes]:
    """The pieces, as long as the document is open to who asked for it. Raises `Ended`."""
    for number, piece in enumerate(pieces):
        if number and not _still_open(entry, document):
            raise Ended
        yield piece


def _still_open(entry: Entry, document: Document) -> bool:
    """The decision and the document's own state, as they are now: two queries, no trace when it is yes."""
    ground = "absent"
    try:
        _, facts = gate.look(entry.caller, dossier_id=document.dossier_id)
        decision = decide(Act.OPEN, facts)
        if decision.scope is not None:
            if Document.objects.within(decision.scope).filter(pk=document.pk).exists():
                return True
        else:
            ground = decision.ground
    except Absent:
        pass
    trail.record_now(
        Event.DOCUMENT_READ,
        by=entry.actor,
        dossier_id=document.dossier_id,
        allowed=False,
        ground=ground,
        mode=gate.SECRET if entry.secret else "normal",
        object_kind="document",
        object_id=document.pk,
        detail={"interrupted": True},
    )
    return False
