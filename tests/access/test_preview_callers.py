"""Who stands at the door when a holder looks as one of her professionals would (`access.seen_by`)."""

from dataclasses import asdict

import pytest

from access import seen_by
from access.facts import Purpose, Role
from access.models import Situation, Structure
from audit.trail import ActorKind
from tests import factories as make

pytestmark = pytest.mark.django_db


def callers(professional, *purpose):
    return seen_by.callers(type(professional).objects.prefetch_related("situations__structure").get(), *purpose)


def test_he_stands_there_in_each_of_his_situations():
    doctor = make.ProfessionalFactory()
    Structure.objects.update(sector="SA15")
    Situation.objects.create(professional=doctor, structure=None, profession="21", speciality="", mode="L")
    first, second = callers(doctor, Purpose.EMERGENCY)
    place = Structure.objects.get()
    said = asdict(first.actor)
    assert {name: said[name] for name in said if said[name]} == {
        "kind": ActorKind.PROFESSIONAL,
        "id": doctor.idnat,
        "name": doctor.name,
        "profession": "10",
        "structure_id": place.identifier,
        "structure_name": place.name,
        "means": "preview",
    }
    assert (first.user, first.role, first.purpose, first.needs_express) == (
        None,
        Role.PROFESSIONAL,
        Purpose.EMERGENCY,
        True,
    )
    actor = second.actor
    assert (actor.profession, actor.structure_id, actor.structure_name, second.needs_express) == ("21", "", "", False)


def test_without_a_situation_he_has_his_profession_and_speciality():
    doctor = make.ProfessionalFactory(speciality="SM25")
    doctor.situations.all().delete()
    (one,) = callers(doctor)
    assert (one.actor.profession, one.needs_express, one.purpose) == ("10", True, Purpose.CARE)
    assert (one.actor.structure_id, one.actor.structure_name) == ("", "")


def test_two_modes_of_practice_in_one_place_are_one_and_his_account_is_his():
    doctor = make.ProfessionalFactory()
    known = doctor.situations.get()
    known.pk, known.mode = None, "S"
    known.save(force_insert=True)
    user = make.account(doctor)
    (one,) = callers(doctor)
    assert one.user == user
