"""Who may see a document from now on: mask, unmask, announce, withdraw, archive (D8, D9, D10).

Each is called inside the door, on a document found in the actor's scope, and traces itself.
"""

import datetime as dt
from typing import Any

from dateutil.relativedelta import relativedelta
from django.core.exceptions import ValidationError
from django.utils import timezone

from access.durations import midnight_after
from access.facts import REPRESENTATIVES, Role
from access.gate import Absent, Entry
from access.policy import is_treating
from audit.trail import Event
from documents import withheld
from documents.acts import revise, trace
from documents.models import Document
from patients import notices
from patients.models import Notice, Patient

HOLDERS = REPRESENTATIVES | {Role.HOLDER}


class Forbidden(ValidationError):
    """The act exists, but not for this actor. The message says for whom, or what to do."""


def mask(
    entry: Entry, document: Document, until: dt.datetime | None = None, *, asked_by_holder: bool = False
) -> None:
    """The holder at any time; the author, not the treating doctor, on the holder's recorded request (D8, R1111-49).

    Not while it awaits its announcement. `until`: past it, the mask is none, with no job needed (features S41); from
    tomorrow, a year at most.
    """
    if entry.caller.role not in HOLDERS:
        _author(entry, document)
    _at_request(entry, asked_by_holder)
    if until is not None and not tomorrow() <= until <= latest():
        raise ValidationError("Choisissez une fin entre demain et dans un an au plus.", code="until")
    if document.is_masked:
        raise ValidationError("Ce document est déjà masqué.", code="masked")
    if document.withheld and not document.visible_to_holder:
        raise ValidationError("Un document non visible du patient ne peut pas aussi être masqué.", code="withheld")
    changes: dict[str, Any] = {"masked": True, "masked_until": until, "withheld": False}
    _change(entry, document, Event.DOCUMENT_MASKED, asked_by_holder, **changes)


def holders_only(entry: Entry) -> None:
    """The pages that decide who sees a document do not exist for a carer. Raises `Absent`."""
    if entry.caller.role not in HOLDERS:
        raise Absent


def tomorrow() -> dt.datetime:
    return midnight_after(timezone.localdate())


def latest() -> dt.datetime:
    return midnight_after(timezone.localdate() + relativedelta(years=1))


def unmask(entry: Entry, document: Document, *, asked_by_holder: bool = False) -> None:
    """The holder; or the author or the treating doctor on the holder's recorded request (D8)."""
    _author_or_treating(entry, document)
    if not document.is_masked:
        raise ValidationError("Ce document n'est pas masqué.", code="masked")
    _at_request(entry, asked_by_holder)
    _change(entry, document, Event.DOCUMENT_UNMASKED, asked_by_holder, masked=False, masked_until=None)


def announce(entry: Entry, document: Document) -> None:
    """The announcement took place: the holder sees the document (R1111-53). Author or treating doctor (D9).

    From then on it is masked, if she wants what is new masked. What shows by itself, a month later, is not: nobody
    spoke with her; she is told that day, and masks it if she likes.
    """
    if entry.caller.role in HOLDERS:
        raise Forbidden("L'annonce est faite par un professionnel.", code="author")
    _author_or_treating(entry, document)
    if document.visible_to_holder:
        raise ValidationError("Ce document est déjà visible du patient.", code="withheld")
    hidden = entry.dossier.masks_new_documents and document.origin == Document.Origin.PROFESSIONAL
    changes: dict[str, Any] = {"withheld": False, "visible_from": timezone.now()}
    changes |= {"masked": True} if hidden else {}
    _change(entry, document, Event.DOCUMENT_ANNOUNCED, **changes)
    if not document.secret and document.state == Document.State.CURRENT:
        notices.tell(document.dossier_id, Notice.Kind.DOCUMENT_SHOWN)


def show_representatives(entry: Entry, document: Document, *, asked_by_holder: bool = False) -> None:
    """Visible to the legal representatives, at the minor's recorded request (D11); there is no way back
    (EX_3.3-1045). Never by themselves.
    """
    if entry.caller.role in REPRESENTATIVES:
        raise Forbidden("Seul le mineur décide, avec le professionnel, de lever ce secret.", code="secret")
    _author_or_treating(entry, document)
    _at_request(entry, asked_by_holder)
    _change(entry, document, Event.DOCUMENT_UNMASKED, asked_by_holder, secret=False)


def classify(entry: Entry, document: Document, confidentiality: str) -> None:
    """Another confidentiality code (N, R, V), by an author."""
    _author(entry, document)
    _change(entry, document, Event.DOCUMENT_MASKED, confidentiality=confidentiality)


def withdraw(entry: Entry, document: Document) -> None:
    """Logical, by an author alone; the holder for what he deposited (D10). Row, content and history stay."""
    _author(entry, document)
    _change(entry, document, Event.DOCUMENT_WITHDRAWN, state=Document.State.DELETED)


def archive(entry: Entry, document: Document, archived: bool) -> None:
    _author_or_treating(entry, document)
    _change(entry, document, Event.DOCUMENT_ARCHIVED, archived=archived)


def _author(entry: Entry, document: Document) -> None:
    if entry.caller.author not in document.author_ids:
        raise Forbidden("Seul l'auteur d'un document peut faire cela.", code="author")


def _author_or_treating(entry: Entry, document: Document) -> None:
    if entry.caller.role in HOLDERS or is_treating(entry.facts) or entry.caller.author in document.author_ids:
        return
    raise Forbidden("Seuls l'auteur, le médecin traitant et le titulaire peuvent faire cela.", code="author")


def _at_request(entry: Entry, asked_by_holder: bool) -> None:
    """Who sees a document is the holder's to say: a professional does it at her request, and says so."""
    if entry.caller.role not in HOLDERS and not asked_by_holder:
        raise Forbidden(
            "Seul le titulaire décide de qui voit ce document, ou le professionnel à sa demande : dites-le "
            "(DMP-Holder-Request: true).",
            code="holder",
        )


def _change(entry: Entry, document: Document, event: Event, asked_by_holder: bool = False, **changes: object) -> None:
    oid = Patient.objects.filter(dossier_id=document.dossier_id).values_list("oid", flat=True).get()
    revise(entry, document, oid, **changes)
    if document.visible_from is not None:
        withheld.plan(document.dossier_id)
    said = {"asked_by": "holder"} if asked_by_holder else {}
    if isinstance(until := changes.get("masked_until"), dt.datetime):
        said["until"] = until.isoformat()
    trace(entry, event, document, version=document.version, changes=sorted(changes), **said)
