"""What an agent does with a sealed envelope: has it printed, hands it over. He sees neither page nor title.

Each act writes the row and its trace together; the printing itself is a task's (`archival.envelopes`).
"""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.trail import Actor, Event
from patients import requests
from patients.models_envelopes import MOST_PRINTS, PRINTABLE, WAITING, Envelope
from patients.models_requests import State


def of(dossier_id: uuid.UUID, request_id: uuid.UUID) -> Envelope | None:
    """The latest of this request."""
    rows = Envelope.objects.filter(dossier_id=dossier_id, request_id=request_id)
    return rows.order_by("-made_at").first()


# -- in step with the copy inside, whose own row is of another app --------------------------------------------------
def around(dossier_id: uuid.UUID, copy_id: uuid.UUID) -> Envelope | None:
    return Envelope.objects.select_related("request").filter(dossier_id=dossier_id, copy_id=copy_id).first()


def ready(dossier_id: uuid.UUID, copy_id: uuid.UUID, pages: int) -> None:
    """In the transaction that says that the copy is."""
    rows = Envelope.objects.filter(dossier_id=dossier_id, copy_id=copy_id, state=Envelope.State.PREPARING)
    rows.update(state=Envelope.State.READY, pages=pages)


def gone(dossier_id: uuid.UUID, copy_id: uuid.UUID) -> None:
    """What is printed stays so: the sheets are there, whatever became of the file."""
    rows = Envelope.objects.filter(dossier_id=dossier_id, copy_id=copy_id, state__in=WAITING)
    rows.update(state=Envelope.State.GONE)


# -- by an agent ---------------------------------------------------------------------------------------------------
def ask_printing(dossier_id: uuid.UUID, envelope_id: uuid.UUID, *, by: Actor) -> Envelope:
    """Once more when the printer spoiled it. Raises ValidationError."""
    with transaction.atomic():
        row = _locked(dossier_id, envelope_id)
        if row.state not in PRINTABLE:
            raise ValidationError("Ce pli ne s'imprime pas maintenant : rechargez la page.", code="state")
        if row.prints >= MOST_PRINTS:
            raise ValidationError(f"Ce pli a été imprimé {MOST_PRINTS} fois : voyez l'exploitant.", code="most")
        row.state, row.asked_by, row.asked_at = Envelope.State.ASKED, by.reference, timezone.now()
        row.save(update_fields=["state", "asked_by", "asked_at"])
        _trace(row, Event.ENVELOPE_ASKED, by, again=row.prints > 0)
    return row


def hand_over(dossier_id: uuid.UUID, envelope_id: uuid.UUID, *, evidence: str, by: Actor) -> Envelope:
    """To the person against her signature, or to the post. What was asked is done. Raises ValidationError."""
    with transaction.atomic():
        row = _locked(dossier_id, envelope_id)
        if row.state != Envelope.State.PRINTED:
            raise ValidationError("Ce pli n'est pas imprimé, ou déjà remis : rechargez la page.", code="state")
        row.state, row.evidence = Envelope.State.HANDED, evidence
        row.handed_by, row.handed_at = by.reference, timezone.now()
        row.save(update_fields=["state", "evidence", "handed_by", "handed_at"])
        _trace(row, Event.ENVELOPE_HANDED, by, evidence=evidence)
        if requests.of(dossier_id, row.request_id).state == State.ACCEPTED:
            requests.finish(dossier_id, row.request_id, by=by)
    return row


def _locked(dossier_id: uuid.UUID, envelope_id: uuid.UUID) -> Envelope:
    rows = Envelope.objects.select_for_update(of=("self",)).filter(dossier_id=dossier_id, pk=envelope_id)
    if (row := rows.first()) is None:
        raise ValidationError("Ce pli n'existe plus.", code="state")
    return row


def _trace(row: Envelope, event: Event, by: Actor, **detail: Any) -> None:
    detail |= {"envelope": row.on_paper, "pages": row.pages}
    trail.record(event, by=by, dossier_id=row.dossier_id, object_kind="envelope", object_id=row.pk, detail=detail)
