"""Signing in, the account and the public pages in a real browser; passkeys with a virtual authenticator."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.urls import reverse

from access import recovery
from tests import browser
from tests import factories as make

pytestmark = browser.MARKS

PASSWORD = "cheval correct agrafe pile"
PUBLIC = ["home", "help", "matrix", "legal", "accessibility", "opening", "opening_letter"]
ENTRANCE = ["account_login", "account_reset_password", "account_reset_password_done"]
ACCOUNT = ["account_change_password", "account_logout", "account_reauthenticate", "mfa_index"]
SECOND_FACTOR = ["mfa_activate_totp", "mfa_add_webauthn"]
WITH_APPLICATION = ["mfa_index", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_deactivate_totp"]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def holder(code_tables, settings):
    settings.DEMO = False
    user = make.holder_of(make.DossierFactory())
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def go(page, live_server, name):
    """To that page; where it asks for the password again, give it."""
    page.goto(live_server.url + reverse(name))
    if "reauthenticate" in page.url and "reauthenticate" not in name:
        page.fill("[name=password]", PASSWORD)
        page.click("main form button.btn-primary")
        page.wait_for_url(live_server.url + reverse(name))


def enter_password(page, live_server, user):
    go(page, live_server, "account_login")
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button.btn-primary")
    page.wait_for_url(lambda address: "/login/" not in address or "confirm" in address)


def enter(page, live_server, user, outbox):
    enter_password(page, live_server, user)
    code = re.search(r"^\s*([0-9A-Z]{3,4}-?[0-9A-Z]{3,4})\s*$", outbox[-1].body, re.M)[1]
    page.fill("main [name=code]", code)
    page.click("main form button.btn-primary")
    page.wait_for_url(lambda address: "/code/" not in address)


@pytest.mark.parametrize("name", PUBLIC + ENTRANCE)
def test_each_public_page_is_accessible(page, live_server, code_tables, name):
    go(page, live_server, name)
    assert browser.faults(page) == []


@pytest.mark.parametrize("name", ACCOUNT + SECOND_FACTOR)
def test_each_page_of_the_account_is_accessible(page, live_server, holder, mailoutbox, name):
    enter(page, live_server, holder, mailoutbox)
    go(page, live_server, name)
    assert page.url.endswith(reverse(name))
    assert browser.faults(page) == []


@pytest.mark.parametrize("name", WITH_APPLICATION)
def test_each_page_of_the_second_factor_is_accessible(page, live_server, holder, mailoutbox, name):
    enter(page, live_server, holder, mailoutbox)
    TOTP.activate(holder, generate_totp_secret())
    RecoveryCodes.activate(holder)
    go(page, live_server, name)
    assert page.url.endswith(reverse(name))
    assert browser.faults(page) == []


def test_each_step_of_signing_in_is_accessible_errors_included(page, live_server, holder, mailoutbox):
    go(page, live_server, "account_login")
    page.click("main form button.btn-primary")
    assert browser.faults(page) == []
    enter_password(page, live_server, holder)
    assert browser.faults(page) == []
    page.fill("main [name=code]", "AAA-AAA")
    page.click("main form button.btn-primary")
    assert browser.faults(page) == []


def test_the_code_of_the_counter_is_asked_on_an_accessible_page(page, live_server, holder, mailoutbox):
    recovery.hand_over(holder, by=holder.actor(), evidence="passeport")
    enter(page, live_server, holder, mailoutbox)
    assert page.url.endswith(reverse("account_counter_code"))
    assert browser.faults(page) == []
    page.fill("main [name=code]", "AAAAA AAAAA")
    page.click("main form button.btn-primary")
    assert "n'est pas le bon" in page.locator("main").inner_text()
    assert browser.faults(page) == []


def test_a_passkey_is_added_listed_and_opens(page, live_server, holder, mailoutbox):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    enter(page, live_server, holder, mailoutbox)
    go(page, live_server, "mfa_add_webauthn")
    page.fill("[name=name]", "Mon téléphone")
    page.locator("[name=passwordless]").check()
    page.locator("main form button").first.click()
    page.wait_for_url(lambda address: "add" not in address)
    assert Authenticator.objects.filter(user=holder, type="webauthn").count() == 1
    go(page, live_server, "mfa_list_webauthn")
    assert "Mon téléphone" in page.locator("main").inner_text()
    assert browser.faults(page) == []
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)  # the browser stays a known one
    mails = len(mailoutbox)
    go(page, live_server, "account_login")
    page.click("#passkey_login")
    page.wait_for_selector(".tabs")
    assert len(mailoutbox) == mails
