"""Refused sign-ins: what the trail keeps of them, and when they are stopped, by account and by address."""

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection
from django.test import Client
from django.urls import reverse

from access.models import Representation
from audit.models import NO_DOSSIER, Trace
from tests import factories as make
from tests.access import entrance

pytestmark = pytest.mark.django_db

WRONG = "une autre phrase"
UNKNOWN = "inconnue@example.org"


@pytest.fixture
def holder(code_tables):
    return entrance.account(make.DossierFactory())


def knock(email, password=WRONG, ip="198.51.100.7"):
    return Client(REMOTE_ADDR=ip).post(reverse("account_login"), {"login": email, "password": password})


def refused():
    return list(Trace.objects.filter(event="sign_in_refused").order_by("at", "id"))


def test_a_wrong_password_is_in_the_trail_of_the_holder_without_a_name_for_who_tried(holder):
    knock(holder.email)
    (trace,) = refused()
    dossier_id = Representation.objects.get(user=holder).dossier_id
    assert (trace.dossier_id, trace.object_id, trace.allowed) == (dossier_id, holder.pk, False)
    assert (trace.actor_kind, trace.actor_id, trace.ip) == ("anonymous", "", "198.51.100.7")


def test_of_an_address_without_account_nothing_is_kept(code_tables):
    knock(UNKNOWN)
    (trace,) = refused()
    assert (trace.dossier_id, trace.object_id, trace.detail, trace.actor_name) == (
        NO_DOSSIER,
        None,
        {},
        "Personne non identifiée",
    )
    assert "inconnue" not in str(vars(trace))


def test_a_wrong_mailed_code_is_one_too(holder, mailoutbox):
    browser = Client()
    browser.post(reverse("account_login"), {"login": holder.email, "password": entrance.PASSWORD})
    assert refused() == []
    browser.post(reverse("account_confirm_login_code"), {"code": "AAA-AAA"})
    assert [trace.object_id for trace in refused()] == [holder.pk]


def test_a_wrong_code_of_the_application_is_one_too(holder):
    TOTP.activate(holder, generate_totp_secret())
    browser = Client()
    browser.post(reverse("account_login"), {"login": holder.email, "password": entrance.PASSWORD})
    browser.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert [trace.object_id for trace in refused()] == [holder.pk]


def test_a_wrong_password_in_an_open_session_is_the_act_of_its_owner(holder, mailoutbox):
    browser = entrance.enter(holder, mailoutbox)
    browser.post(reverse("account_reauthenticate"), {"password": "une autre phrase"})
    (trace,) = refused()
    assert (trace.actor_kind, trace.actor_id) == ("holder", str(holder.pk))


def test_the_holder_reads_that_somebody_tried(holder, mailoutbox):
    knock(holder.email)
    page = entrance.enter(holder, mailoutbox).get(reverse("activity")).content.decode()
    assert re.search(r"a\s+pas pu ouvrir une session", page)


def test_no_trace_no_answer_about_the_password(holder):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_trace ADD CONSTRAINT shut CHECK (event <> 'sign_in_refused') NOT VALID")
    assert knock(holder.email).status_code == 503


@pytest.mark.parametrize("email", ["known", UNKNOWN])
def test_five_wrong_passwords_stop_that_account_from_any_address(holder, mailoutbox, time_machine, email):
    """For five minutes; then again. It says the same of an account that does not exist."""
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    email = holder.email if email == "known" else email
    pages = [knock(email, ip=f"198.51.100.{number}").content.decode() for number in range(6)]
    assert ["essais manqués" in page for page in pages] == [False] * 5 + [True]
    right = knock(email, entrance.PASSWORD, ip="203.0.113.9")
    assert "essais manqués" in right.content.decode()
    assert mailoutbox == []
    time_machine.shift(301)
    assert "essais manqués" not in knock(email, entrance.PASSWORD).content.decode()


def test_ten_wrong_passwords_a_minute_stop_an_address_whatever_the_account(holder, time_machine):
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    for number in range(10):
        assert "essais manqués" not in knock(f"personne{number}@example.org").content.decode()
    assert "essais manqués" in knock(holder.email, entrance.PASSWORD).content.decode()
    elsewhere = knock(holder.email, entrance.PASSWORD, ip="203.0.113.9")
    assert elsewhere.headers["Location"] == reverse("account_confirm_login_code")
    time_machine.shift(61)
    assert knock(holder.email, entrance.PASSWORD).status_code == 302


def test_thirty_sign_in_forms_a_minute_stop_an_address(holder, time_machine):
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    statuses = [Client().post(reverse("account_login"), {}).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]


def test_three_wrong_mailed_codes_end_the_sign_in(holder, mailoutbox):
    browser = Client()
    browser.post(reverse("account_login"), {"login": holder.email, "password": entrance.PASSWORD})
    for _ in range(3):
        browser.post(reverse("account_confirm_login_code"), {"code": "AAA-AAA"})
    browser.post(reverse("account_confirm_login_code"), {"code": entrance.code_in(mailoutbox[0])})
    assert "_auth_user_id" not in browser.session


def test_five_requests_a_minute_to_remake_a_password_stop_that_address(holder, mailoutbox, time_machine):
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    for email in (holder.email, UNKNOWN):
        form = {"email": email}
        answers = [Client().post(reverse("account_reset_password"), form).status_code for _ in range(6)]
        assert answers == [302] * 5 + [429], email
