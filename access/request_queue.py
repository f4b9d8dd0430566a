"""One list of work: the requests of the funds an agent serves and, for operators, the contested accesses too.

No name of a holder is in the list: it is read on the sheet of a request, which leaves a trace.
"""

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from access.counter import served
from access.models import Contest, User
from fhir import ids
from patients import codes
from patients.models_requests import RUNNING, Request, State

SHOWN = 200
ALL, MINE, FREE, LATE, OVER = "toutes", "miennes", "libres", "retard", "finies"
VIEWS = {ALL: "À faire", LATE: "En retard", FREE: "Sans responsable", MINE: "Les miennes", OVER: "Terminées"}


@dataclass(frozen=True)
class Line:
    """One thing to do, whatever its table."""

    number: str
    kind: str
    state: str
    channel: str
    asked: dt.date
    due: dt.date
    owner: str
    address: str
    running: bool

    @property
    def days(self) -> int:
        return (self.due - timezone.localdate()).days

    @property
    def late(self) -> bool:
        return self.running and self.days < 0


def lines(user: User, view: str = ALL) -> list[Line]:
    """The most urgent first; of what is over, the latest first."""
    found = [_line(row) for row in _viewed(seen_by(user), user, view)]
    if user.kind == User.Kind.OPERATOR:
        found += [_contest(row) for row in _contests(user, view)]
    found.sort(key=lambda line: line.due, reverse=view == OVER)
    return found[:SHOWN]


def seen_by(user: User) -> QuerySet[Request]:
    """An agent's: those of the funds he serves. An operator's: all. `said` and the like are for the sheet."""
    rows = Request.objects.defer("said", "answer", "missing", "address", "extension")
    return rows if user.kind == User.Kind.OPERATOR else rows.filter(dossier__caisse__in=served(user))


def by_number(user: User, typed: str) -> Request | None:
    """As the receipt prints it, with or without its dashes."""
    number = codes.typed(typed)
    return seen_by(user).filter(number=number.removeprefix("D") if len(number) == 11 else number).first()


def late(user: User) -> int:
    return sum(line.late for line in lines(user, LATE))


def _viewed(rows: QuerySet[Request], user: User, view: str) -> list[Request]:
    if view == OVER:
        return list(rows.exclude(state__in=RUNNING).order_by("-due_on")[:SHOWN])
    rows = rows.filter(state__in=RUNNING)
    if view == MINE:
        rows = rows.filter(owner=user.actor().reference)
    elif view == FREE:
        rows = rows.filter(owner="")
    elif view == LATE:
        rows = rows.filter(due_on__lt=timezone.localdate())
    return list(rows.order_by("due_on")[:SHOWN])


def _contests(user: User, view: str) -> list[Contest]:
    rows = Contest.objects.defer("reason", "answer").select_related("owner").filter(answered_at=None)
    if view == OVER:
        rows = Contest.objects.defer("reason", "answer").select_related("owner").exclude(answered_at=None)
    elif view == MINE:
        rows = rows.filter(owner=user)
    elif view == FREE:
        rows = rows.filter(owner=None)
    elif view == LATE:
        rows = rows.filter(due_at__lt=timezone.now())
    return list(rows.order_by("-due_at" if view == OVER else "due_at")[:SHOWN])


def _line(row: Request) -> Line:
    return Line(
        number=row.on_paper,
        kind=row.get_kind_display(),
        state=row.get_state_display(),
        channel=row.get_channel_display(),
        asked=timezone.localdate(row.asked_at),
        due=row.due_on,
        owner=row.owner_name,
        address=reverse("counter_request", args=[ids.join(row.dossier_id, row.pk)]),
        running=row.is_running,
    )


def _contest(row: Contest) -> Line:
    answered = row.answered_at is not None
    return Line(
        number="accès contesté",
        kind="Contestation d'un accès",
        state="répondue" if answered else State.IN_PROGRESS.label if row.owner_id else State.RECEIVED.label,
        channel="en ligne",
        asked=timezone.localdate(row.asked_at),
        due=timezone.localdate(row.due_at),
        owner=str(row.owner or ""),
        address=reverse("admin:access_contest_change", args=[row.pk]),
        running=not answered,
    )
