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

from archival import destruction, holds
from archival.holds_models import LegalHold
from archival.reopening import reopen
from audit.trail import SYSTEM, Actor
from patients import dossiers, notices, requests
from patients.dossiers import Agreement
from patients.models import Channel, Dossier, Notice
from patients.models_requests import Kind, Request, State

log = logging.getLogger(__name__)
WARNING = dt.timedelta(days=7)  # before an early destruction, once more


def close(row: Request, by: Actor) -> None:
    """Closed meanwhile by another way: what was asked is done."""
    if dossiers.locked(row.dossier_id).is_open:
        dossiers.close(row.dossier_id, closure=requests.closure_of(row), by=by)


def destroy(row: Request, by: Actor) -> None:
    """The point of no return of an early destruction (R1111-36): `archival.destruction` does what it begins.

    Raises ValidationError while a legal hold keeps the dossier (D16): the next round asks again.
    """
    dossier = dossiers.locked(row.dossier_id)
    if not requests.may_undo(dossier, requests.decided_by(row)):  # closed for fraud since it was accepted
        raise ValidationError(requests.ONLY_OPERATOR, code="operator")
    if holds.keeps(row.dossier_id):
        raise ValidationError("Une procédure en cours oblige à conserver ce dossier.", code="held")
    if dossier.is_open:  # its acceptance closed it: reopened since, the request would have been cancelled
        raise ValidationError("Un dossier ouvert n'est pas détruit.", code="open")
    Dossier.objects.filter(pk=row.dossier_id).update(state=Dossier.State.DESTROYED)


def reactivate(row: Request, by: Actor) -> None:
    """The request is the recorded consent (R1111-36): signed paper, or the person herself at the counter."""
    if not dossiers.locked(row.dossier_id).is_open:
        evidence = f"demande {row.on_paper}, {row.identity}"
        given_by = "holder" if requests.asks_herself(row) else "representative"
        agreement = Agreement(given_by, evidence, Channel(row.channel))
        reopen(row.dossier_id, agreement=agreement, by=by, decided_by=requests.decided_by(row))


CARRIERS: dict[str, requests.Carrier] = {Kind.CLOSURE: close, Kind.DESTRUCTION: destroy, Kind.REOPENING: reactivate}


def ready(at: dt.datetime | None = None) -> list[Request]:
    """Accepted, with a carrier, and the time to think it over is past, by the earlier of the two clocks."""
    past = at or timezone.now()
    rows = Request.objects.filter(state=State.ACCEPTED, kind__in=CARRIERS, not_before__lte=past)
    held = LegalHold.objects.running().values("dossier_id")
    return list(rows.exclude(kind=Kind.DESTRUCTION, dossier_id__in=held).order_by("due_on"))


def carry_out(by: Actor = SYSTEM) -> tuple[int, int]:
    """How many were done, how many were left for the next round. Raises `ClocksApart`: nothing was."""
    at = destruction.refuse_clocks_apart()
    done = left = 0
    for row in ready(at):
        try:
            # It locks the request, and refuses what moved meanwhile.
            requests.finish(row.dossier_id, row.pk, by=by, carrier=CARRIERS[row.kind])
            done += 1
        except Exception as error:  # noqa: BLE001 (one that fails, whatever the reason, keeps no other waiting)
            left += 1
            log.error("requests: one accepted %s was left for later (%s)", row.kind, type(error).__name__)
    return done, left


def warn_of_destruction() -> int:
    """A week before an early destruction its holder is told once more that she can cancel it. How many were told."""
    now = timezone.now()
    rows = Request.objects.filter(
        state=State.ACCEPTED, kind=Kind.DESTRUCTION, not_before__gt=now, not_before__lte=now + WARNING
    )
    told = 0
    for row in rows.order_by("due_on"):
        known = Notice.objects.filter(dossier_id=row.dossier_id, kind=Notice.Kind.DESTRUCTION_NEAR)
        if not known.filter(created_at__gte=row.asked_at).exists():
            notices.tell_all(row.dossier_id, Notice.Kind.DESTRUCTION_NEAR)
            told += 1
    return told
