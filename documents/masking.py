"""Who may see a document from now on: mask, unmask, announce, withdraw, archive (D8, D9, D10).

Each is called inside the door, on a document found in the actor's scope, and traces itself.
"""

from django.core.exceptions import ValidationError

from access.gate import Entry
from access.policy import Role
from audit.trail import Event
from documents.deposits import revise
from documents.models import Document
from patients.models import Patient

HOLDERS = {Role.HOLDER, Role.REPRESENTATIVE}


def mask(entry: Entry, document: Document) -> None:
    """The holder at any time; the author too (article R1111-49). Not while it awaits its announcement (D8)."""
    if document.masked:
        raise ValidationError("Ce document est déjà masqué.", code="masked")
    if document.withheld and not document.visible_to_holder:
        raise ValidationError("Un document non visible du patient ne peut pas aussi être masqué.", code="withheld")
    _change(entry, document, Event.DOCUMENT_MASKED, masked=True, withheld=False)


def unmask(entry: Entry, document: Document, *, asked_by_holder: bool = False) -> None:
    """The holder; or the author or the treating doctor on the holder's recorded request (D8)."""
    if not document.masked:
        raise ValidationError("Ce document n'est pas masqué.", code="masked")
    if entry.caller.role not in HOLDERS and not asked_by_holder:
        raise ValidationError(
            "Seul le titulaire démasque, ou le professionnel à sa demande : dites-le (DMP-Holder-Request: true).",
            code="holder",
        )
    _change(entry, document, Event.DOCUMENT_UNMASKED, masked=False)


def announce(entry: Entry, document: Document) -> None:
    """The announcement took place: the holder sees the document (R1111-53, D9)."""
    if not document.withheld:
        raise ValidationError("Ce document est déjà visible du patient.", code="withheld")
    _change(entry, document, Event.DOCUMENT_ANNOUNCED, withheld=False)


def show_representatives(entry: Entry, document: Document) -> None:
    """Visible to the legal representatives; there is no way back (EX_3.3-1045)."""
    _change(entry, document, Event.DOCUMENT_UNMASKED, secret=False)


def withdraw(entry: Entry, document: Document) -> None:
    """Logical, by an author alone; the holder for what he deposited (D10)."""
    if entry.caller.author not in document.author_ids:
        raise ValidationError("Seul l'auteur d'un document peut le supprimer.", code="author")
    _change(entry, document, Event.DOCUMENT_WITHDRAWN, state=Document.State.DELETED)


def archive(entry: Entry, document: Document, archived: bool) -> None:
    _change(entry, document, Event.DOCUMENT_ARCHIVED, archived=archived)


def _change(entry: Entry, document: Document, event: Event, **changes: object) -> None:
    oid = Patient.objects.filter(dossier_id=document.dossier_id).values_list("oid", flat=True).get()
    revise(entry, document, oid, **changes)
    entry.trace(
        event,
        object_kind="document",
        object_id=document.pk,
        object_type=document.type_code,
        object_title=document.title,
    )
