"""The holder contests an access of the trail; the operator answers (features M15, RGPD articles 12.3 and 15).

A contest is one a trace, has a date by which it is answered and somebody in charge. It holds what the holder
says and which trace: nothing of a document.
"""

import datetime as dt
import uuid

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from access.gate import Entry
from access.models import Contest, User
from audit import trail
from audit.models import Trace
from audit.trail import ActorKind, Event
from patients import notices
from patients.models import Notice

DAYS = 30  # RGPD, article 12.3: a month at most


def contest(entry: Entry, trace: Trace, reason: str) -> Contest:
    """Of a trace that who asks may read, and of somebody else's act. Once: a second time says so."""
    if trace.actor_id == entry.actor.id:
        raise ValidationError("C'est vous qui avez fait cela : il n'y a rien à contester.", code="own")
    if Contest.objects.filter(dossier=entry.dossier, trace_id=trace.pk).exists():
        raise ValidationError("Cet accès est déjà contesté. La réponse s'affichera dans Activité.", code="known")
    now = timezone.now()
    row = Contest(
        dossier=entry.dossier,
        trace_id=trace.pk,
        reason=reason,
        asked_at=now,
        asked_by=entry.actor.reference,
        due_at=now + dt.timedelta(days=DAYS),
    )
    row._history_user = entry.actor  # type: ignore[attr-defined]
    row.save()
    entry.trace(Event.ACCESS_CONTESTED, object_kind="trace", object_id=trace.pk)
    return row


@transaction.atomic
def answer(row: Contest, by: User, *, owner: User | None, text: str) -> None:
    """Who is in charge, and the answer once there is one: the holder is told, in the same transaction.

    An answer given is kept as it is. Raises ValidationError.
    """
    known = Contest.objects.select_for_update(of=("self",)).get(dossier_id=row.dossier_id, pk=row.pk)
    if known.answered_at is not None:
        raise ValidationError("La réponse est déjà partie : elle ne se change plus.", code="answered")
    actor = by.actor(ActorKind.OPERATOR, means="backoffice")
    if owner != known.owner:
        known.reminded = None  # whoever takes it over is reminded in his turn
    known.owner, known.answer = owner, text.strip()
    known._history_user = actor  # type: ignore[attr-defined]
    known._change_reason = "répondu" if known.answer else f"confié à {owner or 'personne'}"  # type: ignore[attr-defined]
    if known.answer:
        known.answered_at = timezone.now()
        trail.record(
            Event.CONTEST_ANSWERED,
            by=actor,
            dossier_id=known.dossier_id,
            object_kind="trace",
            object_id=known.trace_id,
        )
        notices.tell(known.dossier_id, Notice.Kind.CONTEST_ANSWERED)
    known.save(update_fields=["owner", "answer", "answered_at", "reminded"])


def state(row: Contest) -> str:
    """How far it is, and how late: what the operator sorts his day by."""
    if row.answered_at is not None:
        return "répondu" if row.answered_at <= row.due_at else "répondu, hors délai"
    if row.is_late:
        days = (timezone.now() - row.due_at).days
        return f"EN RETARD de {days} jour{'s' if days > 1 else ''}" if days else "EN RETARD"
    return "en cours" if row.owner_id else "à attribuer"


def subject_of(row: Contest) -> Trace | None:
    """Who, what kind of act and when: the columns of the trail that name no document, and no others."""
    shown = ("id", "dossier_id", "at", "event", "allowed", "ground", "actor_kind", "actor_name", "structure_name")
    traces = Trace.objects.about(row.dossier_id).filter(pk=row.trace_id, at__lte=row.asked_at)
    return traces.only(*shown).first()


def of_traces(dossier_id: uuid.UUID, traces: object) -> list[Contest]:
    """The contests about these traces (a queryset of those the reader may see), newest first."""
    rows = Contest.objects.filter(dossier_id=dossier_id, trace_id__in=traces)  # type: ignore[misc]
    return list(rows.order_by("-asked_at"))
