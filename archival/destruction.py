"""Destroying a dossier ten years after its closing (articles L1111-18, R1111-36; D13 to D16).

In this order, each step safe to do again: the dossier is marked destroyed, from when nobody finds it; its tombstone
is laid outside every backup, from when none brings it back; its data key goes, from when no copy of its contents
opens; its files; then in one transaction its rows, its
histories, its traces, the accounts that served nothing else, against a certificate without identity.
Killed anywhere, the next run goes on from what the database says.
"""

import datetime as dt
import logging
import math
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from access import open_sessions
from access.models import Representation, User
from archival import certificates, copies, holds, tombstones
from archival.holds_models import LegalHold
from archival.models import Certificate, Tombstone
from archival.purge import REACH, TRACES, empty
from documents import contents
from documents.models import DataKey, Document
from patients import clocks, letters, notices
from patients.clocks import ClocksApart
from patients.dossiers import is_over
from patients.models import Dossier, IdentityIndex, Notice, OpeningRequest
from patients.models_requests import Kind, Request, State

log = logging.getLogger(__name__)
TELLING = dt.timedelta(hours=1)
CHUNK = 500  # keys in memory at once


def refuse_clocks_apart() -> dt.datetime:
    """The earlier of this machine's clock and the database's. Raises `ClocksApart`."""
    return clocks.believed()


def due(limit: int | None = None) -> Iterator[uuid.UUID]:
    """Begun and not ended first; then those whose last day is past in Paris, the oldest first."""
    begun = Dossier.objects.filter(state=Dossier.State.DESTROYED).values_list("pk", flat=True)
    yield from begun[:limit].iterator(chunk_size=CHUNK)
    # Ten years are never fewer days than these: the index leaves out the many, the rule counts the day itself.
    long_ago = timezone.now() - dt.timedelta(days=3650)
    closed = Dossier.objects.filter(state=Dossier.State.CLOSED, closed_at__lte=long_ago).order_by("closed_at")
    closed = closed.exclude(pk__in=LegalHold.objects.running().values("dossier_id"))
    for key, closed_at in closed.values_list("pk", "closed_at")[:limit].iterator(chunk_size=CHUNK):
        if is_over(closed_at):
            yield key


def destroy(dossier_id: uuid.UUID) -> Certificate | None:
    """The certificate; None when it is not due (reopened meanwhile) or another run has it."""
    at = refuse_clocks_apart()
    return end(dossier_id) if _claim(dossier_id, at) else None


def end(dossier_id: uuid.UUID) -> Certificate | None:
    """Of one marked destroyed, from where the last run stopped. None: another run has it, or it tells first."""
    tombstones.lay(dossier_id)
    documents = list(Document.objects.filter(dossier_id=dossier_id).values_list("pk", flat=True))
    DataKey.objects.filter(dossier_id=dossier_id).delete()
    for document_id in documents:
        contents.store().delete(document_id)
    copies.forget(dossier_id)
    for name in _letters_of(dossier_id):
        letters.forget(name)
    return None if _is_telling(dossier_id) else _forget(dossier_id)


def _letters_of(dossier_id: uuid.UUID) -> list[str]:
    """How the names begin of letters to this person, and to who acted in this dossier and no other."""
    asked = OpeningRequest.objects.filter(insured_id__in=_lookups(dossier_id)).values_list("pk", flat=True)
    return [f"acces-{user.pk.hex}" for user in _accounts_of_nothing_else(dossier_id)] + [str(key) for key in asked]


def _lookups(dossier_id: uuid.UUID) -> list[bytes]:
    """The keyed hashes of the number of the person: what the insured register knows her by."""
    return [bytes(key) for key in IdentityIndex.objects.filter(dossier_id=dossier_id).values_list("pk", flat=True)]


def _is_telling(dossier_id: uuid.UUID) -> bool:
    """The last word to who asked for it: once the contents are gone for ever, before her address goes too.

    An hour, and no more, is given to the mail, or to the letter of who has no e-mail.
    """
    if not _asked(dossier_id).exists():
        return False
    last_word = Notice.objects.filter(dossier_id=dossier_id, kind=Notice.Kind.DESTROYED)
    if not last_word.exists():
        notices.tell_all(dossier_id, Notice.Kind.DESTROYED)
    return last_word.filter(sent_at=None, created_at__gt=timezone.now() - TELLING).exists()


def _asked(dossier_id: uuid.UUID) -> QuerySet[Request]:
    """The early destruction that was accepted and begun."""
    return Request.objects.filter(dossier_id=dossier_id, kind=Kind.DESTRUCTION, state=State.DONE)


def _claim(dossier_id: uuid.UUID, at: dt.datetime | None = None) -> bool:
    """The point of no return, under the dossier's lock: a reactivation comes before it or not at all.

    `at`: the earlier of the two clocks, so that none of them is past midnight alone.
    """
    with transaction.atomic():
        rows = Dossier.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=dossier_id)
        dossier = rows.first()
        if dossier is None or dossier.is_open:
            return False
        if dossier.state == Dossier.State.CLOSED:
            if not is_over(dossier.closed_at, at) or holds.keeps(dossier_id):
                return False
            Dossier.objects.filter(pk=dossier_id).update(state=Dossier.State.DESTROYED)
    return True


def _forget(dossier_id: uuid.UUID) -> Certificate | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT closed_at FROM patients_dossier d WHERE id = %s FOR UPDATE OF d SKIP LOCKED",
            [dossier_id],
        )
        found = cursor.fetchone()
        if found is None:
            return None
        accounts, reference = _accounts_of_nothing_else(dossier_id), _reference(dossier_id)
        open_sessions.forget(accounts)
        OpeningRequest.objects.filter(insured_id__in=_lookups(dossier_id)).delete()
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        # D15: the traces go, their digests stay in the certificate, so that a sealed log stays provable.
        cursor.execute("SELECT seq, leaf FROM audit_forget_dossier(%s) ORDER BY seq", [dossier_id])
        leaves = [bytes(leaf).hex() for _, leaf in cursor.fetchall()]
        counts = {"audit_trace": len(leaves)}
        for table in REACH:
            if table not in TRACES:
                counts[table] = empty(cursor, table, dossier_id)
        keys = [user.pk for user in accounts]  # deleted, a row forgets its key
        for user in accounts:
            user.delete()
        cursor.execute("DELETE FROM access_historicaluser WHERE id = ANY(%s)", [keys])  # the deletion wrote one
        return _certify(reference, found[0], _ground(dossier_id, found[0]), counts, leaves)


def _reference(dossier_id: uuid.UUID) -> str:
    """The one that the person was given when her request was accepted; else drawn here, known to nobody."""
    told = _asked(dossier_id).values_list("certificate", flat=True).first()
    if told and not Certificate.objects.filter(pk=told).exists():
        return told
    return secrets.token_hex(16)


def _ground(dossier_id: uuid.UUID, closed_at: dt.datetime) -> str:
    """Why: its ten years are over, the person asked for it, or a backup had brought it back."""
    if Tombstone.objects.filter(mark=tombstones.mark_of(dossier_id), came_back=True).exists():
        return "restored"
    return "term" if is_over(closed_at) else "asked"


def _accounts_of_nothing_else(dossier_id: uuid.UUID) -> list[User]:
    """Of persons who held, or acted in, this dossier and no other."""
    here = Representation.objects.filter(dossier_id=dossier_id).values_list("user_id", flat=True)
    elsewhere = Representation.objects.filter(~Q(dossier_id=dossier_id), user_id__in=list(here))
    users = User.objects.filter(pk__in=list(here), kind=User.Kind.PERSON)
    return list(users.exclude(pk__in=list(elsewhere.values_list("user_id", flat=True))))


def _certify(
    reference: str, closed_at: dt.datetime, ground: str, counts: dict[str, int], leaves: list[str]
) -> Certificate:
    """Days, not instants: an instant may be found again elsewhere."""
    statement: dict[str, Any] = {
        "reference": reference,
        "ground": ground,
        "closed_on": timezone.localdate(closed_at).isoformat(),
        "destroyed_on": timezone.localdate().isoformat(),
        "counts": {name: count for name, count in sorted(counts.items()) if count},
        "trace_leaves": leaves,
    }
    text, signature = certificates.sign(statement)
    return Certificate.objects.create(reference=reference, statement=text, signature=signature)


def attempt(dossier_id: uuid.UUID) -> Certificate | None:
    """One that cannot be destroyed keeps no other from it: its turn comes again. Its name is not told."""
    try:
        return destroy(dossier_id)
    except ClocksApart:
        raise
    except Exception as error:  # noqa: BLE001 (a disk, a row that nobody foresaw: whatever it is, the others wait)
        log.error("destruction: one dossier failed (%s)", type(error).__name__)
        return None


def run(
    limit: int | None = None, seconds: float = math.inf, progress: Callable[[int], None] = lambda count: None
) -> int:
    """One after the other until none is due, `limit` are done or the time is over. How many were destroyed."""
    refuse_clocks_apart()
    done, until = 0, time.monotonic() + seconds
    for key in due():
        if attempt(key) is not None:
            done += 1
            progress(done)
        if done == limit or time.monotonic() > until:
            break
    return done
