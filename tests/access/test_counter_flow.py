"""The guided flow of the counter, door by door: signed form, card, newcomer, proven address, letter."""

import datetime as dt
import io
import json
import re

import pikepdf
import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile

from access.models import ConsentMeans, Representation, User
from audit.models import Trace
from documents import papers
from patients.models import ConsentPaper, Dossier, InsuredPerson, Patient
from tests import factories as make
from tests.access.counter import LIVE, NEW, look_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]
PDF = b"%PDF-1.7 form"
SIGNED = {"consent": "on", "way": "papier", "evidence": "F-12"}
VERIFY = "/guichet/verifier/"
PRINT = {"evidence": "passeport", "checked": "on"}


@pytest.fixture
def found(client, agent):
    """On the agent's screen, without a dossier."""
    person = make.InsuredFactory(email="")
    look_for(client, person)
    return person


@pytest.fixture
def opened(client, found):
    client.post("/guichet/ouvrir/", LIVE)
    return Dossier.objects.get()


def form(content, name="formulaire.pdf"):
    return {"scan": SimpleUploadedFile(name, content)}


# -- the signed form ------------------------------------------------------------------------------------
def test_a_signed_form_opens_the_dossier_and_is_sealed_at_once(client, found):
    papers.publish()
    assert client.post("/guichet/ouvrir/", SIGNED | form(PDF)).status_code == 302
    paper = ConsentPaper.objects.get()
    assert paper.consent_id == Dossier.objects.get().opening_consent_id
    assert PDF not in bytes(paper.sealed)
    assert "formulaire chiffré" in client.get("/guichet/personne/").content.decode()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "joignez-le"),
        (form(b"MZ\x90 program", "formulaire.pdf"), "un PDF, un JPEG ou un PNG"),
        (form(b"%PDF-" + bytes(5 * 1024 * 1024)), "dépasse 5"),
        ({"evidence": ""} | form(PDF), "donnez son numéro"),
        ({"way": "direct"}, "voyez d&#x27;abord une pièce"),
        ({"way": "autre"}, "Erreur"),
    ],
)
def test_without_the_proof_of_consent_nothing_opens(client, found, more, said):
    papers.publish()
    answer = client.post("/guichet/ouvrir/", SIGNED | more)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Dossier.objects.exists()


def test_a_form_that_cannot_be_kept_opens_nothing(client, found):
    answer = client.post("/guichet/ouvrir/", SIGNED | form(PDF))  # no public key was published yet
    assert (answer.status_code, Dossier.objects.exists(), ConsentPaper.objects.exists()) == (422, False, False)


def test_a_refused_file_is_said_on_the_sheet(client, found):
    papers.publish()
    client.post("/guichet/ouvrir/", SIGNED | form(PDF))
    ConsentPaper.objects.filter(dossier=Dossier.objects.get()).update(seal="refused")
    assert "gardez l&#x27;original" in client.get("/guichet/personne/").content.decode()


# -- who is there ---------------------------------------------------------------------------------------
def test_the_card_finds_the_person_and_leaves_the_same_trace(client, agent, settings, tmp_path):
    person = make.InsuredFactory()
    card = tmp_path / "card.json"
    settings.CARD_READER, settings.CARD_FILE = "patients.vitale.FromFile", str(card)
    assert "Aucune carte" in client.post("/guichet/carte/", follow=True).content.decode()
    card.write_text(json.dumps({"number": person.ins.matricule, "oid": person.oid}))
    assert client.post("/guichet/carte/").headers["Location"] == "/guichet/personne/"
    trace = Trace.objects.get(event="identity_searched")
    assert (trace.allowed, trace.detail["by"]) == (True, "card")


@pytest.mark.parametrize("said", ["", "{", "[]", '{"number": 7}', '{"number": "1", "oid": "x"}', "\0"])
def test_a_card_that_does_not_read_is_said_and_nothing_breaks(client, agent, settings, tmp_path, said):
    card = tmp_path / "card.json"
    card.write_text(said)
    settings.CARD_READER, settings.CARD_FILE = "patients.vitale.FromFile", str(card)
    assert "ne se lit pas" in client.post("/guichet/carte/", follow=True).content.decode()


@pytest.fixture
def service(settings, agent):
    settings.INS_SERVICE = "patients.insi.Demonstration"
    return NEW | {"regime": make.RegimeFactory().pk, "caisse": "691"}


def test_a_newcomer_opens_with_a_provisional_number(client, service):
    assert client.post("/guichet/arrivant/", service).headers["Location"] == "/guichet/personne/"
    assert "provisoire, se termine par" in client.get("/guichet/personne/").content.decode()
    client.post("/guichet/ouvrir/", LIVE)
    assert Patient.objects.get().ins.matricule.startswith("8")
    client.post("/guichet/arrivant/", service)  # a second time: the same person
    assert InsuredPerson.objects.count() == 1
    assert "Dossier ouvert" in client.get("/guichet/personne/").content.decode()


def test_the_service_knows_nobody_by_other_traits(client, service):
    answer = client.post("/guichet/arrivant/", service | {"sex": "M"})
    assert (answer.status_code, "ne connaît pas ces traits" in answer.content.decode()) == (422, True)
    assert not InsuredPerson.objects.exists()


def test_a_newcomer_of_another_fund_is_sent_to_it(client, service):
    make.CaisseFactory(code="751", department="75")
    assert client.post("/guichet/arrivant/", service | {"caisse": "751"}).status_code == 422
    client.post("/guichet/arrivant/", service)
    InsuredPerson.objects.update(caisse="751")
    assert "par une autre caisse" in client.post("/guichet/arrivant/", service).content.decode()


def test_without_a_service_or_a_reader_the_page_does_not_offer_them(client, agent, settings):
    settings.INS_SERVICE = settings.CARD_READER = ""
    page = client.get("/guichet/").content.decode()
    assert ("Nouvel arrivant" in page, "Lire la carte" in page) == (False, False)
    settings.CARD_READER = "patients.vitale.FromFile"
    page = client.get("/guichet/").content.decode()
    assert ("Nouvel arrivant" in page, "Lire la carte" in page) == (False, True)
    settings.INS_SERVICE, settings.CARD_READER = "patients.insi.Demonstration", ""
    page = client.get("/guichet/").content.decode()
    assert ("Nouvel arrivant" in page, "Lire la carte" in page) == (True, False)
    assert "Trouver une personne" in page
    settings.CARD_READER = ""
    assert client.post("/guichet/carte/").headers["Location"] == "/guichet/"


# -- a proven address -----------------------------------------------------------------------------------
def mailed():
    return re.search(r"^(\d{3} \d{3})$", mail.outbox[-1].body, re.M)[1]


def test_a_proven_address_gives_the_holder_her_space_without_a_password(client, opened):
    client.post(VERIFY, {"email": "Marie@example.org"})
    assert client.post(VERIFY, {"code": mailed()}).headers["Location"] == "/guichet/acces/"
    held = Representation.objects.get(dossier=opened)
    assert (held.role, held.user.email, held.user.has_usable_password()) == ("holder", "marie@example.org", False)
    trace = Trace.objects.about(opened.pk).get(event="contact_changed")
    assert trace.detail == {"setting": "contacts", "changed": ["email"], "proven": "email"}


def test_a_wrong_code_proves_nothing_and_five_wear_it_out(client, opened):
    client.post(VERIFY, {"email": "marie@example.org"})
    right = mailed()
    wrong = "000 000" if right != "000 000" else "111 111"
    assert [client.post(VERIFY, {"code": wrong}).status_code for _ in range(5)] == [422] * 5
    assert client.post(VERIFY, {"code": right}).status_code == 422
    assert not User.objects.filter(email="marie@example.org").exists()


def test_a_code_serves_ten_minutes_and_one_dossier(client, opened, time_machine):
    noon = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
    time_machine.move_to(noon, tick=False)
    client.post(VERIFY, {"email": "marie@example.org"})
    right = mailed()
    time_machine.move_to(noon + dt.timedelta(minutes=10, seconds=1), tick=False)
    assert client.post(VERIFY, {"code": right}).status_code == 422
    client.post(VERIFY, {"email": "marie@example.org"})
    look_for(client, make.InsuredFactory(birth_family="AUTRE"))
    client.post("/guichet/ouvrir/", LIVE)
    assert client.post(VERIFY, {"code": mailed()}).status_code == 422
    assert not User.objects.filter(email="marie@example.org").exists()


def test_the_address_of_another_account_is_refused(client, opened):
    known = make.UserFactory()
    client.post(VERIFY, {"email": known.email})
    page = client.post(VERIFY, {"code": mailed()}, follow=True).content.decode()
    assert "sert déjà à un compte" in page
    assert not Representation.objects.filter(dossier=opened).exists()
    assert Patient.objects.get().email != known.email


def test_a_minor_gets_no_account_of_his_own(client, agent):
    look_for(client, make.InsuredFactory(birth_date=dt.date(2015, 1, 1), email=""))
    client.post("/guichet/ouvrir/", LIVE)
    client.post(VERIFY, {"email": "enfant@example.org"})
    assert client.post(VERIFY, {"code": mailed()}).headers["Location"] == "/guichet/personne/"
    assert not User.objects.filter(email="enfant@example.org").exists()


def test_a_telephone_is_proven_by_a_message(client, opened, settings, tmp_path):
    settings.TEXT_MESSAGES, settings.EMAIL_FILE_PATH = "patients.text_messages.ToFiles", str(tmp_path)
    client.post(VERIFY, {"phone": "06 12 34 56 78"})
    (message,) = tmp_path.glob("sms-*.txt")
    code = re.search(r"\d{3} \d{3}\b(?=\.)", message.read_text())[0]
    assert client.post(VERIFY, {"code": code}).headers["Location"] == "/guichet/personne/"
    assert Patient.objects.get().phone == "06 12 34 56 78"


@pytest.mark.parametrize("said", [{}, {"email": "x"}, {"email": "a@example.org", "phone": "0612345678"}])
def test_one_address_at_a_time(client, opened, said):
    assert client.post(VERIFY, said | {"x": "1"}).status_code == 422
    assert not mail.outbox


def test_codes_sent_one_after_the_other_are_stopped(client, opened):
    answers = [client.post(VERIFY, {"email": f"a{n}@example.org"}).status_code for n in range(6)]
    assert answers == [200] * 5 + [422]


# -- the letter -----------------------------------------------------------------------------------------
def test_the_letter_carries_a_fresh_grid_and_a_new_one_voids_it(client, opened):
    answer = client.post("/guichet/lettre/", PRINT)
    with pikepdf.open(io.BytesIO(answer.content)) as letter:
        assert len(letter.pages) == 2
    assert "no-store" in answer.headers["Cache-Control"]
    first = ConsentMeans.objects.get(dossier=opened)
    assert len(first.grid) == 40
    client.post("/guichet/lettre/", PRINT)
    second = ConsentMeans.objects.get(dossier=opened)
    assert second.pk == first.pk
    assert not set(map(bytes, first.grid)) & set(map(bytes, second.grid))


@pytest.mark.parametrize("missing", ["evidence", "checked"])
def test_no_letter_without_the_person_and_her_paper(client, opened, missing):
    said = {name: value for name, value in PRINT.items() if name != missing}
    assert client.post("/guichet/lettre/", said).status_code == 422
    assert not ConsentMeans.objects.exists()
