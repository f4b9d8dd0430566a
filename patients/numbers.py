"""A newcomer's provisional number (NIA), and the NIR that comes later: one person, one dossier, found by either.

Both numbers stand in the index of identities, so that whatever comes by one or the other, the feed too, goes into the
same dossier. That the NIR replaces this very NIA is what the identity service says, never an agent's guess.
"""

import uuid

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit import trail
from audit.trail import Actor, Event
from patients.ins import Ins
from patients.models import Dossier, IdentityIndex, InsuredPerson, Patient


class Taken(ValidationError):
    """The definitive number has a dossier of its own: two dossiers of one person, which an operator sorts out."""

    def __init__(self) -> None:
        super().__init__("Ce numéro définitif a déjà un dossier : signalez ce doublon à l'exploitant.", code="taken")


def under_provisional_number(person: InsuredPerson) -> uuid.UUID | None:
    """The dossier that the same person opened before she had this number: her five strict traits, all of them."""
    if person.ins.is_provisional or not person.birthplace:
        return None
    same = Patient.objects.filter(
        birth_date=person.birth_date,
        birth_family=person.birth_family,
        given_names=person.given_names,
        sex=person.sex,
        birthplace=person.birthplace,
    ).exclude(dossier__state=Dossier.State.DESTROYED)
    rows = same.only("dossier_id", "oid", "sealed_matricule")
    return next((row.dossier_id for row in rows if row.ins.is_provisional), None)


def attach(dossier_id: uuid.UUID, number: Ins, *, by: Actor, evidence: str) -> InsuredPerson:
    """The NIR joins the NIA. `evidence`: what was seen, and who said that it is her number. Raises `Taken`.

    The person under her new number: as the register has her, else as it had her under the former one.
    """
    if number.is_provisional or not number.key_valid or not evidence:
        raise ValidationError("Il faut un numéro définitif et la preuve que c'est le sien.", code="number")
    try:
        with transaction.atomic():
            Dossier.objects.select_for_update(of=("self",)).exclude(state=Dossier.State.DESTROYED).get(pk=dossier_id)
            patient = Patient.objects.get(dossier_id=dossier_id)
            former = patient.ins
            if not former.is_provisional:
                raise ValidationError("Ce dossier a déjà son numéro définitif.", code="definitive")
            IdentityIndex.objects.create(lookup=number.lookup, dossier_id=dossier_id)
            patient.oid, patient.sealed_matricule = number.oid, number.sealed()
            patient.status = Patient.Status.QUALIFIED
            patient._history_user, patient._change_reason = by, evidence  # type: ignore[attr-defined]
            patient.save(update_fields=["oid", "sealed_matricule", "status"])
            trail.record(Event.NUMBER_ATTACHED, by=by, dossier_id=dossier_id, detail={"evidence": evidence})
            return _registered(number, former)
    except IntegrityError as error:
        raise Taken from error


def _registered(number: Ins, former: Ins) -> InsuredPerson:
    known = InsuredPerson.objects.filter(pk=number.lookup).first()
    if known is None:
        known = InsuredPerson.objects.get(pk=former.lookup)
        known.lookup, known.oid, known.sealed_matricule = number.lookup, number.oid, number.sealed()
        known.save(force_insert=True)
    return known
