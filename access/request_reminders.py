"""Requests and contested accesses whose deadline comes near, or is past: who is reminded, when.

A mail has receipt numbers and dates. Both tables give the same lines (`due`): what is added to one list is in all.
"""

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from access.models import Contest, User
from audit.trail import ActorKind
from patients import deadlines
from patients.models_requests import RUNNING, Kind, Request

log = logging.getLogger(__name__)
BEFORE = (7, 3, 1)  # days before the deadline
PAST = -1  # reminded that it is late: to the operator too
REFLECTION = deadlines.of(Kind.DESTRUCTION).reflection
MOST = 5000  # rows looked at


@dataclass(frozen=True)
class Due:
    """What is not done and whose deadline is near or past. `days` left, negative when late. `table`: where it is."""

    table: type[Request] | type[Contest]
    dossier_id: uuid.UUID
    id: uuid.UUID
    number: str
    kind: str
    state: str
    due_on: dt.date
    days: int
    owner: str
    owner_name: str
    reminded: int | None

    @property
    def step(self) -> int:
        return PAST if self.days < 0 else min(one for one in BEFORE if self.days <= one)

    @property
    def wants_reminder(self) -> bool:
        return self.reminded is None or self.step < self.reminded


def due(today: dt.date, within: int = BEFORE[0]) -> list[Due]:
    """The most urgent first, on every dossier."""
    last = today + dt.timedelta(days=within)
    return sorted([*_requests(last, today), *_contests(last, today)], key=lambda one: (one.due_on, one.number))


def _requests(last: dt.date, today: dt.date) -> Iterator[Due]:
    rows = Request.objects.filter(state__in=RUNNING)
    rows = rows.filter(Q(due_on__lte=last) | Q(kind=Kind.DESTRUCTION, due_on__lte=last + REFLECTION))
    rows = rows.defer("said", "answer", "missing", "address", "extension").order_by("due_on", "asked_at")
    for row in (one for one in rows[:MOST] if one.answer_by <= last):
        yield Due(
            Request,
            row.dossier_id,
            row.pk,
            row.on_paper,
            row.get_kind_display(),
            row.get_state_display(),
            row.answer_by,
            (row.answer_by - today).days,
            row.owner,
            row.owner_name,
            row.reminded,
        )


def _contests(last: dt.date, today: dt.date) -> Iterator[Due]:
    """Answered by an operator, within a month as the others (RGPD, article 12.3)."""
    end = timezone.make_aware(dt.datetime.combine(last + dt.timedelta(days=1), dt.time.min))
    rows = Contest.objects.filter(answered_at=None, due_at__lt=end).order_by("due_at", "asked_at")
    for row in rows.defer("reason", "answer").select_related("owner")[:MOST]:
        due_on = timezone.localdate(row.due_at)
        yield Due(
            Contest,
            row.dossier_id,
            row.pk,
            f"accès {row}",
            "Contestation d'un accès",
            "en cours d'examen" if row.owner else "reçue",
            due_on,
            (due_on - today).days,
            row.owner.actor(ActorKind.OPERATOR).reference if row.owner else "",
            str(row.owner or ""),
            row.reminded,
        )


def letters(today: dt.date) -> dict[str, list[Due]]:
    """Who would be written to, about what: whoever follows it; the operator when nobody does, and when it is late."""
    wanted = [one for one in due(today) if one.wants_reminder]
    names = {one.owner.partition(":")[2] for one in wanted if one.owner}
    staff = User.objects.filter(pk__in=names, is_active=True, is_staff=True).exclude(email=None)
    addresses = {str(user.pk): str(user.email) for user in staff}
    found: dict[str, list[Due]] = defaultdict(list)
    for one in wanted:
        owner = addresses.get(one.owner.partition(":")[2], "")
        others = settings.OPERATOR_EMAIL if one.step == PAST or not owner else ""
        for address in {owner, others} - {""}:
            found[address].append(one)
    return dict(found)


def remind(today: dt.date) -> int:
    """Each step of each request once. A mail that fails is tried the next day, with the next ones. How many rows."""
    told: dict[uuid.UUID, Due] = {}
    for address, some in sorted(letters(today).items()):
        context = {"some": some, "backoffice": settings.BACKOFFICE_URL}
        try:
            body = render_to_string("emails/requests_due.txt", context)
            send_mail("Demandes à traiter", body, None, [address])
        except OSError:
            log.warning("requests: a reminder could not be sent")
            continue
        told |= {one.id: one for one in some}
    for one in told.values():
        rows: QuerySet[Request] | QuerySet[Contest] = one.table.objects.filter(dossier_id=one.dossier_id, pk=one.id)
        rows.update(reminded=one.step)  # no act on it: its history says nothing of this
    late = sum(one.days < 0 for one in due(today))
    if late:
        log.warning("requests past their deadline: %s", late)
    return len(told)
