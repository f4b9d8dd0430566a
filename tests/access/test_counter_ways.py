"""Where the counter leads when nobody is on the screen, when the dossier is closed, when something is not there."""

import datetime as dt
import getpass
import io

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from access.management.operators import NOBODY, OperatorCommand
from access.tasks import send_contact_code
from audit.models import Trace
from fhir import ids
from patients import dossiers, insi, requests
from patients.models import InsuredPerson
from patients.models_requests import Request
from tests import factories as make
from tests.access.counter import LIVE, NEW, look_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]
PAGES = [
    "personne",
    "ouvrir",
    "coordonnees",
    "acces",
    "verifier",
    "lettre",
    "representants",
    "historique",
    "demandes/nouvelle",
]


@pytest.mark.parametrize("page", PAGES)
def test_without_a_person_one_goes_and_finds_her(client, agent, page):
    assert client.get(f"/guichet/{page}/").headers["Location"] == "/guichet/"


@pytest.mark.parametrize("page", ["coordonnees", "verifier", "lettre", "representants", "acces"])
def test_of_a_closed_dossier_one_goes_back_to_the_sheet(client, agent, opened, page):
    dossiers.close(opened.pk, closure="DEMANDE_TITULAIRE", by=agent.actor())
    assert client.get(f"/guichet/{page}/").headers["Location"] == "/guichet/personne/"


def test_without_a_dossier_there_is_no_request_to_record(client, agent):
    look_for(client, make.InsuredFactory())
    assert client.get("/guichet/demandes/nouvelle/").headers["Location"] == "/guichet/personne/"


# -- a newcomer -----------------------------------------------------------------------------------------------


@pytest.fixture
def newcomer(client, agent, settings, monkeypatch):
    settings.INS_SERVICE = "patients.insi.Demonstration"
    said = NEW | {"regime": make.RegimeFactory().pk, "caisse": make.CaisseFactory().pk}

    def search(answer):
        monkeypatch.setattr(insi.Demonstration, "search", lambda self, traits: answer(traits))
        return client.post("/guichet/arrivant/", said)

    return search


def test_without_the_service_there_is_no_newcomer(client, agent, settings):
    settings.INS_SERVICE = ""
    assert client.get("/guichet/arrivant/").headers["Location"] == "/guichet/"


def test_a_service_that_does_not_answer_is_said_and_nobody_is_made(newcomer):
    def down(traits):
        raise insi.Unavailable

    answer = newcomer(down)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "ne répond pas : réessayez dans quelques minutes" in page
    assert "ne connaît pas ces traits" not in page
    assert not InsuredPerson.objects.exists()


def test_several_identities_are_one_too_many(newcomer):
    answer = newcomer(lambda traits: ["one", "two"])
    assert (answer.status_code, "Plusieurs identités répondent" in answer.content.decode()) == (422, True)


# -- a code ---------------------------------------------------------------------------------------------------


def test_a_code_left_empty_is_asked_again_and_coming_back_starts_over(client, opened):
    client.post("/guichet/verifier/", {"email": "marie@example.org"})
    assert client.post("/guichet/verifier/", {"code": ""}).status_code == 422
    assert client.session["counter_contact_code"]["tries"] == 0
    assert client.get("/guichet/verifier/").status_code == 200
    assert "counter_contact_code" not in client.session
    assert len(mail.outbox) == 1


def test_without_a_way_to_send_messages_no_telephone_is_asked_for(client, opened, settings):
    settings.TEXT_MESSAGES = ""
    page = client.get("/guichet/verifier/").content.decode()
    assert 'name="email"' in page and 'name="phone"' not in page
    settings.TEXT_MESSAGES = "patients.text_messages.ToFiles"
    assert 'name="phone"' in client.get("/guichet/verifier/").content.decode()


def test_a_gateway_taken_away_while_a_code_was_on_its_way_sends_nothing_and_breaks_nothing(
    client, opened, settings, monkeypatch
):
    settings.TEXT_MESSAGES = "patients.text_messages.ToFiles"
    waiting = []
    monkeypatch.setattr(send_contact_code, "delay", lambda *said: waiting.append(said))
    page = client.post("/guichet/verifier/", {"phone": "06 12 34 56 78"}).content.decode()
    assert "Taper le code" in page
    settings.TEXT_MESSAGES = ""
    (said,) = waiting
    send_contact_code(*said)
    assert not (settings.MEDIA_ROOT / "messages").exists() and not mail.outbox
    assert client.post("/guichet/verifier/", {"code": "000000"}).status_code == 422
    assert 'name="phone"' not in client.get("/guichet/verifier/").content.decode()


def test_of_a_minor_the_sheet_asks_for_a_representative(client, agent):
    look_for(client, make.InsuredFactory(birth_date=dt.date(2015, 1, 1), email=""))
    client.post("/guichet/ouvrir/", LIVE)
    page = client.get("/guichet/personne/").content.decode()
    assert "Parent ou tuteur enregistré" in page and "espace en ligne prêt" not in page


# -- requests -------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(agent, opened):
    said = requests.Asked(
        kind="rectification", channel="counter", requester="A. M.", identity="passeport", said="le nom"
    )
    return requests.ask(opened.pk, said, by=agent.actor())


def address(row, name=""):
    return f"/guichet/demandes/{ids.join(row.dossier_id, row.pk)}/{name}"


def move(client, row, act, **more):
    status = client.post(address(row), {"act": act, **more}).status_code
    return status, Request.objects.get(dossier_id=row.dossier_id, pk=row.pk).state


def test_a_complement_is_asked_for_comes_and_the_request_is_cancelled(client, asked):
    assert move(client, asked, "prendre") == (302, "in_progress")
    assert move(client, asked, "manque", words="L'acte de naissance.") == (302, "incomplete")
    assert move(client, asked, "complet") == (302, "in_progress")
    assert move(client, asked, "annuler") == (302, "cancelled")
    assert move(client, asked, "prendre") == (200, "cancelled")  # nothing more to do


def test_a_refusal_has_a_ground_and_what_was_accepted_is_done(client, asked, agent):
    move(client, asked, "prendre")
    assert move(client, asked, "refuser", words="Non.", ground="nothing") == (302, "refused")
    row = Request.objects.get(dossier_id=asked.dossier_id, pk=asked.pk)
    assert (row.refusal, row.answer) == ("nothing", "Non.")
    said = requests.Asked(kind="contest", channel="counter", requester="A. M.", identity="passeport", said="x")
    other = requests.ask(asked.dossier_id, said, by=agent.actor())
    move(client, other, "prendre")
    assert move(client, other, "accepter", words="Oui.") == (302, "accepted")
    assert move(client, other, "faite") == (302, "done")


@pytest.mark.parametrize("name", ["reponse", "remise", "rien"])
def test_a_letter_that_a_request_has_not_yet_does_not_exist(client, asked, name):
    before = Trace.objects.count()
    assert client.get(address(asked, f"{name}/")).status_code == 404
    assert Trace.objects.count() == before  # nothing was read
    assert client.get(address(asked, "recu/")).status_code == 200


# -- operators ------------------------------------------------------------------------------------------------


def test_reminders_are_not_sent_by_the_list():
    with pytest.raises(CommandError, match="--apply va avec --remind"):
        call_command("requests_due", apply=True, stdout=io.StringIO())


@pytest.fixture
def command(monkeypatch):
    def dossier(typed="", request=""):
        monkeypatch.setattr(getpass, "getpass", lambda asked: typed)
        return OperatorCommand().dossier(make.UserFactory(kind="operator"), request)

    return dossier


def test_an_operator_names_a_dossier_by_a_request_or_by_the_number(command, asked):
    assert command(request=asked.on_paper) == asked.dossier_id
    assert command(InsuredPerson.objects.get().ins.matricule) == asked.dossier_id


@pytest.mark.parametrize(
    ("typed", "request_", "said"),
    [
        ("", "D-AAAAA-AAAAA", "Aucune demande ne porte ce numéro."),
        ("12", "", "Ce numéro n'a pas la forme attendue : 15 caractères, clé comprise."),
        ("197023599000284", "", NOBODY),
    ],
)
def test_what_names_nobody_is_said(command, typed, request_, said):
    with pytest.raises(CommandError) as error:
        command(typed, request_)
    assert error.value.args == (said,)
