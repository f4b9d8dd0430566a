"""What the holder is told. Written with the act, in its transaction; sent by a task. No health content.

`created_at` says from when a notice may leave: those planned for a day to come wait in the outbox until then.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from audit.scoped import uuid7
from patients import dossiers
from patients.models import Dossier, Notice, Patient

# What who has no e-mail is told by a letter: the rest she learns when she asks for it. Never an empty silence before
# what cannot be undone (R1111-36: she is told).
BY_POST = (
    Notice.Kind.DESTRUCTION_NEAR,
    Notice.Kind.DESTROYED,
    Notice.Kind.DOSSIER_CLOSED,
    Notice.Kind.DOSSIER_REOPENED,
    Notice.Kind.REQUEST_DONE,
    Notice.Kind.COPY_READY,
)
# One statement: one unsent notice of a kind is enough; without an e-mail it is a letter, or nothing.
_TELL = """
INSERT INTO patients_notice (id, dossier_id, kind, email, bucket, created_at, attempts)
SELECT %(id)s::uuid, dossier_id, %(kind)s::text, email, 0, %(now)s::timestamptz, 0 FROM patients_patient
WHERE dossier_id = %(dossier)s AND (email <> '' OR %(letter)s) AND NOT EXISTS (
    SELECT 1 FROM patients_notice WHERE dossier_id = %(dossier)s AND kind = %(kind)s
    AND created_at <= %(now)s::timestamptz AND (sent_at IS NULL OR created_at >= %(after)s::timestamptz))"""


def tell(dossier_id: uuid.UUID, kind: Notice.Kind, *, once_a_day: bool = False, by_post: bool = True) -> None:
    """Put a notice in the outbox of this dossier's holder; with `once_a_day`, none if one of today was put there.

    Without an e-mail it is a letter (`patients.notice_letters`), for the kinds that are, unless `by_post` is False.
    """
    now = timezone.now()
    after = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) if once_a_day else None
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "id": uuid7(),
            "dossier": dossier_id,
            "kind": kind.value,
            "now": now,
            "after": after,
            "letter": by_post and kind in BY_POST,
        }
        cursor.execute(_TELL, values)


def _nobody(dossier_id: uuid.UUID) -> Iterable[str]:
    return ()


# The addresses of who speaks for a holder today: `access` knows them, and says so when it starts.
representatives: Callable[[uuid.UUID], Iterable[str]] = _nobody


def tell_all(dossier_id: uuid.UUID, kind: Notice.Kind, *, by_post: bool = True) -> None:
    """What changes the whole dossier: its holder, and each who speaks for her. One of two parents did it: the other
    learns it while it can be undone. A letter only where nobody has an e-mail."""
    speaking = set(representatives(dossier_id))
    tell(dossier_id, kind, by_post=by_post and not speaking)
    unsent = Notice.objects.filter(dossier_id=dossier_id, kind=kind, sent_at=None)
    holders = Patient.objects.filter(dossier_id=dossier_id).values_list("email", flat=True)
    others = speaking - {*unsent.values_list("email", flat=True), *holders}
    Notice.objects.bulk_create(Notice(dossier_id=dossier_id, kind=kind, email=one) for one in sorted(others))


# Sent to the address of the day, which may have changed meanwhile, and only while the dossier is open.
PLANNED = (Notice.Kind.NEWS, Notice.Kind.DOCUMENT_SHOWN)


def plan(dossier_id: uuid.UUID, wanted: Sequence[tuple[Notice.Kind, dt.datetime]]) -> None:
    """What this dossier's holder is to be told on days to come, instead of what was planned before."""
    planned = Notice.objects.filter(dossier_id=dossier_id, kind__in=PLANNED, sent_at=None)
    planned.filter(created_at__gt=timezone.now()).delete()
    Notice.objects.bulk_create(Notice(dossier_id=dossier_id, kind=kind, created_at=at) for kind, at in wanted)


def tell_who_came_of_age() -> int:
    """To those who are of age since less than a week: the dossier is theirs, their parents' right is over (D11).

    Once for ever a dossier; a week, should the task have missed some nights.
    """
    last = dossiers.youngest_of_age(timezone.now())
    people = Patient.objects.filter(
        birth_date__range=(last - dt.timedelta(days=7), last), dossier__state=Dossier.State.OPEN
    ).exclude(email="")
    people = people.exclude(dossier__notices__kind=Notice.Kind.MAJORITY)
    kind = Notice.Kind.MAJORITY
    told = [Notice(dossier_id=name, kind=kind, email=email) for name, email in people.values_list("dossier", "email")]
    return len(Notice.objects.bulk_create(told))
