"""Opening by a professional or a pharmacy: the insured persons' register says who, a rule says whether."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.gate import Absent
from audit import trail
from audit.trail import Actor, Event
from patients import dossiers, ins
from patients.dossiers import Agreement, AlreadyThere
from patients.models import Channel, Dossier, InsuredPerson
from patients.names import plain
from patients.replies import Sending

PHARMACIST = "21"


@dataclass(frozen=True)
class Forbidden:
    """A rule in force keeps this channel shut to this person."""

    explanation: str


@dataclass(frozen=True)
class Result:
    """`done` is False when the person already had a dossier that this sending did not open."""

    dossier: Dossier
    done: bool


def by_professional(by: Actor, asked: dict[str, Any], sending: Sending) -> Result | Forbidden:
    """Open with consent. Raises `Absent` when no insured person has this number and these traits."""
    number = _number(asked["matricule"], asked["oid"])
    person = InsuredPerson.objects.filter(lookup=number.lookup).first()
    if person is None or not same_person(person, asked):
        _refuse(by, None, "absent")
        raise Absent
    channel = Channel.PHARMACY if by.profession == PHARMACIST else Channel.PROFESSIONAL
    if rule := dossiers.may_open(person, channel, timezone.localdate()):
        _refuse(by, None, "opening_rule")
        return Forbidden(rule.note or "L'ouverture par un professionnel n'est pas ouverte à cette personne.")
    agreement = Agreement(given_by="holder", evidence=asked["evidence"], channel=channel)
    try:
        with transaction.atomic():
            dossier = dossiers.open_for(person, agreement=agreement, by=by)
            sending.keep(dossier.pk, status=201, body="")
    except AlreadyThere as error:
        replayed = sending.reply(error.dossier_id) is not None
        if not replayed:
            _refuse(by, error.dossier_id, "already_there")
        return Result(Dossier.objects.get(pk=error.dossier_id), done=replayed)
    return Result(dossier, done=True)


def _number(matricule: str, oid: str) -> ins.Ins:
    """A real number has the right key; test numbers need none (rules.md, section 8)."""
    return (ins.read if oid in (ins.OID_TEST, ins.OID_DEMO) else ins.check)(matricule, oid)


def same_person(person: InsuredPerson, asked: dict[str, Any]) -> bool:
    """The traits of the INS agree: birth name, first given name, birth date, sex. Accents and case aside."""
    given = plain(asked["given_names"]).split()
    return (
        plain(person.birth_family) == plain(asked["birth_family"])
        and plain(person.given_names).split()[:1] == given[:1]
        and person.birth_date == asked["birth_date"]
        and person.sex == asked["sex"]
    )


def _refuse(by: Actor, dossier_id: uuid.UUID | None, ground: str) -> None:
    trail.record_now(Event.DOSSIER_OPENED, by=by, dossier_id=dossier_id, allowed=False, ground=ground)
