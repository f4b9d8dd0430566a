"""The trail in French: nothing without words, and sentences a person can read."""

import datetime as dt
from types import SimpleNamespace

import pytest
import time_machine

from access import problems, rights, words
from access.facts import Ground
from audit.trail import ActorKind, Event

pytestmark = pytest.mark.django_db


def told(**fields):
    return SimpleNamespace(
        **(
            {
                "event": "document_read",
                "allowed": True,
                "ground": "authorised",
                "mode": "normal",
                "actor_kind": "professional",
                "actor_id": "81000000018",
                "actor_name": "DR Paul MOREL",
                "profession": "",
                "structure_name": "",
                "object_title": "",
                "detail": {},
            }
            | fields
        )
    )


@pytest.mark.parametrize("event", list(Event))
def test_each_event_has_words(event):
    assert event in words.ACTS
    for allowed in (True, False):
        said = words.what(told(event=event.value, allowed=allowed), "", "un document")
        assert "autre acte" not in said
        assert "{" not in said


@pytest.mark.parametrize("ground", list(Ground))
def test_each_ground_has_its_rule_and_each_right_its_end(ground):
    why = words.why(told(ground=ground.value))
    assert why is not words.UNSAID
    assert why.rule.endswith(".")
    gives_access = {"carer", "treating_doctor", "authorised", "opened_to_him", "author", "feeding", "identified"}
    if ground.value in gives_access:
        assert why.stop


@pytest.mark.parametrize("kind", list(ActorKind))
def test_each_kind_of_actor_has_a_name(kind):
    assert words.who(told(actor_kind=kind.value, actor_name=""))


def test_a_structure_is_named_as_its_software_and_an_act_of_the_service_says_so():
    trace = told(actor_kind="structure", structure_name="Laboratoire des Lilas", ground="", mode="")
    assert words.who(trace) == "Le logiciel de Laboratoire des Lilas"
    assert words.why(trace).rule == "Acte nécessaire au fonctionnement du service."
    assert words.mode(trace) == ""


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Dr Paul Morel a ouvert le document « Bilan »"),
        ({"allowed": False}, "Dr Paul Morel n'a pas pu ouvrir le document « Bilan »"),
        ({"actor_id": "me", "event": "document_masked"}, "Vous avez masqué le document « Bilan » aux professionnels"),
        ({"actor_kind": "counter", "event": "dossier_opened"}, "Le guichet de votre caisse a ouvert ce dossier"),
        ({"actor_id": "me", "allowed": False}, "Vous n'avez pas pu ouvrir le document « Bilan »"),
        ({"event": "inconnu"}, "Dr Paul Morel a fait un autre acte"),
        ({"event": "inconnu", "allowed": False}, "Dr Paul Morel n'a pas pu faire un autre acte"),
        ({"event": "trail_read", "detail": {"page": "profil"}}, "Dr Paul Morel a consulté la page Profil"),
        ({"event": "trail_read"}, "Dr Paul Morel a consulté l'activité de ce dossier"),
        (
            {"event": "emergency_changed", "detail": {"setting": "carte"}},
            "Dr Paul Morel a changé la carte d'urgence, en la retirant",
        ),
        ({"event": "contact_changed"}, "Dr Paul Morel a changé les coordonnées"),
        (
            {
                "event": "document_opened_to",
                "detail": {"to_name": "DR Zoé PETIT", "until": "2027-03-04T00:00:00+01:00"},
            },
            "Dr Paul Morel a ouvert le document « Bilan » à Dr Zoé Petit jusqu'au 3 mars 2027",
        ),
        ({"event": "document_opened_to"}, "Dr Paul Morel a ouvert le document « Bilan » à un professionnel"),
        ({"actor_name": ""}, "Une personne a ouvert le document « Bilan »"),
        ({"actor_kind": "structure"}, "Le logiciel de l'établissement a ouvert le document « Bilan »"),
        (
            {"event": "document_masked", "detail": {"changes": ["confidentiality"]}},
            "Dr Paul Morel a changé la confidentialité de le document « Bilan »",
        ),
    ],
)
def test_sentences(fields, sentence):
    trace = told(**fields)
    said = f"{words.who(trace, 'me')} {words.what(trace, 'me', 'le document « Bilan »')}"
    assert said == sentence.replace("de le document", "du document")


def test_a_professional_who_recorded_the_agreement_is_told_apart():
    trace = told(event="access_granted", detail={"idnat": "81000000018", "until": "2027-03-04T00:00:00+01:00"})
    said = words.what(trace, "me", "Dr Paul Morel")
    assert said == "a enregistré l'accord reçu en consultation : il peut consulter ce dossier jusqu'au 3 mars 2027"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DR Paul MOREL", "Dr Paul Morel"),
        ("MME Julie PETIT-DURAND", "Mme Julie Petit-Durand"),
        ("M Luc D'ARCY", "M. Luc D'Arcy"),
        ("Antoine Marchand", "Antoine Marchand"),
        ("DR Jian LI", "Dr Jian Li"),
        ("PR Paul McDonald", "Pr Paul McDonald"),
        ("MLLE Ève X", "Mlle Ève X"),
        ("", ""),
    ],
)
def test_names_as_people_write_them(name, said):
    assert words.polite(name) == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"profession": "10", "structure_name": "Cabinet des Lilas"}, "médecin, Cabinet des Lilas"),
        ({"profession": "10"}, "médecin"),
        ({"structure_name": "Cabinet des Lilas"}, "Cabinet des Lilas"),
        ({}, ""),
        ({"actor_kind": "holder", "profession": "10"}, "titulaire"),
        ({"actor_kind": "representative"}, "représentant légal"),
        ({"actor_kind": "carer"}, "aidant"),
        ({"actor_kind": "counter"}, ""),
    ],
)
def test_who_he_is_beside_his_name(code_tables, fields, said):
    assert words.quality(told(**fields)) == said


def test_the_way_of_an_access_is_told_when_it_is_not_the_ordinary_one():
    assert words.mode(told(mode="regulation")) == "pendant un appel au SAMU-Centre 15"
    assert words.mode(told()) == ""


@pytest.mark.parametrize("me", ["", "81000000018", "other"])
def test_who_reads_is_told_you(me):
    assert words.who(told(), me) == ("Vous" if me == "81000000018" else "Dr Paul Morel")


def test_days_in_words():
    now = dt.datetime(2027, 3, 4, 0, 30, tzinfo=dt.UTC)
    with time_machine.travel(now, tick=False):
        assert words.day(now, now) == "aujourd'hui"
        assert words.day(now - dt.timedelta(hours=2), now) == "hier"
        assert words.day(now - dt.timedelta(days=3), now) == "le 1 mars 2027"


@pytest.mark.parametrize(
    ("ground", "said"),
    [("not_entitled", "Aucun droit"), ("closed", "fermé"), ("of_age", "pas, ou plus, de droit")],
)
def test_a_refusal_on_ones_own_page_is_in_plain_words(ground, said):
    assert said in words.refusal_to_holder(ground)


def test_of_a_right_that_did_not_run_then_nothing_is_told():
    noon = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    ended = rights.Right(since=noon - dt.timedelta(days=9), until=noon - dt.timedelta(days=2), said=noon)
    assert rights._told([ended], "authorised", noon) == rights.Told()


def test_of_an_authorisation_that_had_ended_its_last_day_is_told():
    noon = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    ended = rights.Right(since=noon - dt.timedelta(days=9), until=noon, said=noon - dt.timedelta(days=9))
    assert rights._told([ended], "expired", noon) == rights.Told("Elle avait pris fin le 23 novembre 2026.", None)
    before = noon - dt.timedelta(seconds=1)
    assert rights._told([ended], "expired", before) == rights.Told("", None)
    assert rights._told([ended], "not_authorised", noon) == rights.Told("", None)


@pytest.mark.parametrize(
    ("until", "last"),
    [("2027-06-02T22:00:00+00:00", "2 juin"), ("2027-06-02T22:00:01+00:00", "3 juin")],
)
def test_a_right_that_ends_at_midnight_in_paris_was_good_until_the_day_before(until, last):
    since = dt.datetime(2027, 3, 3, 12, tzinfo=dt.UTC)
    right = rights.Right(since=since, until=dt.datetime.fromisoformat(until), said=since)
    assert str(right) == f"Depuis le 3 mars 2027, jusqu'au {last} 2027 inclus."


@pytest.mark.parametrize("ground", list(Ground))
def test_each_refusal_of_the_interface_is_one_sentence_without_a_hole(ground):
    assert problems.refusal(ground).endswith(".") and "  " not in problems.refusal(ground)
