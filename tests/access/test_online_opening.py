"""Opening online: the same answer for everybody, a proof of the address, express consent, then a dossier."""

import datetime as dt
import re

import pytest
from django.core import mail

from access import online
from access.models import Representation, User
from audit.models import Trace
from patients import dossiers
from patients.models import Dossier, OpeningRequest, OpeningRule
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)

AGREE = {"consent": "on", "break_glass": "oui", "regulation": "non", "password": "un merle dans le lierre"}


@pytest.fixture
def person():
    return make.InsuredFactory(email="marie@example.org", birth_date=dt.date(1984, 3, 12))


def ask(client, person, email="marie@example.org", **more):
    fields = {"number": person.ins.matricule, "postal_code": person.postal_code, "email": email} | more
    return client.post("/ouvrir/", fields)


def code():
    return re.search(r"^(\d{3} \d{3})$", mail.outbox[-1].body, re.M)[1]


def test_from_the_number_to_the_first_page(client, person):
    assert ask(client, person).headers["Location"] == "/ouvrir/code/"
    assert person.ins.matricule not in mail.outbox[-1].body
    assert client.post("/ouvrir/code/", {"code": code()}).headers["Location"] == "/ouvrir/accord/"
    without = client.post("/ouvrir/accord/", AGREE | {"consent": ""})
    assert (without.status_code, Dossier.objects.count()) == (422, 0)
    assert client.post("/ouvrir/accord/", AGREE).headers["Location"] == "/"
    dossier = Dossier.objects.get()
    assert (dossier.opened_channel, dossier.allows_break_glass, dossier.allows_regulation) == ("web", True, False)
    assert Representation.objects.get(dossier=dossier).user.email == "marie@example.org"
    assert client.get("/").status_code == 200
    assert {"opening_asked", "dossier_opened"} <= set(Trace.objects.values_list("event", flat=True))


@pytest.mark.parametrize(("used", "family"), [("MARTIN", "Martin"), ("", "Lefèvre")])
def test_the_account_is_the_holder_s_under_the_name_she_uses(client, person, used, family):
    type(person).objects.update(used_family=used)
    ask(client, person)
    client.post("/ouvrir/code/", {"code": code()})
    client.post("/ouvrir/accord/", AGREE | {"break_glass": "non", "regulation": "oui"})
    dossier, row = Dossier.objects.get(), Representation.objects.get()
    user = row.user
    assert (user.email, user.kind, user.first_name, user.last_name) == (
        "marie@example.org",
        "person",
        "Marie",
        family,
    )
    assert user.check_password(AGREE["password"])
    address = user.emailaddress_set.get()
    assert (address.email, address.verified, address.primary) == ("marie@example.org", True, True)
    assert (row.dossier, row.role, row.recorded_by, row.since) == (
        dossier,
        "holder",
        f"holder:{user.pk}",
        dossier.opened_at,
    )
    assert row.history.get().history_user_id == f"holder:{user.pk}"
    assert (dossier.allows_break_glass, dossier.allows_regulation) == (False, True)
    consent = dossier.consents.get()
    assert (consent.given_by, consent.evidence, consent.channel) == ("holder", "case cochée en ligne", "web")
    assert consent.collected_by == f"holder:{user.pk}"
    assert OpeningRequest.objects.get().state == "done"
    assert Trace.objects.get(event="dossier_opened").means == "e-mail"


def test_the_link_of_the_mail_needs_a_click(client, person):
    ask(client, person)
    path = re.search(r"(/ouvrir/lien/\S+)", mail.outbox[-1].body)[1]
    assert client.get(path).status_code == 200
    assert OpeningRequest.objects.get().state == "mailed"
    assert client.post(path).headers["Location"] == "/ouvrir/accord/"
    assert client.post(path).status_code == 410


def test_who_is_unknown_gets_the_same_answer_and_no_mail(client, person):
    known = ask(client, person)
    unknown = ask(client, person, postal_code="01000")
    assert (known.status_code, known.headers["Location"]) == (unknown.status_code, unknown.headers["Location"])
    assert len(mail.outbox) == 1
    assert client.get("/ouvrir/code/").status_code == 200
    assert client.post("/ouvrir/code/", {"code": "123456"}).status_code == 422


def test_another_address_than_the_one_on_file_waits_for_a_letter(client, person, settings):
    ask(client, person, email="autre@example.org")
    assert client.post("/ouvrir/code/", {"code": code()}).headers["Location"] == "/ouvrir/courrier/envoye/"
    assert client.post("/ouvrir/accord/", AGREE).headers["Location"] == "/ouvrir/"
    assert not Dossier.objects.exists()
    letter = settings.MEDIA_ROOT / "letters" / f"{OpeningRequest.objects.get().pk}.pdf"
    assert letter.read_bytes().startswith(b"%PDF")


def test_the_code_of_the_letter_completes_the_opening(client, person):
    from patients import online

    ask(client, person, email="autre@example.org")
    client.post("/ouvrir/code/", {"code": code()})
    secret = online.make_letter_code(OpeningRequest.objects.get())
    typed = f"{secret[:5].lower()} {secret[5:]}"
    answer = client.post("/ouvrir/courrier/", {"email": "autre@example.org", "code": typed})
    assert answer.headers["Location"] == "/ouvrir/accord/"
    assert client.post("/ouvrir/accord/", AGREE).headers["Location"] == "/"


def test_five_wrong_codes_wear_a_request_out(client, person):
    ask(client, person)
    right = code()
    for _ in range(5):
        client.post("/ouvrir/code/", {"code": "000 000" if right != "000 000" else "111 111"})
    assert client.post("/ouvrir/code/", {"code": right}).status_code == 422


def test_a_code_is_worth_half_an_hour(client, person, time_machine):
    start = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
    time_machine.move_to(start, tick=False)
    ask(client, person)
    time_machine.move_to(start + dt.timedelta(minutes=31), tick=False)
    assert client.post("/ouvrir/code/", {"code": code()}).status_code in (302, 422)
    assert not Dossier.objects.exists()
    assert OpeningRequest.objects.get().state == "mailed"


def test_before_eighteen_it_is_at_the_counter(client):
    child = make.InsuredFactory(email="lea@example.org", birth_date=dt.date(2015, 5, 21))
    ask(client, child, email="lea@example.org")
    client.post("/ouvrir/code/", {"code": code()})
    page = client.get("/ouvrir/accord/")
    assert page.status_code == 403
    assert "Avant 18 ans" in page.content.decode()


def test_a_rule_of_regime_is_explained_with_the_other_ways(client, person):
    OpeningRule.objects.create(
        channel="web", allowed=False, since=dt.date(2016, 1, 1), note="Département non pilote."
    )
    ask(client, person)
    client.post("/ouvrir/code/", {"code": code()})
    page = client.get("/ouvrir/accord/").content.decode()
    assert "Département non pilote." in page
    assert "pharmacie" in page


def test_a_number_whose_key_is_wrong_is_said_at_once(client, person):
    wrong = person.ins.matricule[:-2] + f"{(int(person.ins.matricule[-2:]) + 1) % 100:02d}"
    answer = ask(client, person, number=wrong)
    assert answer.status_code == 422
    assert "ne va pas avec sa clé" in answer.content.decode()


def test_an_account_that_exists_is_not_given_another_password(client, person):
    user = User.objects.create_user("marie@example.org", "ancienne phrase secrète")
    ask(client, person)
    client.post("/ouvrir/code/", {"code": code()})
    assert client.post("/ouvrir/accord/", AGREE).headers["Location"] == "/compte/login/"
    user.refresh_from_db()
    assert user.check_password("ancienne phrase secrète")


def test_an_address_of_another_kind_of_account_is_refused(client, person):
    User.objects.create_user("marie@example.org", "x", kind="agent")
    ask(client, person)
    client.post("/ouvrir/code/", {"code": code()})
    answer = client.post("/ouvrir/accord/", AGREE)
    assert (answer.status_code, "sert déjà à un autre compte" in answer.content.decode()) == (422, True)
    assert not Dossier.objects.exists()


def test_a_dossier_opened_meanwhile_is_said(client, person):
    ask(client, person)
    client.post("/ouvrir/code/", {"code": code()})
    agreement = dossiers.Agreement("holder", "formulaire", "counter")
    dossiers.open_for(person, agreement=agreement, by=make.UserFactory().actor())
    answer = client.post("/ouvrir/accord/", AGREE)
    assert answer.status_code == 409
    assert not User.objects.filter(email="marie@example.org").exists()


def test_too_many_from_one_place_wait_an_hour(client, person, monkeypatch):
    monkeypatch.setattr(online, "_too_many", lambda: True)
    answer = ask(client, person)
    assert (answer.status_code, "recommencez dans une heure" in answer.content.decode()) == (422, True)
    assert not mail.outbox
