"""What was accepted is carried out: one callable a kind of request. The only place where they are plugged in.

A carrier is called in the transaction that marks the request done, once the time to think it over is past; it may be
called again after a failure. Raising leaves the request « acceptée, à exécuter », for the next round. A kind without
a carrier is carried out by a person, who says « C'est fait » on the sheet of the request; of the others she cannot
say it (`patients.requests.finish`), and the database refuses it too.
"""

import datetime as dt
import logging

from django.core.exceptions import ValidationError
from django.utils import timezone

from archival import holds
from archival.reopening import reopen
from audit.trail import SYSTEM, Actor
from patients import dossiers, notices, requests
from patients.dossiers import Agreement
from patients.models import Channel, Dossier, Notice
from patients.models_requests import Kind, Request, State

log = logging.getLogger(__name__)
BATCH = 200
WARNING = dt.timedelta(days=7)  # before an early destruction, once more


def close(row: Request, by: Actor) -> None:
    """Closed meanwhile by another way: what was asked is done."""
    if _locked(row).is_open:
        dossiers.close(row.dossier_id, closure=_closure(row), by=by)


def destroy(row: Request, by: Actor) -> None:
    """The point of no return of an early destruction (R1111-36): `archival.destruction` does what it begins.

    Raises ValidationError while a legal hold keeps the dossier (D16): the next round asks again.
    """
    dossier = _locked(row)
    if holds.keeps(row.dossier_id):
        raise ValidationError("Une procédure en cours oblige à conserver ce dossier.", code="held")
    if dossier.is_open:
        dossiers.close(row.dossier_id, closure=_closure(row), by=by)
    Dossier.objects.filter(pk=row.dossier_id).update(state=Dossier.State.DESTROYED)


def reactivate(row: Request, by: Actor) -> None:
    """The request is the recorded consent (R1111-36): signed paper, or the person herself at the counter."""
    if not _locked(row).is_open:
        evidence = f"demande {row.on_paper}, {row.identity}"
        reopen(row.dossier_id, agreement=Agreement(row.asked_by, evidence, Channel(row.channel)), by=by)


def _locked(row: Request) -> Dossier:
    return Dossier.objects.select_for_update(of=("self",)).get(pk=row.dossier_id)


def _closure(row: Request) -> Dossier.Closure:
    if row.channel == Channel.PROFESSIONAL:
        return Dossier.Closure.PROFESSIONAL
    asked_by = row.asked_by.partition(":")[0]
    return Dossier.Closure.REPRESENTATIVE if asked_by == "representative" else Dossier.Closure.HOLDER


CARRIERS: dict[str, requests.Carrier] = {Kind.CLOSURE: close, Kind.DESTRUCTION: destroy, Kind.REOPENING: reactivate}


def ready() -> list[Request]:
    """Accepted, with a carrier, and the time to think it over is past."""
    rows = Request.objects.filter(state=State.ACCEPTED, kind__in=CARRIERS, not_before__lte=timezone.now())
    return list(rows.order_by("due_on")[:BATCH])


def carry_out(by: Actor = SYSTEM) -> tuple[int, int]:
    """How many were done, how many were left for the next round."""
    done = left = 0
    for row in ready():
        try:
            # It locks the request, and refuses what moved meanwhile.
            requests.finish(row.dossier_id, row.pk, by=by, carrier=CARRIERS[row.kind])
            done += 1
        except (ValidationError, OSError) as error:
            left += 1
            log.warning("requests: one accepted %s was left for later (%s)", row.kind, type(error).__name__)
    return done, left


def warn_of_destruction() -> int:
    """A week before an early destruction its holder is told once more that she can cancel it. How many were told."""
    now = timezone.now()
    rows = Request.objects.filter(
        state=State.ACCEPTED, kind=Kind.DESTRUCTION, not_before__gt=now, not_before__lte=now + WARNING
    )
    told = 0
    for row in rows.order_by("due_on")[:BATCH]:
        known = Notice.objects.filter(dossier_id=row.dossier_id, kind=Notice.Kind.DESTRUCTION_NEAR)
        if not known.filter(created_at__gte=row.asked_at).exists():
            notices.tell(row.dossier_id, Notice.Kind.DESTRUCTION_NEAR)
            told += 1
    return told
