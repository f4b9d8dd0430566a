"""One masked document opened by its holder to one named professional, until a date (features S42).

The right is a guardian permission on the document (`DocumentGrant`). A block beats it: the gate says BLOCKED.
"""

import datetime as dt

from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.utils import timezone

from access.durations import midnight_after
from access.gate import Entry
from access.grants import account_of
from access.models import Block, Professional, RunningQuerySet
from access.rights import Right
from access.words import polite
from audit.trail import Event
from documents import acts
from documents.masking import latest
from documents.models import Document, DocumentGrant


def open_to(entry: Entry, document: Document, professional: Professional, until: dt.datetime) -> DocumentGrant:
    """Until a date, a year at most; again changes the date. Raises ValidationError."""
    if not midnight_after(timezone.localdate()) <= until <= latest():
        raise ValidationError("Choisissez une fin entre ce soir et dans un an au plus.", code="until")
    user = account_of(professional)
    if Block.objects.running().filter(dossier=entry.dossier, user=user).exists():
        raise ValidationError("Ce professionnel est bloqué. Débloquez-le d'abord.", code="blocked")
    permission = Permission.objects.get(codename="consult_document", content_type__app_label="documents")
    what = {"dossier": entry.dossier, "content_object": document, "user": user, "permission": permission}
    grant = DocumentGrant.objects.filter(**what).first() or DocumentGrant(**what)
    grant.since, grant.until, grant.granted_by = timezone.now(), until, entry.actor.reference
    grant._history_user = entry.actor  # type: ignore[attr-defined]
    grant.save()
    _trace(entry, Event.DOCUMENT_OPENED_TO, document, professional, until=until.isoformat())
    return grant


def close_to(entry: Entry, document: Document, professional: Professional) -> None:
    """At once. Nothing to close is said, and changes nothing."""
    grant = _running(entry, document).filter(user__professional=professional).first()
    if grant is None:
        raise ValidationError("Ce document ne lui est pas ouvert.", code="none")
    grant.until = timezone.now()
    grant._history_user = entry.actor
    grant.save(update_fields=["until"])
    _trace(entry, Event.DOCUMENT_CLOSED_TO, document, professional)


def opened(entry: Entry, document: Document) -> list[tuple[Professional, str, Right]]:
    """To whom it is open now: the professional, his name, since and until when."""
    rows = _running(entry, document).select_related("user__professional").order_by("since", "id")
    people = [(row.user.professional, Right(row.since, row.until)) for row in rows]
    return [(one, polite(one.name), right) for one, right in people if one is not None]


def _running(entry: Entry, document: Document) -> RunningQuerySet:
    return DocumentGrant.rights.running().filter(dossier=entry.dossier, content_object=document)


def _trace(entry: Entry, event: Event, document: Document, professional: Professional, **detail: str) -> None:
    acts.trace(entry, event, document, to=professional.idnat, to_name=professional.name, **detail)
