"""Reactivating a closed dossier within its ten years (R1111-36): everything as it was, except the rights.

The rights of professionals, teams and carers end with the reactivation, each in its history: they are given again,
by the person, one by one; so does the printed emergency number, which opens without her. What forbids (blocks, masks)
stays; so do the legal representatives, and the grid and PIN by which she herself answers, which give nothing alone.
"""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from access.models import CareTeam, DossierGrant, EmergencyAccess, EmergencyNumber, Invitation, Representation
from archival import closing
from audit import trail
from audit.trail import Actor, Event
from documents.models import DocumentGrant
from patients import dossiers, notices, requests
from patients.dossiers import Agreement, is_over
from patients.models import Consent, Dossier, Notice
from patients.models_requests import Kind, Request

TOO_LATE = "Les dix ans sont passés : ce dossier doit être détruit, il ne se rouvre plus. Un autre peut être ouvert."


def reopen(dossier_id: uuid.UUID, *, agreement: Agreement, by: Actor, decided_by: str = "") -> Dossier:
    """Raises ValidationError: no consent, not closed, past its ten years though not yet destroyed (D14), or closed by
    an operator and no operator decided it (`decided_by`, of who carries a decision out)."""
    if not agreement.evidence:
        raise ValidationError("Sans consentement exprès de la personne, rien n'est rouvert.", code="consent")
    with transaction.atomic():
        # The lock that the destruction takes too: one of the two finds the state that the other left.
        dossier = dossiers.locked(dossier_id)
        if dossier.state != Dossier.State.CLOSED:
            raise ValidationError("Ce dossier n'est pas fermé.", code="state")
        if not requests.may_undo(dossier, decided_by or by.reference):
            raise ValidationError(requests.ONLY_OPERATOR, code="operator")
        if is_over(dossier.closed_at):
            raise ValidationError(TOO_LATE, code="late")
        Consent.objects.create(
            dossier=dossier,
            subject=Consent.Subject.REOPENING,
            wording=agreement.wording,
            given_by=agreement.given_by,
            collected_by=by.reference,
            channel=agreement.channel,
            evidence=agreement.evidence,
        )
        if dossier.closure == Dossier.Closure.DEATH:
            closing.give_back_access(dossier_id)
        if dossier.emergency_lookup is not None:
            EmergencyNumber.objects.filter(
                pk=dossier.emergency_lookup
            ).delete()  # a card printed before opens nothing
        dossier.state, dossier.closed_at, dossier.closure = Dossier.State.OPEN, None, ""
        dossier.emergency_lookup = None
        dossier._history_user = by  # type: ignore[attr-defined]
        dossier.save(update_fields=["state", "closed_at", "closure", "emergency_lookup"])
        ended = _end_rights(dossier_id, by)
        _cancel(dossier_id, by)
        detail = {"channel": agreement.channel, "evidence": agreement.evidence, "ended": ended}
        trail.record(Event.DOSSIER_REOPENED, by=by, dossier_id=dossier_id, detail=detail)
        notices.tell_all(dossier_id, Notice.Kind.DOSSIER_REOPENED)
    return dossier


def _end_rights(dossier_id: uuid.UUID, by: Actor) -> int:
    """How many ended."""
    now = timezone.now()
    to_come = Q(until=None) | Q(until__gt=now)  # and those that would only have begun: nothing given before counts
    carers = Representation.objects.filter(to_come, dossier_id=dossier_id, role=Representation.Role.CARER)
    EmergencyAccess.objects.filter(to_come, dossier_id=dossier_id).update(until=now)
    rows: list[Any] = [
        *DossierGrant.rights.filter(to_come, content_object_id=dossier_id),
        *DocumentGrant.rights.filter(to_come, dossier_id=dossier_id),
        *CareTeam.objects.filter(to_come, dossier_id=dossier_id),
        *carers,
    ]
    for row in rows:
        row.until = max(now, row.since)
        row._history_user = by
        row.save(update_fields=["until"])
    Invitation.objects.filter(dossier_id=dossier_id, accepted_at=None, withdrawn_at=None).update(withdrawn_at=now)
    return len(rows)


def _cancel(dossier_id: uuid.UUID, by: Actor) -> None:
    """Whoever reopens does not want it closed nor destroyed any more."""
    unwanted = Request.objects.running().filter(dossier_id=dossier_id, kind__in=(Kind.CLOSURE, Kind.DESTRUCTION))
    for row in unwanted:
        requests.cancel(dossier_id, row.pk, by=by)
