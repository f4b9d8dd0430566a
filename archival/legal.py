"""A copy for heirs or for an expert: a recorded request, its proof, two operators, and only what is needed.

Heirs have what one of three motives needs, unless the person opposed it (L1110-4 V); an expert what his mission
names. What is needed is said by types of documents and dates: no operator reads a title (D19). It is fetched by an
operator, as an encrypted file or a PDF, and destroyed like any copy.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from archival import copies
from archival.copies_models import Copy, LegalCopy
from audit import trail
from audit.trail import Actor, Event
from patients import terms
from patients.models import Channel, Dossier
from patients.models_requests import Kind, Request, State
from patients.requests import OPPOSED

KINDS = (Kind.HEIRS, Kind.COPY)


@dataclass(frozen=True, kw_only=True)
class Needed:
    """For whom, why, on what proof; which types of documents, between which days (both included)."""

    recipient: str
    reason: str
    evidence: str
    types: Sequence[str]
    since: dt.date | None = None
    until: dt.date | None = None


def propose(request: Request, needed: Needed, *, by: Actor) -> LegalCopy:
    """By the first operator. Nothing is made yet. Raises ValidationError."""
    if request.kind not in KINDS or request.state != State.ACCEPTED:
        raise ValidationError(
            "Il faut une demande enregistrée et acceptée : copie, ou accès des proches.", code="state"
        )
    if request.kind == Kind.HEIRS and Dossier.objects.get(pk=request.dossier_id).refuses_heirs:
        raise ValidationError(OPPOSED, code="opposed")
    if timezone.now() < request.not_before:
        raise ValidationError("Le délai de réflexion de cette demande court encore.", code="early")
    if not needed.recipient.strip() or not needed.reason.strip() or not needed.evidence.strip():
        raise ValidationError("Dites pour qui, pourquoi, et quelle est la preuve.", code="words")
    unknown = set(needed.types) - set(terms.table("types"))
    if not needed.types or unknown:
        raise ValidationError("Nommez les types de documents nécessaires, par leur code.", code="types")
    with transaction.atomic():
        row = LegalCopy(
            dossier_id=request.dossier_id,
            request_id=request.pk,
            recipient=needed.recipient.strip(),
            reason=needed.reason.strip(),
            evidence=needed.evidence.strip(),
            types=sorted(needed.types),
            since=needed.since,
            until=needed.until,
            proposed_by=by.reference,
        )
        row.save(force_insert=True)
        _trace(row, by, "proposed")
    return row


def approve(dossier_id: uuid.UUID, legal_id: uuid.UUID, *, kind: Copy.Kind = Copy.Kind.SEALED, by: Actor) -> Copy:
    """By another operator than the first: the copy is made now. Raises ValidationError."""
    with transaction.atomic():
        rows = LegalCopy.objects.select_for_update(of=("self",)).filter(dossier_id=dossier_id, pk=legal_id)
        row = rows.first()
        if row is None or row.approved_by is not None:
            raise ValidationError("Cette copie n'est pas à approuver.", code="state")
        if row.proposed_by == by.reference:
            raise ValidationError("Une autre personne que celle qui l'a préparée doit l'approuver.", code="two")
        assert row.request_id is not None
        request = Request.objects.filter(dossier_id=dossier_id, pk=row.request_id).first()
        if request is None or request.state != State.ACCEPTED:
            raise ValidationError("La demande n'est plus acceptée : elle a été annulée ou finie.", code="state")
        row.approved_by, row.approved_at = by.reference, timezone.now()
        row.save(update_fields=["approved_by", "approved_at"])
        _trace(row, by, "approved")
        return copies.ask(
            dossier_id,
            kind=kind,
            by=by,
            channel=Channel.OPERATOR,
            request_id=row.request_id,
            legal_id=row.pk,
        )


def _trace(row: LegalCopy, by: Actor, change: str) -> None:
    trail.record(
        Event.COPY_ASKED,
        by=by,
        dossier_id=row.dossier_id,
        object_kind="legal_copy",
        object_id=row.pk,
        reason=row.reason,
        detail={"changes": [change], "types": len(row.types)},
    )
