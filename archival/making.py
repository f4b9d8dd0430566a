"""Make a copy: decided anew, traced before a byte is read, streamed into a sealed file, decided again at the end.

Nothing readable touches the disk. At each end of the work the right is asked: what changed meanwhile counts.
"""

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from access import gate
from archival import copies, digital, paper, selection, standing
from archival.copies_models import Copy
from archival.progress import Progress, Stopped
from archival.selection import Selection
from audit import trail
from audit.trail import SYSTEM, Event
from documents import keys, sandbox, vault
from patients import envelopes, notices, requests
from patients.models import Channel, Notice

log = logging.getLogger(__name__)
AGAIN = (OSError, sandbox.NotStarted)  # the machine's fault: the next round tries again


def make(dossier_id: uuid.UUID, copy_id: uuid.UUID) -> None:
    """May run twice: the row says who has it."""
    row = copies.claim(dossier_id, copy_id)
    if row is None:
        return
    try:
        _make_or_say_why(row)
    except (Stopped, copies.Gone):
        copies.store().delete(row.pk)


def _make_or_say_why(row: Copy) -> None:
    try:
        _make(row)
    except gate.Refused as refusal:
        copies.fail(row, refusal.decision.ground)
    except gate.Absent:
        copies.fail(row, "absent")
    except (vault.Unreadable, sandbox.Unanswered) as error:
        log.error("copies: one cannot be made (%s)", type(error).__name__)
        copies.fail(row, "unreadable")
    except AGAIN as error:
        log.warning("copies: one was left for the next round (%s)", type(error).__name__)


def _make(row: Copy) -> None:
    with transaction.atomic(durable=True):
        entry = standing.of(row, Event.COPY_MADE)
        chosen = selection.make(row, entry)
        by = replace(SYSTEM, on_behalf_of=row.asked_by)
        detail = {"kind": row.kind, "documents": len(chosen.pieces)}
        ground = entry.decision.ground
        trail.record(
            Event.COPY_MADE,
            by=by,
            dossier_id=row.dossier_id,
            ground=ground,
            object_kind="copy",
            object_id=row.pk,
            detail=detail,
        )
    progress = Progress(row, len(chosen.pieces))
    digest, size = _seal(row, chosen, progress)
    _finish(row, chosen, digest, size, progress.pages)


def _seal(row: Copy, chosen: Selection, progress: Progress) -> tuple[bytes, int]:
    """SHA-256 and size (bytes) of what was sealed."""
    digest, size = hashlib.sha256(), 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        made = paper.pieces if row.kind == Copy.Kind.PAPER else digital.pieces
        for piece in made(chosen, progress):
            digest.update(piece)
            size += len(piece)
            yield piece

    copies.store().put(row.pk, vault.seal(keys.make(row.dossier_id), row.pk, counted()))
    return digest.digest(), size


def _finish(row: Copy, chosen: Selection, digest: bytes, size: int, pages: int) -> None:
    """Under the dossier's lock: a closing, a destruction, a right that ended meanwhile come before or after it."""
    with transaction.atomic(durable=True):
        entry = standing.of(row, Event.COPY_MADE, lock=True)
        fresh = copies.locked(row)
        still = set(standing.documents(row, entry).values_list("pk", flat=True))
        if fresh.state != Copy.State.RUNNING:
            raise Stopped
        if not still.issuperset(chosen.ids):
            fresh.state = Copy.State.ASKED  # one of them went away: made again, without it
            fresh.save(update_fields=["state"])
            return
        now = timezone.now()
        fresh.state, fresh.progress, fresh.step = Copy.State.READY, 100, ""
        fresh.ready_at, fresh.expires_at = now, now + dt.timedelta(days=copies.DAYS)
        fresh.size, fresh.sha256, fresh.contains, fresh.left_out = size, digest, chosen.ids, chosen.left_out
        fresh.save()
        if fresh.request_id is not None:
            _told_ready(fresh)
        if fresh.kind == Copy.Kind.PAPER:
            envelopes.ready(row.dossier_id, row.pk, pages)
        if fresh.legal_id is None and fresh.channel != Channel.POST:  # the post brings the copy itself
            notices.tell(row.dossier_id, Notice.Kind.COPY_READY)


def _told_ready(row: Copy) -> None:
    """The request behind it may end now. Cancelled meanwhile, it stays so."""
    assert row.request_id is not None
    with suppress(ValidationError, requests.Gone):
        requests.prepared(row.dossier_id, row.request_id, by=SYSTEM)
