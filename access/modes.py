"""The header that tells a software it reads in an emergency, on every answer, until it ends (EX_0.3-1050).

`DMP-Mode: urgence; jusqua=2026-11-23T16:00:00+00:00`. Absent when the access is an ordinary one.
"""

import datetime as dt

from access.facts import Act, Facts, Ground, Purpose
from access.gate import Caller
from access.models import EmergencyAccess
from access.policy import decide

HEADER = "DMP-Mode"
NAMES = {Ground.BREAK_GLASS: "urgence", Ground.EMERGENCY_NUMBER: "numero-urgence", Ground.REGULATION: "regulation"}
KINDS = {
    Ground.BREAK_GLASS: EmergencyAccess.Kind.BREAK_GLASS,
    Ground.EMERGENCY_NUMBER: EmergencyAccess.Kind.NUMBER,
}


def header_of(caller: Caller) -> str:
    """What this request's answer says; empty when no dossier it touched is read in an emergency."""
    for facts in caller.seen:
        emergency = facts.broke_glass or facts.typed_number or facts.purpose is Purpose.REGULATION
        # The ground on which he reads this dossier now, whatever he has just done there.
        if emergency and (decision := decide(Act.LIST, facts)) and decision.ground in NAMES:
            until = _end(caller, facts, decision.ground)
            return NAMES[decision.ground] + (f"; jusqua={until.isoformat(timespec='seconds')}" if until else "")
    return ""


def _end(caller: Caller, facts: Facts, ground: Ground) -> dt.datetime | None:
    if ground not in KINDS:
        return None
    rows = EmergencyAccess.objects.running(facts.at).filter(dossier_id=facts.dossier_id, user=caller.user)
    return rows.filter(kind=KINDS[ground]).order_by("-until").values_list("until", flat=True).first()
