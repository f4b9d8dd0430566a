"""At eighteen the dossier is its holder's (D11): told once; the parents' right is over, nobody having to do it."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from patients.models import Notice, Patient
from patients.tasks import tell_who_came_of_age
from tests import factories as make

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(autouse=True)
def clock(time_machine):
    """Five in the morning of 10 March 2027."""

    def at(year, month, day, hour=5, minute=0):
        time_machine.move_to(dt.datetime(year, month, day, hour, minute, tzinfo=PARIS), tick=False)

    at(2027, 3, 10)
    return at


def born(year, month, day, email="jeune@example.org", **traits):
    dossier = make.DossierFactory(birth_date=dt.date(year, month, day), **traits)
    Patient.objects.filter(dossier=dossier).update(email=email)
    return dossier


def told():
    return set(Notice.objects.filter(kind="majority").values_list("dossier_id", flat=True))


def test_who_came_of_age_this_week_is_told_and_nobody_else(code_tables):
    today, last_week = born(2009, 3, 10), born(2009, 3, 3)
    born(2009, 3, 11), born(2009, 3, 2), born(1980, 3, 10)
    tell_who_came_of_age()
    assert told() == {today.pk, last_week.pk}


def test_it_is_told_once_whatever_the_nights(code_tables, clock):
    born(2009, 3, 10)
    assert [tell_who_came_of_age(), tell_who_came_of_age()] == [1, 0]
    Notice.objects.update(sent_at=dt.datetime.now(dt.UTC))
    clock(2027, 3, 11)
    assert tell_who_came_of_age() == 0


def test_born_on_29_february_one_is_of_age_on_1_march(code_tables, clock):
    born(2008, 2, 29)
    clock(2026, 2, 28)
    assert tell_who_came_of_age() == 0
    clock(2026, 3, 1)
    assert tell_who_came_of_age() == 1


def test_on_29_february_nobody_born_in_march_is_told(code_tables, clock):
    born(2010, 3, 1)
    clock(2028, 2, 29)
    assert tell_who_came_of_age() == 0


def test_a_closed_dossier_and_one_without_an_address_are_told_nothing(code_tables):
    born(2009, 3, 10, closed=True), born(2009, 3, 10, email="")
    assert tell_who_came_of_age() == 0


def test_the_evening_before_the_parent_reads_the_next_morning_he_does_not(code_tables, client, clock):
    child = born(2009, 3, 11)
    make.DocumentFactory(dossier=child)
    parent = make.holder_of(child, "parent")
    clock(2027, 3, 10, 23, 55)
    client.force_login(parent, backend="allauth.account.auth_backends.AuthenticationBackend")
    pages = [reverse(name) for name in ("documents:list", "activity", "autorisations", "profile")]
    assert [client.get(page).status_code for page in pages] == [200] * 4
    clock(2027, 3, 11, 0)
    assert {client.get(page).status_code for page in pages} <= {302, 403, 404}
