"""The holder decides who consults: each decision is a form, a transaction, a line in the trail."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access import overview
from access.facts import Right
from access.models import Block, DossierGrant, Representation
from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
NOON = dt.datetime(2027, 1, 31, 12, 0, tzinfo=PARIS)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def doctor(db):
    return make.ProfessionalFactory(family="CARON", given="Inès")


def url(name, professional, **more):
    return reverse(name, kwargs={"professional_id": professional.pk} | more)


def decide(client, professional, decision):
    return client.post(url("decide", professional, decision=decision))


def running(dossier, right):
    return DossierGrant.rights.running().filter(content_object=dossier, permission__codename=right)


def events(dossier):
    traces = Trace.objects.about(dossier.pk).exclude(event="trail_read")
    return list(traces.order_by("seq").values_list("event", flat=True))


# -- until when -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sent", "end"),
    [
        ({"duration": "visite"}, dt.datetime(2027, 2, 1, tzinfo=PARIS)),
        ({"duration": "1mois"}, dt.datetime(2027, 3, 1, tzinfo=PARIS)),  # 28 February included
        ({"duration": "3mois"}, dt.datetime(2027, 5, 1, tzinfo=PARIS)),  # summer time by then
        ({"duration": "1an"}, dt.datetime(2028, 2, 1, tzinfo=PARIS)),
        ({"duration": "date", "last_day": "2027-02-14"}, dt.datetime(2027, 2, 15, tzinfo=PARIS)),
        ({"duration": "date", "last_day": "14/02/2027"}, dt.datetime(2027, 2, 15, tzinfo=PARIS)),
        ({"duration": "date", "last_day": "2027-01-31"}, dt.datetime(2027, 2, 1, tzinfo=PARIS)),
    ],
)
def test_the_last_day_is_included_and_ends_at_midnight_in_paris(holder_client, dossier, doctor, sent, end):
    with time_machine.travel(NOON, tick=False):
        answer = holder_client(dossier).post(url("authorise", doctor), sent)
        assert answer.headers["Location"] == reverse("autorisations")
        assert running(dossier, "consult_dossier").get().until == end


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"duration": "toujours"},
        {"duration": "date"},
        {"duration": "date", "last_day": "demain"},
        {"duration": "date", "last_day": "2027-01-30"},
        {"duration": "date", "last_day": "2028-02-01"},
    ],
)
def test_no_authorisation_without_a_near_end(holder_client, dossier, doctor, sent):
    with time_machine.travel(NOON, tick=False):
        answer = holder_client(dossier).post(url("authorise", doctor), sent)
        assert answer.status_code == 422
        assert not DossierGrant.objects.exists()


# -- decisions ----------------------------------------------------------------------------------------------
def test_the_holder_authorises_and_the_trail_says_so(holder_client, dossier, doctor):
    client = holder_client(dossier)
    client.post(url("authorise", doctor), {"duration": "3mois"})
    page = client.get(reverse("autorisations")).content.decode()
    assert "Dr Inès Caron" in page
    assert "par le titulaire, sur ce site" in page
    assert events(dossier) == ["access_granted"]


def test_withdrawing_ends_the_right_at_once(holder_client, dossier, doctor):
    make.permit(dossier, doctor)
    decide(holder_client(dossier), doctor, "retirer")
    assert not running(dossier, "consult_dossier").exists()
    assert events(dossier) == ["access_withdrawn"]


def test_one_treating_doctor_at_a_time(holder_client, dossier, doctor):
    make.treat(dossier, make.ProfessionalFactory())
    decide(holder_client(dossier), doctor, "medecin-traitant")
    assert running(dossier, "consult_masked").get().user.professional == doctor
    assert events(dossier) == ["treating_ended", "treating_named"]


def test_the_treating_doctor_is_a_doctor(holder_client, dossier):
    nurse = make.ProfessionalFactory(nurse=True)
    client = holder_client(dossier)
    assert "médecin traitant</h2>" not in client.get(url("professional", nurse)).content.decode()
    assert decide(client, nurse, "medecin-traitant").status_code == 422
    assert not running(dossier, "consult_masked").exists()


def test_blocking_says_what_follows_and_ends_every_right(holder_client, dossier, doctor):
    make.permit(dossier, doctor)
    make.treat(dossier, doctor)
    client = holder_client(dossier)
    page = client.get(url("professional", doctor)).content.decode()
    assert "ne pourra plus rien voir" in page
    decide(client, doctor, "bloquer")
    assert Block.objects.running().get().user.professional == doctor
    assert not running(dossier, "consult_dossier").exists()
    assert not running(dossier, "consult_masked").exists()


def test_a_blocked_professional_is_unblocked_before_he_is_authorised(holder_client, dossier, doctor):
    make.forbid(dossier, doctor)
    client = holder_client(dossier)
    assert client.post(url("authorise", doctor), {"duration": "1mois"}).status_code == 422
    decide(client, doctor, "debloquer")
    assert not Block.objects.running().exists()
    assert not DossierGrant.rights.running().exists()


def test_a_decision_is_posted_never_followed(holder_client, dossier, doctor):
    client = holder_client(dossier)
    for decision in ("bloquer", "retirer", "medecin-traitant", "cesser", "debloquer"):
        assert client.get(url("decide", doctor, decision=decision)).status_code == 405
    assert client.get(url("authorise", doctor)).status_code == 405
    assert decide(client, doctor, "supprimer").status_code == 404


def test_a_form_from_elsewhere_is_refused(dossier, doctor):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make.holder_of(dossier), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert decide(client, doctor, "bloquer").status_code == 403
    assert not Block.objects.exists()


def test_one_holder_decides_for_one_dossier(holder_client, dossier, doctor):
    other = make.DossierFactory()
    make.permit(other, doctor)
    decide(holder_client(dossier), doctor, "bloquer")
    assert running(other, "consult_dossier").exists()
    assert not Block.objects.filter(dossier=other).exists()


def test_nothing_is_decided_in_a_closed_dossier(holder_client, doctor, code_tables):
    closed = make.DossierFactory(closed=True)
    client = holder_client(closed)
    assert client.post(url("authorise", doctor), {"duration": "1mois"}).status_code == 422
    assert decide(client, doctor, "bloquer").status_code == 422
    assert client.get(reverse("autorisations")).status_code == 200


def test_the_page_tells_current_blocked_and_past_apart(holder_client, dossier):
    now = timezone.now()
    current, ended, blocked = (make.ProfessionalFactory(family=name) for name in ("ALBERT", "BERNARD", "CHARLES"))
    make.permit(dossier, current)
    make.permit(dossier, ended, since=now - dt.timedelta(days=30), until=now - dt.timedelta(days=1))
    make.forbid(dossier, blocked)
    page = holder_client(dossier).get(reverse("autorisations")).content.decode()
    places = [page.index(words) for words in ("Albert", "bloqués</h2>", "Charles", "terminées</h2>", "Bernard")]
    assert places == sorted(places)


# -- search ------------------------------------------------------------------------------------------------------
def look_for(client, name, given=""):
    answer = client.post(reverse("search_professional"), {"name": name, "given": given}, follow=True)
    return answer.content.decode()


def test_found_by_rpps_or_by_the_start_of_the_name(holder_client, dossier, doctor):
    client = holder_client(dossier)
    for name in (doctor.rpps, doctor.rpps[:2] + " " + doctor.rpps[2:], "car", "Caron", "CARON"):
        assert "Dr Inès Caron" in look_for(client, name), name
    assert "Dr Inès Caron" not in look_for(client, "caron", "Paul")
    assert "Dr Inès Caron" in look_for(client, "caron", "inès")


def test_accents_are_no_obstacle(holder_client, dossier):
    make.ProfessionalFactory(family="LEFEVRE", given="Zoé")
    assert "Dr Zoé Lefevre" in look_for(holder_client(dossier), "lefèv")


@pytest.mark.parametrize(
    ("name", "said"),
    [("ca", "au moins trois lettres"), ("1234", "11 chiffres"), ("", "Écrivez un nom"), ("%%%", "trois lettres")],
)
def test_a_search_too_wide_says_what_to_write(holder_client, dossier, doctor, name, said):
    page = look_for(holder_client(dossier), name)
    assert said in page
    assert "Caron" not in page


def test_at_most_twenty_are_shown_and_none_who_stopped(holder_client, dossier):
    make.ProfessionalFactory.create_batch(21, family="DURAND")
    make.ProfessionalFactory(family="DURANDAL", active=False)
    page = look_for(holder_client(dossier), "durand")
    assert page.count("Choisir<span") == 20
    assert "20 premiers" in page


def test_whom_one_looks_for_is_in_no_address(holder_client, dossier, doctor):
    client = holder_client(dossier)
    answer = client.post(reverse("search_professional"), {"name": "Caron"})
    assert answer.headers["Location"] == reverse("search_professional")


def statements(client, url):
    """What a page asks the database; without the session (cached, or not) and savepoints, which tests alone see."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    asked = [query["sql"] for query in queries if "django_session" not in query["sql"]]
    return [sql for sql in asked if "SAVEPOINT" not in sql]


def test_a_search_costs_the_same_for_one_and_for_twenty(holder_client, dossier):
    client = holder_client(dossier)
    make.ProfessionalFactory(family="DURAND")
    look_for(client, "durand")  # code tables are read once a minute
    one = statements(client, reverse("search_professional"))
    make.ProfessionalFactory.create_batch(19, family="DURAND")
    assert len(statements(client, reverse("search_professional"))) == len(one)


def test_the_page_costs_the_same_for_one_professional_and_for_thirty(holder_client, dossier):
    client = holder_client(dossier)
    make.permit(dossier, make.ProfessionalFactory())
    client.get(reverse("autorisations"))
    one = statements(client, reverse("autorisations"))
    for _ in range(29):
        make.permit(dossier, make.ProfessionalFactory())
    assert len(statements(client, reverse("autorisations"))) == len(one)


# -- a carer ---------------------------------------------------------------------------------------------
@pytest.fixture
def carer_client(client, dossier):
    def with_rights(*rights):
        user = make.UserFactory()
        Representation.objects.create(dossier=dossier, user=user, role="carer", rights=rights, recorded_by="test")
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return with_rights


def test_a_carer_who_may_authorises_in_his_own_name_and_gives_no_express_agreement(carer_client, dossier, doctor):
    client = carer_client(Right.AUTHORISE)
    assert client.get(reverse("autorisations")).status_code == 200
    assert client.get(url("professional", doctor)).status_code == 200
    assert client.post(url("authorise", doctor), {"duration": "1mois", "extent": "general"}).status_code == 302
    assert running(dossier, "consult_dossier").get().express is False  # D18
    assert Trace.objects.about(dossier.pk).filter(event="access_granted").get().actor_kind == "carer"
    assert decide(client, doctor, "retirer").status_code == 302
    assert not running(dossier, "consult_dossier").exists()


def test_a_carer_does_not_name_the_treating_doctor(carer_client, dossier, doctor):
    client = carer_client(Right.AUTHORISE)
    address = reverse("decide", args=[doctor.pk, "medecin-traitant"])
    assert address not in client.get(url("professional", doctor)).content.decode()
    assert decide(client, doctor, "medecin-traitant").status_code == 422
    assert not running(dossier, "consult_masked").exists()


def test_a_carer_without_that_right_sees_no_authorisation_and_changes_none(carer_client, dossier, doctor):
    make.permit(dossier, doctor)
    client = carer_client(Right.READ, Right.MASKED, Right.DEPOSIT, Right.TRAIL)
    assert client.get(reverse("autorisations")).status_code == 404
    assert client.get(url("professional", doctor)).status_code == 404
    assert decide(client, doctor, "retirer").status_code == 404
    assert running(dossier, "consult_dossier").exists()


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("holder:1", "par le titulaire, sur ce site"),
        ("representative:1", "par un représentant légal, sur ce site"),
        ("professional:8", "par ce professionnel, avec l'accord donné en consultation"),
        ("carer:1", "par un aidant, sur ce site"),
        ("counter:1", "au guichet"),
        ("system:1", "démonstration"),
    ],
)
def test_who_recorded_a_right_is_said(by, said):
    assert overview.recorded(by, "démonstration") == said


def test_who_is_no_longer_the_treating_doctor_is_said(holder_client, dossier, doctor):
    make.treat(dossier, doctor)
    page = holder_client(dossier).post(reverse("decide", args=[doctor.pk, "cesser"]), follow=True)
    assert "plus votre médecin traitant" in page.content.decode()
    assert not DossierGrant.rights.running().filter(permission__codename="consult_masked").exists()
