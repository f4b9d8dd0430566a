"""What is done and what is left for a person at the counter, in the order of a visit."""

import datetime as dt

import pytest
from django.utils import timezone

from access.counter_steps import Step, steps
from access.models import ConsentMeans, Representation
from patients.models import ConsentPaper
from tests import factories as make

pytestmark = pytest.mark.django_db

CONSENT = Step("Consentement enregistré", True)
ONLINE = ("E-mail vérifié, espace en ligne prêt", "counter_verify", "Vérifier e-mail, téléphone")
LEGAL = ("Parent ou tuteur enregistré", "counter_representatives", "Représentants")
LETTER = ("Lettre et grille de codes imprimées", "counter_letter", "Imprimer la lettre et la grille")


def step(words, done):
    return Step(words[0], done, words[1], words[2])


def speaks(dossier, role):
    Representation.objects.create(dossier=dossier, user=make.UserFactory(), role=role, recorded_by="test")


@pytest.mark.parametrize(
    ("role", "online"), [(None, False), ("holder", True), ("carer", False), ("guardian", False), ("parent", False)]
)
def test_an_adult_has_her_space_by_her_own_account(role, online):
    person, dossier = make.InsuredFactory(), make.DossierFactory()
    if role:
        speaks(dossier, role)
    assert steps(person, dossier) == [CONSENT, step(ONLINE, online), step(LETTER, False)]


@pytest.mark.parametrize(("role", "done"), [(None, False), ("parent", True), ("guardian", True), ("carer", False)])
def test_a_minor_has_somebody_who_speaks_for_him(role, done):
    person, dossier = make.InsuredFactory(birth_date=dt.date(2014, 5, 3)), make.DossierFactory(minor=True)
    if role:
        speaks(dossier, role)
    assert steps(person, dossier) == [CONSENT, step(LEGAL, done), step(LETTER, False)]


def test_of_another_dossier_nothing_is_done_here():
    person, dossier, other = make.InsuredFactory(), make.DossierFactory(), make.DossierFactory()
    speaks(other, "holder")
    ConsentMeans.objects.create(dossier=other, grid_made_at=timezone.now())
    ConsentMeans.objects.create(dossier=dossier)
    assert steps(person, dossier) == [CONSENT, step(ONLINE, False), step(LETTER, False)]
    ConsentMeans.objects.filter(dossier=dossier).update(grid_made_at=timezone.now())
    assert steps(person, dossier)[-1] == step(LETTER, True)


@pytest.mark.parametrize(
    ("seals", "said", "done"),
    [
        (["service"], "Consentement enregistré, formulaire chiffré", True),
        (
            ["service", "refused"],
            "Formulaire numérisé illisible : gardez l'original signé, prévenez l'exploitant",
            False,
        ),
        (["refused", "service"], "Consentement enregistré, formulaire chiffré", True),
    ],
)
def test_the_last_paper_says_whether_it_reads(seals, said, done):
    person, dossier = make.InsuredFactory(), make.DossierFactory()
    for hour, seal in enumerate(seals):
        paper = ConsentPaper.objects.create(
            dossier=dossier,
            consent_id=dossier.opening_consent_id,
            media_type="application/pdf",
            size=4,
            key_version=1,
            sealed=b"x",
            seal=seal,
        )
        ConsentPaper.objects.filter(dossier=dossier, pk=paper.pk).update(
            added_at=timezone.now() + dt.timedelta(hours=hour)
        )
    assert steps(person, dossier)[0] == Step(said, done)
