import logging

from celery import shared_task

from archival import carry_out, destruction

log = logging.getLogger(__name__)


@shared_task
def carry_out_requests() -> tuple[int, int]:
    """Every ten minutes: what was accepted and may be done."""
    return carry_out.carry_out()


@shared_task
def destroy_what_is_due() -> int:
    """Every hour, some: what was begun and not ended, then what is past its ten years. Logs a count."""
    done = destruction.run(limit=500)
    if done:
        log.info("destruction: %d dossiers", done)
    return done
