"""Requests whose deadline comes near, or is past: who is reminded, when. A mail has receipt numbers and dates."""

import datetime as dt
import logging
import uuid
from collections import defaultdict
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string

from access.models import User
from patients import deadlines
from patients.models_requests import RUNNING, Kind, Request

log = logging.getLogger(__name__)
BEFORE = (7, 3, 1)  # days before the deadline
PAST = -1  # reminded that it is late: to the operator too
REFLECTION = deadlines.of(Kind.DESTRUCTION).reflection
MOST = 5000  # rows looked at


@dataclass(frozen=True)
class Due:
    """A request not done whose deadline is near or past. `days` left, negative when late."""

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
    soon = today + dt.timedelta(days=within)
    rows = Request.objects.filter(state__in=RUNNING)
    rows = rows.filter(Q(due_on__lte=soon) | Q(kind=Kind.DESTRUCTION, due_on__lte=soon + REFLECTION))
    rows = rows.defer("said", "answer", "missing", "address", "extension").order_by("due_on", "asked_at")
    return [
        Due(
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
        for row in rows[:MOST]
        if row.answer_by <= soon
    ]


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
        rows = Request.objects.filter(dossier_id=one.dossier_id, pk=one.id)
        rows.update(reminded=one.step)  # no act on the request: its history says nothing of it
    late = sum(one.days < 0 for one in due(today))
    if late:
        log.warning("requests past their deadline: %s", late)
    return len(told)
