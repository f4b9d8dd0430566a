"""A sign-in from a browser never seen with this account tells its owner."""

import datetime as dt
import hashlib
import hmac
import uuid
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from access import devices
from access.models import User
from audit.models import Trace
from tests import factories as make
from tests.access import entrance
from tests.access.entrance import PHONE, WINDOWS

pytestmark = pytest.mark.django_db

SUBJECT = "Votre compte a été ouvert depuis un nouvel appareil"


@pytest.fixture
def holder(code_tables, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    return entrance.account(make.DossierFactory())


def told(outbox):
    return [mail for mail in outbox if mail.subject == SUBJECT]


def again(browser, holder, outbox):
    browser.post(reverse("account_logout"))
    return entrance.enter(holder, outbox, browser=browser)


def changes():
    return [one.detail.get("changes") for one in Trace.objects.filter(event="signed_in").order_by("at", "id")]


def test_the_very_first_sign_in_tells_nothing(holder, mailoutbox):
    entrance.enter(holder, mailoutbox)
    assert told(mailoutbox) == []
    assert changes() == [None]


def test_the_same_browser_tells_nothing(holder, mailoutbox):
    browser = entrance.enter(holder, mailoutbox)
    again(browser, holder, mailoutbox)
    assert told(mailoutbox) == []


def test_another_browser_is_told_by_mail_and_by_the_trail_once(holder, mailoutbox, client):
    entrance.enter(holder, mailoutbox, PHONE)
    other = entrance.enter(holder, mailoutbox, WINDOWS)
    (mail,) = told(mailoutbox)
    assert mail.to == [holder.email]
    assert "Edge sur Windows" in mail.body
    assert "/compte/sessions/" in mail.body
    assert "/compte/password/change/" in mail.body
    again(other, holder, mailoutbox)
    assert len(told(mailoutbox)) == 1
    assert changes() == [None, ["new_device"], None]
    page = other.get(reverse("activity")).content.decode()
    assert "ouvert une session depuis un nouvel appareil" in page


def test_a_browser_known_to_one_account_is_new_to_another(holder, mailoutbox):
    browser = entrance.enter(holder, mailoutbox)
    other = entrance.account(make.DossierFactory())
    entrance.enter(other, mailoutbox)
    browser.post(reverse("account_logout"))
    entrance.enter(other, mailoutbox, browser=browser)
    assert [mail.to for mail in told(mailoutbox)] == [[other.email]]
    again(browser, holder, mailoutbox)  # and stays known to the first
    assert len(told(mailoutbox)) == 1


def test_a_cookie_made_up_or_of_another_account_is_nothing(holder, mailoutbox):
    browser = entrance.enter(holder, mailoutbox)
    (name,) = [name for name in browser.cookies if name.startswith("dmp_known_")]
    other = entrance.enter(entrance.account(make.DossierFactory()), mailoutbox)
    (foreign,) = [one.value for key, one in other.cookies.items() if key.startswith("dmp_known_")]
    for value in ("x", "", foreign):
        thief = Client()
        thief.cookies[name] = value
        entrance.enter(holder, mailoutbox, browser=thief)
    assert len(told(mailoutbox)) == 3


def test_the_cookie_is_kept_a_year_from_scripts_and_says_no_account_by_its_name(holder, mailoutbox):
    browser = entrance.enter(holder, mailoutbox)
    (cookie,) = [one for name, one in browser.cookies.items() if name.startswith("dmp_known_")]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 365 * 86400)
    assert holder.pk.hex not in cookie.key
    assert holder.email not in str(cookie)


@pytest.mark.parametrize(("after", "known"), [(365 * 86400, True), (365 * 86400 + 1, False)])
def test_a_browser_is_known_for_a_year(holder, mailoutbox, time_machine, after, known):
    time_machine.move_to(dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC), tick=False)
    browser = entrance.enter(holder, mailoutbox)
    time_machine.shift(dt.timedelta(seconds=after))
    cookies = {name: one.value for name, one in browser.cookies.items() if name.startswith("dmp_known_")}
    holder.refresh_from_db()
    assert devices.is_new(SimpleNamespace(COOKIES=cookies), holder) is not known


def test_browsers_known_before_an_update_are_known_after_it(settings):
    settings.SECRET_KEY = "clé d'essai"
    name = devices._name(User(pk=uuid.UUID(int=1)))
    key = hashlib.sha256(b"access.devices" + settings.SECRET_KEY.encode()).digest()
    assert name == "dmp_known_" + hmac.new(key, str(uuid.UUID(int=1)).encode(), "sha256").hexdigest()[:16]


def test_a_password_without_its_code_tells_nothing(holder, mailoutbox):
    User.objects.filter(pk=holder.pk).update(last_login="2026-01-01T00:00:00Z")
    Client().post(reverse("account_login"), {"login": holder.email, "password": entrance.PASSWORD})
    assert told(mailoutbox) == []
