"""Changing the address that signs in: both mailboxes and the second factor, the old one told and able to undo."""

import base64
import datetime as dt
import re
import uuid

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.core import signing
from django.test import Client
from django.urls import reverse

from access import addresses
from access.models import Recovery, User
from audit.models import Trace
from tests import factories as make
from tests.access import entrance

pytestmark = pytest.mark.django_db

FRESH = "nouvelle@example.org"
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def holder(code_tables, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    return entrance.account(make.DossierFactory())


@pytest.fixture
def browser(holder, mailoutbox):
    return entrance.enter(holder, mailoutbox)


def prove(browser):
    browser.post(reverse("account_reauthenticate"), {"password": entrance.PASSWORD})


def code_to(outbox, address):
    mail = next(one for one in reversed(outbox) if one.to == [address] and "Changer" in one.subject)
    return re.search(r"^([A-Z2-9]{5} [A-Z2-9]{5})$", mail.body, re.M)[1]


def ask(browser, email=FRESH):
    prove(browser)
    return browser.post(reverse("account_address"), {"email": email})


def change(browser, outbox, before, email=FRESH):
    ask(browser, email)
    codes = {"new": code_to(outbox, email), "old": code_to(outbox, before)}
    return browser.post(reverse("account_address_code"), codes)


def undo_link(outbox):
    mail = next(one for one in reversed(outbox) if "a changé" in one.subject)
    return re.search(r"(/profil/adresse/annuler/\S+/)", mail.body)[1]


def address(user):
    return User.objects.get(pk=user.pk).email


def test_both_codes_change_the_address_and_the_trail_says_it_without_it(browser, holder, mailoutbox):
    before = holder.email
    assert change(browser, mailoutbox, before).headers["Location"] == reverse("profile")
    assert address(holder) == FRESH
    row = EmailAddress.objects.get(user=holder)
    assert (row.email, row.verified, row.primary) == (FRESH, True, True)
    trace = Trace.objects.get(event="email_changed")
    assert trace.dossier_id == holder.representations.get().dossier_id
    assert FRESH not in str(trace.__dict__)
    assert before not in str(trace.__dict__)
    assert mailoutbox[-1].to == [before]
    assert "example.org" not in mailoutbox[-1].body.replace("dmp.example.org", "")  # the new one is not told


def test_one_signs_in_with_the_new_address_and_no_more_with_the_old(browser, holder, mailoutbox):
    before = holder.email
    change(browser, mailoutbox, before)
    old = Client().post(reverse("account_login"), {"login": before, "password": entrance.PASSWORD})
    assert old.status_code == 200
    assert entrance.enter(User.objects.get(pk=holder.pk), mailoutbox).get(reverse("sessions")).status_code == 200


def test_it_begins_with_the_password_given_anew(browser):
    answer = browser.get(reverse("account_address"))
    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    answer = browser.post(reverse("account_address"), {"email": FRESH})
    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))


def test_an_account_with_an_application_proves_it_anew_and_then_one_code_is_enough(browser, holder, mailoutbox):
    secret = generate_totp_secret()
    TOTP.activate(holder, secret)
    prove(browser)  # the password is not the second factor
    answer = browser.get(reverse("account_address"))
    assert answer.headers["Location"].startswith(reverse("mfa_reauthenticate"))
    code = f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"
    browser.post(reverse("mfa_reauthenticate"), {"code": code})
    browser.post(reverse("account_address"), {"email": FRESH})
    assert [mail.to for mail in mailoutbox if "Changer" in mail.subject] == [[FRESH]]
    browser.post(reverse("account_address_code"), {"new": code_to(mailoutbox, FRESH)})
    assert address(holder) == FRESH


@pytest.mark.parametrize("given", [{"new": "AAAAA AAAAA"}, {"old": "AAAAA AAAAA"}, {"new": "", "old": ""}])
def test_one_code_out_of_two_changes_nothing(browser, holder, mailoutbox, given):
    ask(browser)
    right = {"new": code_to(mailoutbox, FRESH), "old": code_to(mailoutbox, holder.email)}
    assert browser.post(reverse("account_address_code"), right | given).status_code == 422
    assert address(holder) == holder.email


def test_the_codes_are_not_exchanged_and_serve_one_account(browser, holder, mailoutbox):
    ask(browser)
    new, old = code_to(mailoutbox, FRESH), code_to(mailoutbox, holder.email)
    assert new != old
    assert browser.post(reverse("account_address_code"), {"new": old, "old": new}).status_code == 422
    ask(browser)
    assert (code_to(mailoutbox, FRESH), code_to(mailoutbox, holder.email)) != (new, old)
    assert browser.post(reverse("account_address_code"), {"new": new, "old": old}).status_code == 422
    assert address(holder) == holder.email


def test_five_wrong_tries_or_half_an_hour_end_it(browser, holder, mailoutbox, time_machine):
    ask(browser)
    right = {"new": code_to(mailoutbox, FRESH), "old": code_to(mailoutbox, holder.email)}
    for _ in range(5):
        browser.post(reverse("account_address_code"), {"new": "A", "old": "A"})
    browser.post(reverse("account_address_code"), right)
    assert address(holder) == holder.email


def test_the_codes_are_late_after_half_an_hour(holder, mailoutbox, time_machine):
    time_machine.move_to(NOON, tick=False)
    browser = entrance.enter(holder, mailoutbox)
    ask(browser)
    right = {"new": code_to(mailoutbox, FRESH), "old": code_to(mailoutbox, holder.email)}
    for _ in range(3):
        time_machine.shift(dt.timedelta(minutes=10))
        browser.get(reverse("sessions"))
    assert browser.post(reverse("account_address_code"), right).headers["Location"] == reverse("account_address")
    assert address(holder) == holder.email


def test_an_address_of_another_account_is_answered_the_same_and_never_taken(browser, holder, mailoutbox):
    other = entrance.account(make.DossierFactory())
    free, taken = ask(browser), ask(browser, other.email)
    assert (free.status_code, free.headers["Location"]) == (taken.status_code, taken.headers["Location"])
    page = browser.get(reverse("account_address_code")).content.decode()
    assert other.email in page
    mail = next(one for one in reversed(mailoutbox) if one.to == [other.email])
    assert mail.subject == "Cette adresse a déjà un compte"
    assert not re.search(r"[A-Z2-9]{5} [A-Z2-9]{5}", mail.body)


def test_an_address_taken_meanwhile_is_not_taken_twice(browser, holder, mailoutbox):
    ask(browser)
    right = {"new": code_to(mailoutbox, FRESH), "old": code_to(mailoutbox, holder.email)}
    make.UserFactory(email=FRESH)
    assert browser.post(reverse("account_address_code"), right).status_code == 422


def test_the_old_address_puts_everything_back(browser, holder, mailoutbox):
    before = holder.email
    change(browser, mailoutbox, before)
    Authenticator.objects.create(user=holder, type=Authenticator.Type.TOTP, data={"secret": "x"})  # the thief's
    link, stranger = undo_link(mailoutbox), Client()
    assert stranger.get(link).status_code == 200
    assert address(holder) == FRESH  # a link opened by a mail program undoes nothing
    assert stranger.post(link).status_code == 200
    user = User.objects.get(pk=holder.pk)
    assert (user.email, user.has_usable_password()) == (before, False)
    assert EmailAddress.objects.get(user=holder).email == before
    assert browser.get(reverse("sessions")).status_code == 302  # who had changed it is out
    assert not Authenticator.objects.filter(user=holder).exists()
    assert Recovery.objects.get(user=holder).restored_at is None  # and the mailbox alone opens nothing
    assert Trace.objects.filter(event="email_changed").latest("at").detail == {"changes": ["undone"]}
    assert stranger.post(link).status_code == 410


@pytest.mark.parametrize(
    ("before", "stays"), [(dt.timedelta(days=1), False), (dt.timedelta(days=1, seconds=1), True)]
)
def test_means_that_were_there_the_day_before_stay(holder, mailoutbox, time_machine, before, stays):
    time_machine.move_to(NOON, tick=False)
    change(entrance.enter(holder, mailoutbox), mailoutbox, holder.email)
    other = entrance.account(make.DossierFactory())
    for user in (holder, other):
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    Authenticator.objects.update(created_at=NOON - before)
    assert Client().post(undo_link(mailoutbox)).status_code == 200
    assert Authenticator.objects.filter(user=holder).exists() is stays
    assert Authenticator.objects.filter(user=other).exists()


def test_after_seven_days_the_way_back_is_over(holder, mailoutbox, time_machine):
    time_machine.move_to(NOON, tick=False)
    change(entrance.enter(holder, mailoutbox), mailoutbox, holder.email)
    link = undo_link(mailoutbox)
    time_machine.move_to(NOON + dt.timedelta(days=7), tick=False)
    assert Client().get(link).status_code == 200
    time_machine.shift(dt.timedelta(seconds=1))
    assert Client().get(link).status_code == 410
    assert Client().post(link).status_code == 410
    assert address(holder) == FRESH


def test_it_does_not_change_twice_while_the_old_address_may_undo(holder, mailoutbox, time_machine):
    time_machine.move_to(NOON, tick=False)
    before = holder.email
    browser = entrance.enter(holder, mailoutbox)
    change(browser, mailoutbox, before)
    prove(browser)
    assert "moins de 7 jours" in browser.get(reverse("account_address")).content.decode()
    browser.post(reverse("account_address"), {"email": "encore@example.org"})
    assert "account_address_code" not in browser.session
    time_machine.shift(dt.timedelta(days=7, seconds=1))
    browser = entrance.enter(User.objects.get(pk=holder.pk), mailoutbox)
    change(browser, mailoutbox, FRESH, "encore@example.org")
    assert address(holder) == "encore@example.org"


def test_the_link_of_the_way_back_carries_no_address(browser, holder, mailoutbox):
    before = holder.email
    change(browser, mailoutbox, before)
    token = undo_link(mailoutbox).rstrip("/").rsplit("/", 1)[1]
    inside = base64.urlsafe_b64decode(token.split(":")[0].lstrip(".") + "===")
    assert before.encode() not in inside and FRESH.encode() not in inside


def test_a_link_made_up_undoes_nothing(client):
    assert client.post(reverse("account_address_undo", args=["eyJ1c2VyIjoiMSJ9:1:x"])).status_code == 410


@pytest.mark.parametrize("lost", [0, 1])
def test_a_way_back_needs_both_rows_of_history(browser, holder, mailoutbox, lost):
    change(browser, mailoutbox, holder.email)
    token = undo_link(mailoutbox).rstrip("/").rsplit("/", 1)[1]
    assert addresses.holds(token) is True
    keys = signing.loads(token, salt="access.addresses")
    keys[lost] = str(uuid.UUID(int=1))
    assert addresses.holds(signing.dumps(keys, salt="access.addresses")) is False
    assert addresses.holds(signing.dumps(keys, salt="autre")) is False


def test_the_address_of_an_agent_is_not_changed_here(client, code_tables):
    agent = make.UserFactory(kind="agent")
    client.force_login(agent, "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(reverse("account_address")).status_code == 403


def test_mails_are_counted(browser, holder, settings):
    settings.ACCOUNT_RATE_LIMITS = {"manage_email": "5/h/user"}
    answers = [ask(browser, f"essai{number}@example.org").status_code for number in range(6)]
    assert answers == [302] * 5 + [422]


def test_the_way_back_is_closed_when_another_account_has_the_old_address(browser, holder, mailoutbox):
    before = holder.email
    change(browser, mailoutbox, before)
    link = undo_link(mailoutbox)
    assert Client().get(link).status_code == 200
    other = make.UserFactory(email=before.upper())
    assert Client().post(link).status_code == 410
    other.delete()
    EmailAddress.objects.create(user=make.UserFactory(), email=before.title())
    assert Client().post(link).status_code == 410
    assert address(holder) == FRESH


def test_the_trace_of_a_change_says_by_what_it_was_proven(browser, holder, mailoutbox):
    change(browser, mailoutbox, holder.email)
    Client().post(undo_link(mailoutbox))
    traces = Trace.objects.filter(event="email_changed").order_by("seq")
    assert list(traces.values_list("means", "actor_id", "detail")) == [
        ("compte+code", str(holder.pk), {}),
        ("e-mail", str(holder.pk), {"changes": ["undone"]}),
    ]


def test_what_is_asked_is_of_the_account_that_asked_it(browser, holder, mailoutbox):
    """Five tries, half an hour; a code of ten characters of the alphabet of codes."""
    ask(browser, "NOUVELLE@example.org")
    kept = browser.session["new_address"]
    assert (kept["email"], kept["tries"], kept["both"], len(kept["nonce"])) == (FRESH, 0, True, 32)
    code = addresses.code(holder.pk, FRESH, kept["nonce"], "new")
    assert code_to(mailoutbox, FRESH).replace(" ", "") == code
    others = {
        addresses.code(make.UserFactory().pk, FRESH, kept["nonce"], "new"),
        addresses.code(holder.pk, "x@example.org", kept["nonce"], "new"),
        addresses.code(holder.pk, FRESH, "0" * 32, "new"),
        addresses.code(holder.pk, FRESH, kept["nonce"], "old"),
    }
    assert len(others | {code}) == 5 and {len(one) for one in others} == {10}
    for _ in range(4):
        browser.post(reverse("account_address_code"), {"new": "A", "old": "A"})
    assert browser.session["new_address"]["tries"] == 4
    right = {"new": code, "old": code_to(mailoutbox, holder.email)}
    assert browser.post(reverse("account_address_code"), right).status_code == 302
    assert address(holder) == FRESH
    assert "new_address" not in browser.session


def test_what_is_no_address_is_said(browser, holder):
    answer = ask(browser, "pas une adresse")
    assert (answer.status_code, answer.context["form"].has_error("email")) == (422, True)


@pytest.mark.parametrize(("address", "taken"), [("SECOND@example.org", True), ("tiers@example.org", False)])
def test_an_address_is_taken_wherever_an_account_has_it(holder, address, taken):
    user = make.UserFactory(email="first@example.org")
    EmailAddress.objects.create(user=user, email="second@example.org")
    assert addresses.is_taken("First@example.org") is True
    assert addresses.is_taken(address) is taken
