"""The counter: exact searches, two factors, consent, and nothing medical, as its database role proves."""

import datetime as dt

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from audit.models import Trace
from patients import dossiers
from patients.models import Dossier, Notice, OpeningRule, Patient
from tests import factories as make
from tests.access.counter import LIVE, look_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]


def test_without_signing_in_nothing_answers(client):
    for path in ("/guichet/", "/guichet/personne/", "/guichet/ouvrir/", "/admin/"):
        assert client.get(path).status_code == 302, path


def test_without_a_second_factor_of_his_own_an_agent_is_sent_to_set_one_up(client, agent):
    Authenticator.objects.all().delete()
    assert ("/compte/2fa/totp/activate/", 302) in client.get("/guichet/", follow=True).redirect_chain


def test_a_holder_s_account_does_not_enter(client):
    client.force_login(make.UserFactory(), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/guichet/").status_code in (302, 403)


def test_find_by_number_then_open_with_consent(client, agent):
    person = make.InsuredFactory()
    answer = look_for(client, person)
    assert answer.headers["Location"] == "/guichet/personne/"
    page = client.get("/guichet/personne/")
    assert "Aucun dossier" in page.content.decode()
    assert person.ins.matricule not in page.content.decode()
    refused = client.post("/guichet/ouvrir/", {"way": "direct", "seen": "passeport"})
    assert refused.status_code == 422
    assert not Dossier.objects.exists()
    client.post("/guichet/ouvrir/", LIVE | {"allows_regulation": "on"})
    dossier = Dossier.objects.get()
    assert (dossier.opened_channel, dossier.allows_break_glass, dossier.allows_regulation) == ("counter", False, True)
    assert "Dossier ouvert" in client.get("/guichet/personne/").content.decode()
    events = list(Trace.objects.order_by("at").values_list("event", flat=True))
    assert events == ["identity_searched", "sheet_read", "dossier_opened", "sheet_read"]


def test_find_by_name_and_birth_date_is_exact(client, agent):
    person = make.InsuredFactory()
    near = {"number": "", "family": person.birth_family[:4], "birth_date": "12/03/1984"}
    assert look_for(client, person, **near).status_code == 422
    exact = near | {"family": person.birth_family}
    assert look_for(client, person, **exact).status_code == 302


def test_a_person_of_another_fund_is_not_found(client, agent):
    person = make.InsuredFactory(caisse=make.CaisseFactory(code="751", department="75"))
    answer = look_for(client, person)
    assert "Aucune personne trouvée" in answer.content.decode()
    assert Trace.objects.get().allowed is False


def test_a_regime_that_may_not_open_is_told_so_with_the_other_ways(client, agent):
    person = make.InsuredFactory()
    OpeningRule.objects.create(
        regime=person.regime,
        channel="counter",
        allowed=False,
        since=dt.date(2016, 1, 1),
        note="Le pilote n'est pas fini ici.",
    )
    look_for(client, person)
    page = client.get("/guichet/personne/").content.decode()
    assert "Le pilote n&#x27;est pas fini ici." in page
    assert "en ligne : oui" in page
    assert client.post("/guichet/ouvrir/", LIVE).status_code == 302
    assert not Dossier.objects.exists()


@pytest.fixture
def holder(client, agent):
    """A person with an open dossier, found at the counter."""
    person = make.InsuredFactory()
    look_for(client, person)
    client.post("/guichet/ouvrir/", LIVE)
    return Patient.objects.get()


CONTACTS = {"address": "3 rue Neuve", "postal_code": "69007"}
SEEN = {"identity": "passeport", "home": "quittance de loyer", "checked": "on"}
PAGE = "/guichet/coordonnees/"


def test_an_address_changes_on_papers_seen_and_nothing_else_does(client, agent, holder):
    assert holder.email in client.get(PAGE).content.decode()
    others = {"birth_family": "AUTRE", "birth_date": "2000-01-01", "status": "provisoire", "sex": "M"}
    others |= {"email": "neuve@example.org", "phone": "06 12 34 56 78"}  # those are proven by a code
    assert client.post(PAGE, CONTACTS | SEEN | others).headers["Location"] == "/guichet/personne/"
    patient = Patient.objects.get()
    assert {name: getattr(patient, name) for name in CONTACTS} == CONTACTS
    assert [getattr(patient, name) for name in others] == [getattr(holder, name) for name in others]
    last = patient.history.latest()
    assert (last.history_user_id, last.history_change_reason) == (
        f"counter:{agent.pk}",
        "passeport, quittance de loyer",
    )
    trace = Trace.objects.get(event="contact_changed")
    assert (trace.dossier_id, trace.actor_kind, trace.actor_id) == (patient.dossier_id, "counter", str(agent.pk))
    told = {"setting": "contacts", "changed": ["address", "postal_code"], "evidence": "passeport, quittance de loyer"}
    assert trace.detail == told


def test_her_opposition_to_those_near_to_her_is_written_on_her_paper_and_kept_by_another_change(
    client, agent, holder
):
    known = {name: getattr(holder, name) for name in CONTACTS}
    opposes = {"identity": "passeport", "checked": "on", "refuses_heirs": "on"}
    assert client.post(PAGE, known | opposes | {"identity": ""}).status_code == 422
    assert not Dossier.objects.get().refuses_heirs
    client.post(PAGE, known | opposes)
    assert (Dossier.objects.get().refuses_heirs, "checked" in client.get(PAGE).content.decode()) == (True, True)
    trace = Trace.objects.get(event="emergency_changed")
    assert (trace.actor_id, trace.detail) == (str(agent.pk), {"setting": "proches", "on": True})
    assert not Trace.objects.filter(event="contact_changed").exists()
    client.post(PAGE, known | opposes | {"refuses_heirs": ""})
    assert not Dossier.objects.get().refuses_heirs


def test_the_address_known_before_is_told_of_a_change(client, holder):
    client.post(PAGE, CONTACTS | SEEN)
    same = {name: getattr(Patient.objects.get(), name) for name in CONTACTS}
    client.post(PAGE, same | SEEN | {"home": "", "no_email": "on"})
    assert Patient.objects.get().email == ""
    rows = Notice.objects.filter(dossier=holder.dossier_id, kind="contacts_changed")
    assert list(rows.values_list("email", flat=True)) == [holder.email] * 2


def test_an_e_mail_proven_in_place_of_another_is_told_to_the_other(holder, agent):
    dossiers.change_contacts(holder.dossier_id, {"email": "neuve@example.org"}, by=agent.actor(), proven="email")
    assert Notice.objects.get(dossier=holder.dossier_id, kind="contacts_changed").email == holder.email


@pytest.mark.parametrize("wanted", [{"email": "neuve@example.org"}, {"phone": "06 12 34 56 78"}])
def test_no_e_mail_and_no_telephone_is_written_on_papers(holder, agent, wanted):
    for proof in ({}, {"evidence": "passeport"}, {"proven": "phone" if "email" in wanted else "email"}):
        with pytest.raises(ValidationError):
            dossiers.change_contacts(holder.dossier_id, wanted, by=agent.actor(), **proof)
    assert Patient.objects.get().email == holder.email


def test_contacts_sent_again_change_nothing(client, holder):
    client.post(PAGE, CONTACTS | SEEN)
    client.post(PAGE, CONTACTS | SEEN)
    assert Trace.objects.filter(event="contact_changed").count() == 1


@pytest.mark.parametrize("wrong", [{"postal_code": "690"}, {"identity": ""}, {"home": ""}, {"checked": ""}])
def test_contacts_that_are_none_or_without_their_papers_are_refused(client, holder, wrong):
    assert client.post(PAGE, CONTACTS | SEEN | wrong).status_code == 422
    assert Patient.objects.get().address == holder.address


def test_no_contacts_without_a_person_found_nor_on_a_closed_dossier(client, agent, holder):
    dossiers.close(holder.dossier_id, closure="DEMANDE_TITULAIRE", by=agent.actor())
    assert client.post(PAGE, CONTACTS | SEEN).headers["Location"] == "/guichet/personne/"
    client.get("/guichet/")
    assert client.post(PAGE, CONTACTS | SEEN).headers["Location"] == "/guichet/"
    assert Patient.objects.get().address == holder.address


def test_many_searches_in_a_minute_are_stopped(client, agent, time_machine):
    time_machine.move_to(dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC), tick=False)
    person = make.InsuredFactory()
    answers = [look_for(client, person) for _ in range(22)]
    assert "Trop de recherches" in answers[-1].content.decode()


def test_the_limit_needs_no_redis(client, agent, time_machine, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "unix:///no"}
    }
    time_machine.move_to(dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC), tick=False)
    person = make.InsuredFactory()
    answers = [look_for(client, person) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [302] * 20 + [422]


def test_nothing_is_deleted_in_the_admin(client, agent):
    agent.is_superuser = True
    agent.save()
    rule = OpeningRule.objects.create(channel="web", since=dt.date(2016, 1, 1))
    assert client.get(f"/admin/patients/openingrule/{rule.pk}/delete/").status_code == 403
    for path in ("/admin/", "/admin/patients/openingrule/", "/admin/access/user/", "/admin/access/professional/"):
        assert client.get(path).status_code == 200, path


def test_neither_a_number_nor_a_name_and_birth_date_finds_nobody(client, agent):
    answer = client.post("/guichet/", {"reason": "presente", "family": "LEFÈVRE"})
    assert (answer.status_code, "Donnez le numéro, ou le nom" in answer.content.decode()) == (422, True)


def test_a_dossier_opened_meanwhile_is_said(client, agent):
    person = make.InsuredFactory()
    look_for(client, person)
    agreement = dossiers.Agreement("holder", "formulaire", "web")
    dossiers.open_for(person, agreement=agreement, by=make.UserFactory().actor())
    fields = LIVE | {"allows_break_glass": "on", "allows_regulation": "on"}
    page = client.post("/guichet/ouvrir/", fields, follow=True).content.decode()
    assert "a déjà un dossier" in page
    assert Dossier.objects.count() == 1
