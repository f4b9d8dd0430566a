"""« Soins remboursés »: a month at a time, for whoever may read everything, and for no professional."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from access.models import Representation
from audit.models import Trace
from documents.care_lines import CareLine
from tests import factories as make

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


def line(dossier, day, **more):
    fields = {"source": "691", "line": f"{CareLine.objects.count()}", "version": 1, "kind": "medicament"}
    fields |= {"label": "Antirétroviral", "amount": 1234567, "reimbursed": 1000000, "paid_date": day}
    return CareLine.objects.create(dossier=dossier, care_date=day, **fields | more)


def page(client, **asked):
    return client.get(reverse("documents:care"), asked).content.decode()


def test_the_latest_month_first_then_the_one_asked(holder_client, dossier):
    line(dossier, dt.date(2026, 10, 31))
    line(dossier, dt.date(2026, 9, 1), label="Consultation", amount=3000, reimbursed=2100)
    client = holder_client(dossier)
    first = page(client)
    assert "Antirétroviral" in first and "Consultation" not in first
    assert "12\xa0345,67 €" in first
    asked = page(client, mois="2026-09")
    assert "Consultation" in asked and "21,00 € remboursés sur 30,00 €" in asked
    assert client.get(reverse("documents:care"), {"mois": "2026-01"}).status_code == 404
    assert Trace.objects.about(dossier.pk).filter(event="care_read").count() == 2


def test_cancelled_and_old_lines_are_not_there(holder_client, dossier):
    line(dossier, dt.date(2026, 10, 2), cancelled=True)
    line(dossier, dt.date(2024, 11, 23))
    assert "encore rien envoyé" in page(holder_client(dossier))


def test_another_dossier_s_lines_are_not_there(holder_client, dossier):
    line(make.DossierFactory(), dt.date(2026, 10, 2))
    assert "encore rien envoyé" in page(holder_client(dossier))


@pytest.mark.parametrize(("rights", "shown"), [(["read"], False), (["read", "masked"], True)])
def test_a_carer_sees_them_only_if_he_sees_what_is_masked(dossier, rights, shown):
    line(dossier, dt.date(2026, 10, 2))
    user = make.UserFactory()
    Representation.objects.create(dossier=dossier, user=user, role="carer", rights=rights, recorded_by="test")
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert ("Antirétroviral" in page(client)) is shown


def test_a_month_of_many_lines_costs_what_one_costs(holder_client, dossier, django_assert_max_num_queries):
    for _ in range(60):
        line(dossier, dt.date(2026, 10, 2))
    client = holder_client(dossier)
    page(client)
    with django_assert_max_num_queries(11):
        page(client)


SECRET_DAYS = [
    {"service_start": NOON - dt.timedelta(days=3), "service_stop": NOON - dt.timedelta(days=1)},
    {"service_start": NOON - dt.timedelta(days=2)},
    {"created": NOON - dt.timedelta(days=2)},
    {"created": NOON - dt.timedelta(days=2), "state": "deleted"},
]


@pytest.mark.parametrize("when", SECRET_DAYS, ids=["a stay", "an act", "the document's day", "withdrawn since"])
@pytest.mark.parametrize("role", ["parent", "carer"])
def test_on_the_day_of_a_minor_s_secret_no_line_is_shown_but_to_herself(client, code_tables, role, when):
    child = make.DossierFactory(minor=True)
    line(child, dt.date(2026, 11, 22), label="Test de dépistage")
    line(child, dt.date(2026, 11, 20), label="Vaccin")
    user = make.UserFactory()
    rights = ["read", "masked"] if role == "carer" else []
    Representation.objects.create(dossier=child, user=user, role=role, rights=rights, recorded_by="test")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "dépistage" in page(client)
    make.DocumentFactory(dossier=child, secret=True, **{"created": NOON} | when)
    assert "dépistage" not in page(client) and "Vaccin" in page(client)


def test_the_holder_sees_the_lines_of_what_was_kept_secret(holder_client, dossier):
    line(dossier, dt.date(2026, 11, 24))
    make.DocumentFactory(dossier=dossier, secret=True, created=NOON)
    assert "Antirétroviral" in page(holder_client(dossier))
