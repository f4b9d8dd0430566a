"""The sessions of an account that are open: seen, and closed, by the person herself.

allauth keeps a row for each sign-in (`usersessions`); the session itself, its life and its end stay Django's. A
session closed here answers nothing from the next request on. Closing gives nothing to anybody: no password is
asked for it, so that who sees a stranger's session is rid of it at once.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from access.models import User
from access.sessions import trace_account
from audit.trail import Event

# What a browser says of itself (User-Agent), the first that fits: Edge and Opera also say Chrome, all say Safari.
BROWSERS = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
]
MACHINES = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
]


@dataclass(frozen=True)
class OpenSession:
    """One session, as its owner reads it. No place is told: an address says little, and often wrongly."""

    id: int
    device: str
    begun: dt.datetime
    last_use: dt.datetime
    is_current: bool


def device(user_agent: str) -> str:
    """« Firefox sur Windows »; what it says is believed for these words alone."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    machine = next((name for mark, name in MACHINES if mark in user_agent), "")
    return " sur ".join(filter(None, [browser, machine])) or "Appareil inconnu"


def note(request: HttpRequest) -> None:
    """Of a sign-in that did not go through allauth's own pages; those note theirs."""
    UserSession.objects.create_from_request(request)


def of(user: User, current: str | None) -> list[OpenSession]:
    """Those that still live, the present one first, then by last use."""
    rows = UserSession.objects.purge_and_list(user)
    kept = Session.objects.in_bulk([row.session_key for row in rows])
    idle = dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
    found = [
        OpenSession(
            row.pk,
            device(row.user_agent),
            row.created_at,
            kept[row.session_key].expire_date - idle,
            row.session_key == current,
        )
        for row in rows
        if row.session_key in kept
    ]
    return sorted(found, key=lambda one: (one.is_current, one.last_use), reverse=True)


def close(user: User, number: int) -> bool:
    """Whether there was such a session of this account."""
    return _end(user, UserSession.objects.filter(user=user, pk=number)) > 0


def close_others(user: User, current: str | None) -> int:
    """How many were closed."""
    return _end(user, UserSession.objects.filter(user=user).exclude(session_key=current or ""))


def forget(users: Collection[User]) -> None:
    """With their accounts: the session's own row is Django's, and says who signed in."""
    rows = UserSession.objects.filter(user__in=users)
    Session.objects.filter(pk__in=list(rows.values_list("session_key", flat=True))).delete()


def _end(user: User, rows: QuerySet[UserSession]) -> int:
    with transaction.atomic():
        ended = list(rows.select_for_update(of=("self",)))
        for one in ended:
            one.end()
        if ended:
            trace_account(user, Event.SESSIONS_CLOSED, means="compte", detail={"count": len(ended)})
    return len(ended)
