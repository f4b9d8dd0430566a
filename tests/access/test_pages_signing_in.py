"""Signing in through the real pages: password, then a mailed code; or password, then the application's code."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.urls import reverse

from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db

PASSWORD = "cheval correct agrafe pile"


@pytest.fixture
def holder(code_tables):
    dossier = make.DossierFactory()
    user = make.holder_of(dossier)
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def enter_password(client, holder, password=PASSWORD):
    return client.post(reverse("account_login"), {"login": holder.email, "password": password})


def signed_in(client):
    return "_auth_user_id" in client.session


def code_in(mail):
    return re.search(r"^\s*([0-9A-Z]{3,4}-?[0-9A-Z]{3,4})\s*$", mail.body, re.M)[1]


def test_the_password_alone_opens_nothing(client, holder, mailoutbox):
    answer = enter_password(client, holder)
    assert answer.headers["Location"] == reverse("account_confirm_login_code")
    assert not signed_in(client)
    assert len(mailoutbox) == 1
    assert mailoutbox[0].to == [holder.email]


def test_the_mailed_code_completes_it_and_the_trail_says_how(client, holder, mailoutbox):
    enter_password(client, holder)
    answer = client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("home")
    assert answer.status_code == 200
    assert signed_in(client)
    assert Trace.objects.latest("at").means == "password+code"


def test_a_wrong_code_opens_nothing(client, holder, mailoutbox):
    enter_password(client, holder)
    for _ in range(4):
        client.post(reverse("account_confirm_login_code"), {"code": "AAA-AAA"})
    client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert not signed_in(client)


def test_the_answer_is_the_same_for_an_account_that_does_not_exist(client, holder):
    known = enter_password(client, holder, "une autre phrase")
    unknown = client.post(reverse("account_login"), {"login": "inconnu@example.org", "password": "une autre phrase"})
    assert known.status_code == unknown.status_code == 200
    hidden = re.compile(rb'value="[^"]*"')
    assert hidden.sub(b"", known.content) == hidden.sub(b"", unknown.content)


def test_the_session_key_changes_at_sign_in(client, holder, mailoutbox):
    enter_password(client, holder)
    before = client.session.session_key
    client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert client.session.session_key != before


def test_who_has_an_application_of_codes_is_asked_for_its_code_alone(client, holder, mailoutbox):
    secret = generate_totp_secret()
    TOTP.activate(holder, secret)
    answer = enter_password(client, holder)
    assert answer.headers["Location"] == reverse("mfa_authenticate")
    assert not mailoutbox
    code = f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert signed_in(client)


def test_the_mailed_code_alone_opens_nothing(client, holder, mailoutbox):
    """Two factors always: a way in by mail only would be one."""
    answer = client.post("/compte/login/code/", {"email": holder.email})
    assert answer.status_code == 404
    assert not mailoutbox
