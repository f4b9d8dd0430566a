"""What was accepted is carried out: one callable a kind of request. The only place where they are plugged in.

A carrier is called in the transaction that marks the request done, once the time to think it over is past; it may be
called again after a failure. Raising leaves the request « acceptée, à exécuter », for the next round. A kind without
a carrier is carried out by a person, who says « C'est fait » on the sheet of the request.
"""

import logging
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.trail import SYSTEM, Actor
from patients import dossiers, requests
from patients.models import Dossier
from patients.models_requests import Kind, Request, State

log = logging.getLogger(__name__)
Carrier = Callable[[Request, Actor], None]
BATCH = 200


def close(row: Request, by: Actor) -> None:
    """Closed meanwhile by another way: what was asked is done."""
    asked_by = row.asked_by.partition(":")[0]
    closure = Dossier.Closure.REPRESENTATIVE if asked_by == "representative" else Dossier.Closure.HOLDER
    if Dossier.objects.get(pk=row.dossier_id).is_open:
        dossiers.close(row.dossier_id, closure=closure, by=by)


CARRIERS: dict[str, Carrier] = {Kind.CLOSURE: close}


def ready() -> list[Request]:
    """Accepted, with a carrier, and the time to think it over is past."""
    rows = Request.objects.filter(state=State.ACCEPTED, kind__in=CARRIERS, not_before__lte=timezone.now())
    return list(rows.order_by("due_on")[:BATCH])


def carry_out(by: Actor = SYSTEM) -> tuple[int, int]:
    """How many were done, how many were left for the next round."""
    done = left = 0
    for row in ready():
        try:
            with transaction.atomic():
                requests.finish(row.dossier_id, row.pk, by=by)  # locks it, and refuses what moved meanwhile
                CARRIERS[row.kind](row, by)
            done += 1
        except (ValidationError, OSError) as error:
            left += 1
            log.warning("requests: one accepted %s was left for later (%s)", row.kind, type(error).__name__)
    return done, left
