"""What the rows of access say of themselves, in the back office and in its history."""

import datetime as dt
import uuid

import pytest

from access import directory, models, seen_by
from tests import factories as make

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
WHO = models.User(first_name="Antoine", last_name="Marchand")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (models.Structure(name="Cabinet des Lilas"), "Cabinet des Lilas"),
        (models.EndedSession(at=NOON), "session terminée le 2026-11-23 12:00:00+00:00"),
        (models.Recovery(asked_at=NOON), "Depuis le 23/11/2026"),
        (models.Representation(role="parent", user=WHO), "parent : Antoine Marchand"),
        (models.CareTeam(name="Cardiologie"), "Cardiologie"),
        (models.Block(user=WHO), "Antoine Marchand bloqué"),
        (models.ConsentRequest(answer="yes"), "accordé"),
        (models.ConsentRequest(), "en attente"),
        (models.ConsentMeans(), "grille et code personnel"),
        (models.Invitation(role="carer"), "aidant"),
        (models.MatrixRow(profession="10", readable=["a", "b"]), "10 : 2 types"),
    ],
)
def test_a_row_says_itself_without_a_number(row, said):
    assert str(row) == said


def test_a_situation_says_its_place():
    who = models.Professional(family="MOREL", given="Paul", civility="DR")
    assert str(models.Situation(professional=who)) == f"{who} — sans structure"


def test_the_number_of_an_emergency_card_says_the_end_of_its_dossier_only():
    key = uuid.UUID("01a20846fe007000ae850aa38ebcf009")
    assert str(models.EmergencyNumber(dossier_id=key)) == "8ebcf009"


@pytest.mark.django_db
def test_an_operator_made_by_the_command_is_staff():
    made = models.User.objects.create_superuser("odile@example.org", "x")
    assert made.check_password("x")
    assert (made.kind, made.is_staff, made.is_superuser) == ("operator", True, True)


@pytest.mark.django_db
def test_a_card_and_a_preview_name_the_place_of_work(code_tables):
    doctor = make.ProfessionalFactory()
    structure = models.Structure.objects.get()
    models.Structure.objects.update(city="Villeurbanne")
    assert directory.card(doctor).places == (f"{structure.name}, Villeurbanne",)
    assert seen_by.callers(doctor)[0].actor.structure_name == structure.name


@pytest.mark.parametrize(("kind", "traced"), [("holder", "holder"), ("agent", "counter"), ("operator", "operator")])
def test_an_account_is_traced_as_what_it_is(kind, traced):
    assert models.User(kind=kind).actor().kind == traced
