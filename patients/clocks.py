"""Whether the time may be believed, before what cannot be undone: a closing that dates ten years, a destruction.

Two clocks must agree: this machine's and the database's. On one machine they are one, and may both be wrong: so the
database remembers the last time that was believed, and until when the next may be without anybody's word
(`DMP_CLOCK_TRUST_DAYS`). Before it, or beyond, nothing is closed nor destroyed until the clock is mended or an
operator avows it (`manage.py clock`). The trigger of migration 0008 says the same of a closing.
"""

import datetime as dt

from django.conf import settings
from django.db import connection
from django.utils import timezone

from patients.models import Clock

SKEW = dt.timedelta(minutes=5)

_moved = dt.timedelta()  # by how much a demonstration moved this process's clock, and says so


class ClocksApart(Exception):
    """The time is not to be believed: nothing is destroyed."""


def avow_move(shift: dt.timedelta) -> None:
    """Of `archival.demo_clock` alone."""
    global _moved
    _moved = shift


def believed() -> dt.datetime:
    """The earlier of the two clocks: what is never to be early is decided by it. Raises `ClocksApart`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        base = cursor.fetchone()[0]
    moved = _moved if settings.DEMO else dt.timedelta()
    here, there = timezone.now(), base + moved
    if abs(there - here) > SKEW:
        said = int(abs(there - here).total_seconds())
        raise ClocksApart(f"{said} s séparent cette machine de la base : rien n'est détruit.")
    known = Clock.objects.first()
    if known is not None and base < known.seen_at - SKEW:
        raise ClocksApart(
            f"L'horloge a reculé : il était déjà le {_day(known.seen_at)}. Réglez-la. Rien n'est fermé ni détruit."
        )
    if known is not None and base > known.good_until:
        raise ClocksApart(
            f"Nous serions le {_day(base)}, et le dernier jour sûr est le {_day(known.seen_at)}. C'est bien cela ? "
            "Lancez clock. D'ici là rien n'est fermé ni détruit."
        )
    return min(here, there)


def note() -> dt.datetime:
    """Believed, it is remembered. Raises `ClocksApart`."""
    at = believed()
    _remember()
    return at


def avow() -> None:
    """An operator says that it is the time: remembered whatever was before, once the two clocks agree."""
    Clock.objects.all().delete()
    note()


def _remember() -> None:
    """By the database's clock, which no demonstration moves."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO patients_clock (id, seen_at, good_until) "
            "SELECT 1, at, at + make_interval(days => %(trust)s) FROM (SELECT clock_timestamp() AS at OFFSET 0) now "
            "ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, good_until = excluded.good_until "
            "WHERE patients_clock.seen_at < excluded.seen_at",
            {"trust": settings.CLOCK_TRUST_DAYS},
        )


def _day(at: dt.datetime) -> str:
    return f"{timezone.localtime(at):%d/%m/%Y}"
