"""Legal holds: set, confirmed, lifted by two operators (D16). Each act writes its row and its trace together.

Under the dossier's lock, which the destruction takes too: a hold is set before it, or refused.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from archival.holds_models import LegalHold
from audit import trail
from audit.trail import Actor, Event
from patients import dossiers
from patients.models import Dossier

TWO = "Un autre exploitant doit le faire : il faut deux personnes."


def keeps(dossier_id: uuid.UUID) -> bool:
    return LegalHold.objects.running().filter(dossier_id=dossier_id).exists()


def running() -> list[LegalHold]:
    """Of every dossier, the oldest first: the operators' list."""
    return list(LegalHold.objects.running().order_by("set_at"))


def by_id(hold_id: uuid.UUID) -> LegalHold | None:
    """One that runs, for an operator, who reads its name on the list."""
    return LegalHold.objects.running().filter(pk=hold_id).first()


def past(hold_id: uuid.UUID) -> list[Any]:
    """Each act on one hold, lifted or not, the first to begin with: its history, for an operator."""
    return list(LegalHold.history.filter(id=hold_id).order_by("history_date", "history_id"))


def put(dossier_id: uuid.UUID, *, reason: str, evidence: str, by: Actor) -> LegalHold:
    """From now on nothing destroys this dossier. Raises ValidationError when its destruction has begun."""
    if not reason.strip() or not evidence.strip():
        raise ValidationError("Dites pourquoi, et quelle est la preuve.", code="words")
    with transaction.atomic():
        dossier = dossiers.locked_if_there(dossier_id)
        if dossier is None or dossier.state == Dossier.State.DESTROYED:
            raise ValidationError("Ce dossier n'est plus là : il est détruit.", code="destroyed")
        row = LegalHold(dossier=dossier, reason=reason.strip(), evidence=evidence.strip(), set_by=by.reference)
        _keep(row, Event.HOLD_SET, by, "set", reason.strip(), force_insert=True)
    return row


def confirm(dossier_id: uuid.UUID, hold_id: uuid.UUID, *, by: Actor) -> LegalHold:
    with _locked(dossier_id, hold_id) as row:
        if row.confirmed_by is not None:
            raise ValidationError("Ce gel est déjà confirmé.", code="state")
        if row.set_by == by.reference:
            raise ValidationError(TWO, code="two")
        row.confirmed_by, row.confirmed_at = by.reference, timezone.now()
        _keep(row, Event.HOLD_SET, by, "confirmed", row.reason, update_fields=["confirmed_by", "confirmed_at"])
    return row


def ask_lift(dossier_id: uuid.UUID, hold_id: uuid.UUID, *, reason: str, by: Actor) -> LegalHold:
    """It still keeps: another operator lifts it."""
    if not reason.strip():
        raise ValidationError("Dites pourquoi le gel peut être levé.", code="words")
    with _locked(dossier_id, hold_id) as row:
        row.lift_asked_by, row.lift_asked_at, row.lift_reason = by.reference, timezone.now(), reason.strip()
        fields = ["lift_asked_by", "lift_asked_at", "lift_reason"]
        _keep(row, Event.HOLD_LIFTED, by, "asked", row.lift_reason, update_fields=fields)
    return row


def lift(dossier_id: uuid.UUID, hold_id: uuid.UUID, *, by: Actor) -> LegalHold:
    """What is past its term goes with the next destruction."""
    with _locked(dossier_id, hold_id) as row:
        if row.lift_asked_by is None:
            raise ValidationError("Personne n'a demandé de lever ce gel.", code="state")
        if by.reference in (row.lift_asked_by, row.set_by):
            raise ValidationError(TWO, code="two")
        row.lifted_by, row.lifted_at = by.reference, timezone.now()
        _keep(row, Event.HOLD_LIFTED, by, "lifted", row.lift_reason, update_fields=["lifted_by", "lifted_at"])
    return row


@contextmanager
def _locked(dossier_id: uuid.UUID, hold_id: uuid.UUID) -> Iterator[LegalHold]:
    with transaction.atomic():
        dossiers.locked_if_there(dossier_id)
        rows = LegalHold.objects.select_for_update(of=("self",)).running()
        row = rows.filter(dossier_id=dossier_id, pk=hold_id).first()
        if row is None:
            raise ValidationError("Aucun gel en cours ne porte ce nom.", code="none")
        yield row


CHANGES = {"set": "posé", "confirmed": "confirmé", "asked": "levée demandée", "lifted": "levé"}


def _keep(row: LegalHold, event: Event, by: Actor, change: str, reason: str, **how: Any) -> None:
    """The row, its history and its trace."""
    row._history_user, row._change_reason = by, f"{CHANGES[change]} : {reason}"  # type: ignore[attr-defined]
    row.save(**how)
    trail.record(
        event,
        by=by,
        dossier_id=row.dossier_id,
        object_kind="hold",
        object_id=row.pk,
        reason=reason,
        detail={"changes": [change]},
    )
