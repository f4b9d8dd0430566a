"""Opening a dossier in an emergency: breaking the glass, attesting it afterwards, the number on the holder's card.

Each act runs inside the door (`gate.enter`) and traces itself. What it opens ends by itself after
`BREAK_GLASS_HOURS`, through the policy. Article L1111-17 I, R1111-48; features S45.
"""

import datetime as dt
import secrets
import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from access import gate
from access.facts import Act, Ground, Purpose
from access.gate import Absent, Caller, Entry, Refused
from access.models import EmergencyAccess, EmergencyNumber, User
from access.policy import MODES, decide
from audit import trail
from audit.trail import Event
from patients import codes, ins, notices, terms
from patients.models import Notice

Kind = EmergencyAccess.Kind

# The law's two conditions together: in danger, and unable to say what she wants (L1111-17 I).
REASONS = {
    "inconscience": "Personne inconsciente",
    "detresse": "Détresse vitale : la personne ne peut pas répondre",
    "confusion": "Personne confuse ou désorientée, en danger",
    "langue": "Personne en danger, impossible de se comprendre",
    "autre": "Autre situation de danger",
}
OTHER = "autre"
LONGEST, SHORTEST = 2000, 20  # characters of an attestation
NUMBER_LENGTH = 12  # characters of 32: sixty bits
NIL = uuid.UUID(int=0)  # no dossier has it: an unknown number goes the same way as a known one


# -- break-glass --------------------------------------------------------------------------------------------
def break_glass(entry: Entry, reason: str, words: str) -> tuple[EmergencyAccess, bool]:
    """Open for four hours; True when it is a new one. Pressed twice, it is the same, attested once.

    Raises ValidationError when nothing would be gained: he reads everything already.
    """
    if reason == OTHER and not words:
        raise ValidationError("Dites en quelques mots quel est le danger.", code="words")
    if decide(Act.LIST, entry.facts).ground is Ground.TREATING_DOCTOR:
        raise ValidationError("Vous êtes le médecin traitant : vous lisez déjà tout ce dossier.", code="treating")
    text = " : ".join(filter(None, [REASONS[reason], words]))
    row, new = _open(entry, Kind.BREAK_GLASS, text)
    _trace(entry, Event.GLASS_BROKEN, Ground.BREAK_GLASS, row, reason=text, detail={"motif": reason, "new": new})
    return row, new


def attest(entry: Entry, access_id: uuid.UUID, text: str) -> EmergencyAccess:
    """He writes why, once. Late is late but taken: a duty does not lapse, nor by a block or a closing.

    Raises `Absent` when it is not his, ValidationError when it was attested in other words.
    """
    rows = _his(entry).filter(pk=access_id, kind=Kind.BREAK_GLASS).select_for_update(of=("self",))
    row: EmergencyAccess | None = rows.first()
    if row is None:
        raise Absent
    if row.attested_at is not None and row.attestation != text:
        raise ValidationError("Cet accès est déjà justifié. Une justification ne se change pas.", code="attested")
    if row.attested_at is None:
        row.attested_at, row.attestation = timezone.now(), text
        row.save(update_fields=["attested_at", "attestation"])
    late = row.attested_at > attest_by(row)
    _trace(entry, Event.GLASS_ATTESTED, Ground.BREAK_GLASS, row, mode="normal", reason=text, detail={"late": late})
    return row


def attest_by(row: EmergencyAccess) -> dt.datetime:
    return row.since + dt.timedelta(hours=settings.ATTESTATION_HOURS)


def own(entry: Entry) -> list[EmergencyAccess]:
    """His own emergency accesses to this dossier, the newest first."""
    return list(_his(entry).order_by("-since")[:50])


# -- the number on the card -----------------------------------------------------------------------------------
def make_number(entry: Entry) -> str:
    """A new number, shown once; the one before is worth nothing any more, nor is what it had opened."""
    number = "".join(secrets.choice(codes.ALPHABET) for _ in range(NUMBER_LENGTH))
    _forget_number(entry)
    EmergencyNumber.objects.create(lookup=lookup_of(number), dossier_id=entry.dossier.pk)
    _set_lookup(entry, lookup_of(number))
    entry.trace(Event.NUMBER_MADE)
    return number


def withdraw_number(entry: Entry) -> bool:
    """No card any more. False when there was none."""
    had = entry.dossier.emergency_lookup is not None
    if had:
        _forget_number(entry)
        _set_lookup(entry, None)
    entry.trace(Event.EMERGENCY_CHANGED, detail={"setting": "carte", "changed": ["number"] if had else []})
    return had


def is_current(entry: Entry, number: str) -> bool:
    """Whether this is the number of the holder's card now."""
    kept = entry.dossier.emergency_lookup
    return kept is not None and secrets.compare_digest(bytes(kept), lookup_of(number))


def use_number(caller: Caller, number: str) -> tuple[EmergencyAccess, bool]:
    """The vital documents of whoever carries this card, for four hours; True when it is a new access.

    Raises `Absent` alike for a wrong number, a closed dossier, a blocked professional, one who may read none
    of these documents: the number alone tells nothing. The holder's trail has the true ground.
    """
    not_secret(caller)
    if caller.purpose is Purpose.REGULATION:
        raise ValidationError("La régulation consulte par l'INS, sans numéro de carte.", code="regulation")
    found = EmergencyNumber.objects.filter(lookup=lookup_of(number)).values_list("dossier_id", flat=True).first()
    try:
        with gate.enter(caller, Act.RECORD, Event.NUMBER_USED, dossier_id=found or NIL, lock=True) as entry:
            if not is_current(entry, number):
                raise Absent
            if not entry.facts.readable & frozenset(terms.table("vital")):
                trail.record(
                    Event.NUMBER_USED,
                    by=entry.actor,
                    dossier_id=entry.dossier.pk,
                    allowed=False,
                    ground=Ground.NOT_ENTITLED,
                )
                entry.traced = True
                found = None
            else:
                row, new = _open(entry, Kind.NUMBER, "")
                _trace(entry, Event.NUMBER_USED, Ground.EMERGENCY_NUMBER, row, detail={"new": new})
    except Refused as error:
        raise Absent from error
    if found is None:  # kept in the trail, then answered as the others
        raise Absent
    return row, new


def typed(text: str) -> str:
    """A number as made, from what somebody typed."""
    return codes.typed(text)


def on_paper(number: str) -> str:
    """By fours, as one reads it aloud."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def lookup_of(number: str) -> bytes:
    return ins.keyed_hash(b"emergency number", number)


# -- common ---------------------------------------------------------------------------------------------------
def not_secret(caller: Caller) -> None:
    """An emergency is told to the family; nothing of a secret session is (D11, D12). Raises ValidationError."""
    if caller.purpose is Purpose.SECRET:
        text = "Une session secrète n'est pas un accès en urgence. Si c'en est un, rappelez sans DMP-Purpose: secret."
        raise ValidationError(text, code="secret")


def _open(entry: Entry, kind: EmergencyAccess.Kind, reason: str) -> tuple[EmergencyAccess, bool]:
    """The access that runs, or a new one: the holder is told of a new one (R1111-48)."""
    row = _his(entry).running().filter(kind=kind).first()
    if row is not None:
        return row, False
    now = timezone.now()
    until = now + dt.timedelta(hours=settings.BREAK_GLASS_HOURS)
    row = EmergencyAccess.objects.create(
        dossier=entry.dossier, user=user_of(entry), kind=kind, reason=reason, since=now, until=until
    )
    notices.tell(entry.dossier.pk, Notice.Kind.EMERGENCY)
    return row, True


def _his(entry: Entry) -> Any:
    return EmergencyAccess.objects.filter(dossier=entry.dossier, user=user_of(entry))


def user_of(entry: Entry) -> User:
    assert entry.caller.user is not None
    return entry.caller.user


def _trace(entry: Entry, event: Event, ground: Ground, row: EmergencyAccess, **fields: Any) -> None:
    """On the ground it opens, not on the one that let him ask: what the holder reads is why."""
    fields.setdefault("mode", MODES[ground])
    detail = {"access": row.pk.hex, "end": row.until.isoformat()} | fields.pop("detail", {})
    trail.record(event, by=entry.actor, dossier_id=entry.dossier.pk, ground=ground, detail=detail, **fields)
    entry.traced = True


def _forget_number(entry: Entry) -> None:
    if entry.dossier.emergency_lookup is not None:
        EmergencyNumber.objects.filter(lookup=bytes(entry.dossier.emergency_lookup)).delete()
    rows = EmergencyAccess.objects.running().filter(dossier=entry.dossier, kind=Kind.NUMBER)
    rows.update(until=timezone.now())


def _set_lookup(entry: Entry, lookup: bytes | None) -> None:
    dossier: Any = entry.dossier
    dossier.emergency_lookup = lookup
    dossier._history_user = entry.actor
    dossier.save(update_fields=["emergency_lookup"])
