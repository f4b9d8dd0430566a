import logging
import time
import uuid

from celery import shared_task
from django.utils import timezone

from archival import carry_out, copies, destruction, envelopes, making, requested_copies, sweep
from patients import clocks

MOST = 50 * 60.0  # seconds of one run
LONGEST_COPY = 30 * 60  # seconds: then the worker is killed, and `make_copies` finds it begun
log = logging.getLogger(__name__)


@shared_task
def carry_out_requests() -> tuple[int, int]:
    """Every ten minutes: what was accepted and may be done. The hour of each round, if it is believed, is kept."""
    requested_copies.prepare()
    carry_out.warn_of_destruction()
    clocks.note()
    return carry_out.carry_out()


@shared_task(time_limit=LONGEST_COPY)
def make_copy(dossier_id: str, copy_id: str) -> None:
    """May run twice, and be lost: `make_copies` finds what was not begun."""
    making.make(uuid.UUID(dossier_id), uuid.UUID(copy_id))


@shared_task
def make_copies() -> int:
    """Every minute: what was asked for and not begun, or begun by a worker that died."""
    rows = copies.forgotten(timezone.now())
    for row in rows:
        making.make(row.dossier_id, row.pk)
    return len(rows)


@shared_task
def print_envelopes() -> int:
    """Every fifteen seconds: an agent is waiting beside the printer."""
    return envelopes.print_asked()


@shared_task
def destroy_ended_copies() -> int:
    """Every ten minutes: past their eight days, of a dossier that closed, handed over; then what a crash left."""
    count = copies.destroy_ended() + envelopes.destroy_handed()
    copies.sweep(time.time())
    return count


@shared_task
def sweep_what_is_left() -> None:
    """Every night: what of a destroyed dossier is there again, or still. Logs counts."""
    found = sweep.run()
    level = logging.ERROR if found.unknown else logging.INFO
    log.log(level, "left of destroyed dossiers: %d swept, %d unknown", found.swept, found.unknown)


@shared_task
def destroy_what_is_due() -> int:
    """Every hour, until nothing is due or the next run is near: what was begun and not ended, then what is past its
    ten years. Logs a count."""
    done = destruction.run(seconds=MOST)
    if done:
        log.info("destruction: %d dossiers", done)
    return done
