"""A newcomer's dossier gets its definitive number: one dossier, found by both, and no second one."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from access.models import User
from audit.models import Trace
from documents import feed
from documents.care_lines import CareLine
from patients import dossiers, insi, numbers
from patients.ins import OID_NIA, OID_NIR, OID_TEST, Ins
from patients.models import Dossier, IdentityIndex, InsuredPerson, Notice, Patient
from tests import factories as make
from tests.access.counter import LIVE, look_for
from tests.documents.test_feed import said, write  # noqa: F401 (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/guichet/numero/"
SEEN = {"identity": "titre de séjour", "checked": "on"}
NIA, NIR = "888059933001744", "288059933001753"  # of the demonstration's own service
TRAITS = {
    "birth_family": "DIALLO",
    "given_names": "Aminata",
    "birth_date": dt.date(1988, 5, 14),
    "sex": "F",
    "birthplace": "99330",
}


@pytest.fixture(autouse=True)
def _with_the_identity_service(settings, back_office):
    settings.INS_SERVICE = "patients.insi.Demonstration"


def registered(number, **more):
    one = Ins(number, OID_TEST)
    return make.InsuredFactory(lookup=one.lookup, sealed_matricule=one.sealed(), **TRAITS | more)


@pytest.fixture
def dossier(client, agent):
    """Opened with the provisional number; its holder is on the agent's screen."""
    look_for(client, registered(NIA))
    client.post("/guichet/ouvrir/", LIVE)
    return Dossier.objects.get()


def test_the_number_that_the_service_gives_joins_the_provisional_one(client, agent, dossier):
    assert "Rattacher son numéro définitif" in client.get("/guichet/personne/").content.decode()
    assert client.post(PAGE, SEEN).headers["Location"] == "/guichet/personne/"
    page = client.get("/guichet/personne/").content.decode()
    assert "se termine par 01753" in page and "provisoire" not in page
    patient = Patient.objects.get(dossier=dossier)
    assert patient.ins == Ins(NIR, OID_TEST)
    last = patient.history.latest()
    assert (last.history_user_id, last.history_change_reason) == (f"counter:{agent.pk}", "INSi, titre de séjour")
    assert Ins.unsealed(last.prev_record.sealed_matricule, OID_TEST).matricule == NIA
    trace = Trace.objects.about(dossier.pk).get(event="number_attached")
    assert (trace.actor_kind, trace.detail) == ("counter", {"evidence": "INSi, titre de séjour"})
    found = IdentityIndex.objects.filter(dossier_id=dossier.pk).values_list("lookup", flat=True)
    assert {bytes(one) for one in found} == {Ins(number, OID_TEST).lookup for number in (NIA, NIR)}
    for number in (NIA, NIR):  # the register knows both, and each shows the same dossier
        look_for(client, InsuredPerson.objects.get(pk=Ins(number, OID_TEST).lookup))
        assert "Dossier ouvert" in client.get("/guichet/personne/").content.decode()
    assert client.get(PAGE).status_code == 302  # nothing is left to attach


@pytest.mark.parametrize("wrong", [{"identity": ""}, {"checked": ""}])
def test_nothing_is_attached_without_the_person_and_her_paper(client, dossier, wrong):
    assert client.post(PAGE, SEEN | wrong).status_code == 422
    assert IdentityIndex.objects.count() == 1


class Other:
    """A service that gives a number, and does not say that it replaces the one of this dossier."""

    def search(self, traits):
        return [insi.Identity(Ins(NIR, OID_TEST), traits, (Ins("785029999900223", OID_TEST),))]


class Silent:
    def search(self, traits):
        raise insi.Unavailable


@pytest.mark.parametrize(("service", "words"), [(Other, "ne donne pas encore"), (Silent, "ne répond pas")])
def test_a_number_that_does_not_replace_hers_is_not_attached(client, dossier, monkeypatch, service, words):
    monkeypatch.setattr(insi, "service", service)
    answer = client.post(PAGE, SEEN)
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert Patient.objects.get(dossier=dossier).ins.matricule == NIA


def test_who_comes_with_her_new_number_opens_no_second_dossier(client, dossier):
    person = registered(NIR)
    look_for(client, person)
    page = client.get("/guichet/personne/").content.decode()
    assert "un dossier existe déjà pour cette personne" in page and "Ouvrir le dossier" not in page
    client.post("/guichet/ouvrir/", LIVE)
    agreement = dossiers.Agreement("holder", "en ligne", "web")
    with pytest.raises(dossiers.AlreadyThere):
        dossiers.open_for(person, agreement=agreement, by=make.UserFactory().actor())
    assert Dossier.objects.count() == 1
    client.post(PAGE, SEEN)
    assert "Dossier ouvert" in client.get("/guichet/personne/").content.decode()
    assert InsuredPerson.objects.count() == 2


@pytest.mark.parametrize(
    "other", [{"given_names": "Awa"}, {"birthplace": "99331"}, {"birth_date": dt.date(1988, 5, 15)}]
)
def test_another_person_opens_hers(client, dossier, other):
    look_for(client, registered(NIR, **other))
    client.post("/guichet/ouvrir/", LIVE)
    assert Dossier.objects.count() == 2


def test_a_number_that_has_a_dossier_is_not_taken_from_it(client, agent, dossier):
    other = make.DossierFactory()
    IdentityIndex.objects.create(lookup=Ins(NIR, OID_TEST).lookup, dossier_id=other.pk)
    answer = client.post(PAGE, SEEN)
    assert (answer.status_code, "doublon" in answer.content.decode()) == (422, True)
    patient = Patient.objects.get(dossier=dossier)
    assert (patient.ins.matricule, patient.history.filter(dossier=dossier).count()) == (NIA, 1)


@pytest.mark.parametrize("number", [Ins(NIA, OID_TEST), Ins(NIR, OID_NIA), Ins("288059933001754", OID_NIR)])
def test_only_a_right_definitive_number_is_attached(dossier, number):
    with pytest.raises(ValidationError):
        numbers.attach(dossier.pk, number, by=User.objects.get().actor(), evidence="INSi, passeport")


def test_the_feed_comes_by_either_number_and_is_told_once(client, dossier, write, time_machine):  # noqa: F811
    time_machine.move_to(dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC), tick=False)
    client.force_login(User.objects.get(email="karim@cpam.example.org"), backend=BACKEND)
    look_for(client, InsuredPerson.objects.get())
    client.post(PAGE, SEEN)
    run = feed.feed(write(said(dossier, ligne=1, matricule=NIA), said(dossier, ligne=2, matricule=NIR)))
    assert (run.added, run.unknown) == (2, 0)
    assert sorted(CareLine.objects.filter(dossier=dossier).values_list("line", flat=True)) == ["1", "2"]
    assert Notice.objects.filter(dossier=dossier, kind="first_feed").count() == 1


BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
