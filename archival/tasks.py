from celery import shared_task

from archival import carry_out


@shared_task
def carry_out_requests() -> tuple[int, int]:
    """Every ten minutes: what was accepted and may be done."""
    return carry_out.carry_out()
