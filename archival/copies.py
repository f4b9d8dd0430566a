"""Ask for a copy, give it, destroy it. Each act writes row and trace in one transaction.

`ask` is the seam of the counter, of the post and of requests that were accepted; pages use it too.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from access import gate
from access.models import User
from archival import standing
from archival.copies_models import Copy, LegalCopy
from audit import trail
from audit.trail import SYSTEM, Actor, Event
from documents import keys, vault
from patients import envelopes
from patients.models import Channel, Dossier

DAYS = 8  # R1111-1: the delay of a copy; as long is it kept
MOST = 3  # of one dossier at once, for one who asks: nobody learns how many others have
TRIES = 3
SILENCE = dt.timedelta(minutes=10)  # a worker that says nothing for so long is dead


class Gone(Exception):
    """No such copy for who asks, or it is there no more."""


def store() -> vault.BlobStore:
    return vault.BlobStore(settings.MEDIA_ROOT / "copies")


def ask(
    dossier_id: uuid.UUID,
    *,
    kind: Copy.Kind,
    by: Actor,
    channel: Channel = Channel.WEB,
    asker: User | None = None,
    quality: Copy.Quality = Copy.Quality.HOLDER,
    request_id: uuid.UUID | None = None,
    legal_id: uuid.UUID | None = None,
) -> Copy:
    """Note it and wake the worker up. Raises ValidationError, `gate.Refused`, `gate.Absent`.

    `asker`: her account, when she asks in her own session. Without one, who identified her says her quality.
    """
    with transaction.atomic():
        Dossier.objects.select_for_update(of=("self",)).get(pk=dossier_id)
        row = Copy(
            dossier_id=dossier_id,
            kind=kind,
            channel=channel,
            asked_by=by.reference,
            asker_id=asker.pk if asker else None,
            quality=quality,
            request_id=request_id,
            legal_id=legal_id,
        )
        standing.of(row, Event.COPY_ASKED)
        _not_too_many(row)
        row.save(force_insert=True)
        _trace(row, Event.COPY_ASKED, by)
    transaction.on_commit(lambda: _wake(row))
    return row


def _wake(row: Copy) -> None:
    """What wakes up is only a call: the row says what is to be done, and a task that is lost is found again."""
    from archival.tasks import make_copy

    make_copy.delay(row.dossier_id.hex, row.pk.hex)


def _not_too_many(row: Copy) -> None:
    kept = list(Copy.objects.kept().filter(dossier_id=row.dossier_id).only("kind", "state", "asker_id", "legal_id"))
    same = [one for one in kept if one.is_under_way and (one.kind, one.asker_id) == (row.kind, row.asker_id)]
    if same and row.legal_id is None:
        raise ValidationError("Cette copie est déjà en préparation.", code="known")
    own = [one for one in kept if one.asker_id == row.asker_id]
    if len(own) >= MOST and row.channel == Channel.WEB:
        raise ValidationError(
            f"Vous avez déjà {MOST} copies de ce dossier. Détruisez-en une pour en demander une autre.", code="most"
        )


def hers(dossier_id: uuid.UUID, asker: User) -> list[Copy]:
    """What this account asked for, the latest first; the failed and the destroyed for thirty days."""
    rows = Copy.objects.filter(dossier_id=dossier_id, asker_id=asker.pk)
    since = timezone.now() - dt.timedelta(days=30)
    return list(
        rows.filter(Q(asked_at__gte=since) | Q(state__in=["asked", "running", "ready"])).order_by("-asked_at")
    )


def lost_by_closing(dossier_id: uuid.UUID) -> list[Copy]:
    """In the making or ready, whoever asked, with no recorded request behind: a closing destroys them (D13)."""
    rows = Copy.objects.kept().filter(dossier_id=dossier_id, request_id=None)
    return [row for row in rows.order_by("asked_at") if row.is_under_way or row.is_ready]


def one_of(dossier_id: uuid.UUID, asker: User, copy_id: uuid.UUID) -> Copy:
    """Raises `Gone`: another's copy of the same dossier is as absent as none."""
    row = Copy.objects.filter(dossier_id=dossier_id, asker_id=asker.pk, pk=copy_id).first()
    if row is None:
        raise Gone
    return row


# -- given -----------------------------------------------------------------------------------------------------
def give(row: Copy, *, by: Actor, event: Event = Event.COPY_FETCHED, **detail: Any) -> Iterator[bytes]:
    """The bytes, once the trace is committed. Raises `Gone`, `vault.Unreadable`, what the gate raises."""
    with transaction.atomic(durable=True):
        fresh = locked(row)
        if not fresh.is_ready:
            raise Gone
        _still_hers(fresh)
        fresh.fetched_at = timezone.now()
        fresh.save(update_fields=["fetched_at"])
        _trace(fresh, event, by, **detail)
    return _pieces(fresh, keys.of(fresh.dossier_id))


def _still_hers(row: Copy) -> None:
    """She still may, and each document in it still exists for her. Raises `gate.Refused`, `Gone`."""
    entry = standing.of(row, Event.COPY_FETCHED)
    if standing.documents(row, entry).filter(pk__in=row.contains).count() != len(row.contains):
        raise Gone


def _pieces(row: Copy, key: bytes) -> Iterator[bytes]:
    """Before each segment (64 KiB) but the first the right is looked at again, as for a document that leaves."""
    with store().open(row.pk) as file:
        for number, piece in enumerate(vault.unseal(key, row.pk, file)):
            if number and not _goes_on(row):
                raise Gone  # closed, destroyed or withdrawn meanwhile: the connection breaks here
            yield piece


def _goes_on(row: Copy) -> bool:
    known = Copy.objects.filter(dossier_id=row.dossier_id, pk=row.pk).first()
    try:
        if known is None or not known.is_ready:
            return False
        _still_hers(known)
    except (Gone, gate.Refused, gate.Absent):
        return False
    return True


# -- destroyed ---------------------------------------------------------------------------------------------------
def destroy(row: Copy, *, by: Actor, why: str) -> None:
    """The row first: whoever asks from then on is told that it is gone. The file is swept if a crash leaves it."""
    with transaction.atomic(), suppress(Gone):  # gone with its dossier meanwhile
        fresh = locked(row)
        if fresh.state == Copy.State.DESTROYED:
            return
        fresh.state, fresh.contains, fresh.step = Copy.State.DESTROYED, [], ""
        fresh.save(update_fields=["state", "contains", "step"])
        _trace(fresh, Event.COPY_DESTROYED, by, why=why)
        envelopes.gone(row.dossier_id, row.pk)
        transaction.on_commit(lambda: store().delete(row.pk))


def forget(dossier_id: uuid.UUID) -> None:
    """The files alone, of a dossier whose rows and key go: its destruction calls this. May run twice."""
    for name in Copy.objects.filter(dossier_id=dossier_id).values_list("pk", flat=True):
        store().delete(name)


def destroy_ended(now: dt.datetime | None = None) -> int:
    """Past their eight days; and those of a dossier closed since, unless a recorded request stands behind them."""
    now = now or timezone.now()
    closed = ~Q(dossier__state=Dossier.State.OPEN) & Q(request_id=None)
    rows = list(Copy.objects.kept().filter(Q(expires_at__lte=now) | closed))
    for row in rows:
        destroy(row, by=SYSTEM, why="closed" if row.expires_at is None or row.expires_at > now else "expired")
    return len(rows)


def sweep(now: float) -> int:
    """Files whose copy is not, or no more, in the making or ready: what a crash left, an hour old at least."""
    known = set(Copy.objects.kept().values_list("pk", flat=True))
    gone = [name for name, written in store().names() if name not in known and written < now - 3600]
    for name in gone:
        store().delete(name)
    for path in store().stale(now - 3600):
        path.unlink(missing_ok=True)
    return len(gone)


# -- for the worker ------------------------------------------------------------------------------------------------
def forgotten(now: dt.datetime) -> list[Copy]:
    """Asked for and not begun, or begun by a worker that says nothing any more."""
    late = Q(state=Copy.State.ASKED, asked_at__lt=now - dt.timedelta(minutes=1))
    dead = Q(state=Copy.State.RUNNING, seen_at__lt=now - SILENCE)
    return list(Copy.objects.filter(late | dead).order_by("asked_at")[:50])


def listed() -> list[Copy]:
    """For the operator, whatever the dossier: in the making, ready, or not made in the last thirty days."""
    since = timezone.now() - dt.timedelta(days=30)
    rows = Copy.objects.filter(Q(state__in=["asked", "running", "ready"]) | Q(state="failed", asked_at__gte=since))
    return list(rows.order_by("asked_at")[:1000])


def legal_by_id(legal_id: uuid.UUID) -> LegalCopy | None:
    return LegalCopy.objects.filter(pk=legal_id).first()


def claim(dossier_id: uuid.UUID, copy_id: uuid.UUID) -> Copy | None:
    """Taken by this worker, or None: another has it, or it is done. After `TRIES` it is given up."""
    now = timezone.now()
    with transaction.atomic():
        rows = Copy.objects.select_for_update(of=("self",), skip_locked=True)
        row = rows.filter(dossier_id=dossier_id, pk=copy_id).first()
        if row is None or not row.is_under_way:
            return None
        if row.state == Copy.State.RUNNING and row.seen_at and row.seen_at > now - SILENCE:
            return None
        row.attempts += 1
        row.state = Copy.State.FAILED if row.attempts > TRIES else Copy.State.RUNNING
        row.seen_at, row.progress, row.step = now, 0, ""
        row.save(update_fields=["attempts", "state", "seen_at", "progress", "step"])
        if row.state == Copy.State.FAILED:
            envelopes.gone(dossier_id, copy_id)
    return row if row.state == Copy.State.RUNNING else None


def fail(row: Copy, ground: str) -> None:
    """Raises `Gone`: it went with its dossier meanwhile."""
    with transaction.atomic():
        fresh = locked(row)
        if not fresh.is_under_way:
            return
        fresh.state, fresh.step = Copy.State.FAILED, ""
        fresh.save(update_fields=["state", "step"])
        _trace(fresh, Event.COPY_MADE, SYSTEM, allowed=False, ground=ground)
        envelopes.gone(row.dossier_id, row.pk)
        transaction.on_commit(lambda: store().delete(row.pk))


def locked(row: Copy) -> Copy:
    known = Copy.objects.select_for_update(of=("self",)).filter(dossier_id=row.dossier_id, pk=row.pk).first()
    if known is None:
        raise Gone
    return known


def _trace(row: Copy, event: Event, by: Actor, *, allowed: bool = True, ground: str = "", **detail: Any) -> None:
    trail.record(
        event,
        by=by,
        dossier_id=row.dossier_id,
        allowed=allowed,
        ground=ground,
        object_kind="copy",
        object_id=row.pk,
        detail={"kind": row.kind} | detail,
    )
