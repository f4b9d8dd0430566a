"""Broken glasses that nobody attested: late after 24 hours, the operator's after 72. No health data, no number."""

import datetime as dt
import logging
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from access.models import EmergencyAccess

log = logging.getLogger(__name__)


class State(StrEnum):
    """Of an access that is to be attested."""

    NOT_NEEDED = "not_needed"  # with the holder's own number
    ATTESTED = "attested"
    ATTESTED_LATE = "attested_late"
    AWAITED = "awaited"
    LATE = "late"
    SIGNALLED = "signalled"  # to the operator


def state_of(row: EmergencyAccess, at: dt.datetime) -> State:
    if row.kind != EmergencyAccess.Kind.BREAK_GLASS:
        return State.NOT_NEEDED
    deadline = row.since + dt.timedelta(hours=settings.ATTESTATION_HOURS)
    if row.attested_at is not None:
        return State.ATTESTED_LATE if row.attested_at > deadline else State.ATTESTED
    if row.escalated_at is not None:
        return State.SIGNALLED
    return State.LATE if at > deadline else State.AWAITED


@dataclass(frozen=True)
class Missing:
    """One broken glass without its attestation, as an operator sees it: who, since when, on which dossier's end."""

    id: uuid.UUID
    dossier: str
    professional: str
    rpps: str
    since: dt.datetime
    escalates: bool


def late(at: dt.datetime, hours: int | None = None) -> Any:
    """Those older than `hours` (24 unless told), the oldest first; what was said of the person is left unread."""
    before = at - dt.timedelta(hours=settings.ATTESTATION_HOURS if hours is None else hours)
    rows = EmergencyAccess.objects.filter(kind=EmergencyAccess.Kind.BREAK_GLASS, attested_at=None, since__lt=before)
    return rows.defer("reason", "attestation").order_by("since")


def missing(at: dt.datetime) -> list[Missing]:
    """On every dossier: an index holds these rows alone."""
    limit = at - dt.timedelta(hours=settings.ESCALATION_HOURS)
    found = []
    for row in late(at).select_related("user__professional"):
        who = row.user.professional
        found.append(
            Missing(row.pk, row.dossier_id.hex[-8:], who.name, who.rpps or who.idnat, row.since, row.since < limit)
        )
    return found


def escalate(at: dt.datetime) -> int:
    """Signal to the operator those of more than 72 hours, each once: one line of log, one mail. How many are left."""
    beyond = late(at, settings.ESCALATION_HOURS)
    new = 0
    for dossier_id, key in list(beyond.values_list("dossier_id", "pk")):
        with transaction.atomic():
            rows = EmergencyAccess.objects.filter(dossier_id=dossier_id, pk=key, attested_at=None, escalated_at=None)
            new += rows.update(escalated_at=at)
    count: int = late(at, settings.ESCALATION_HOURS).count()
    if count:
        log.warning("emergency accesses without attestation beyond %s h: %s", settings.ESCALATION_HOURS, count)
    if new and settings.OPERATOR_EMAIL:
        body = render_to_string("emails/attestations.txt", {"new": new, "backoffice": settings.BACKOFFICE_URL})
        send_mail("Accès en urgence sans justification", body, None, [settings.OPERATOR_EMAIL])
    return count
