"""The code of a mailbox as a second factor asked anew: ten minutes, five tries, once; where one proves oneself."""

import datetime as dt
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.backends.db import SessionStore

from access import second_factor
from patients.codes import ALPHABET
from tests import factories as make

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def user():
    return make.UserFactory()


@pytest.fixture
def request_(rf, user):
    request = rf.get("/")
    request.session, request.user = SessionStore(), user
    return request


def test_a_code_is_asked_once_in_ten_minutes(request_, time_machine):
    nonce = second_factor.ask(request_)
    assert len(nonce) == 32
    until = NOON.timestamp() + 600
    assert request_.session["second_factor"] == {"nonce": nonce, "until": until, "tries": 0}
    time_machine.shift(dt.timedelta(seconds=599))
    assert second_factor.ask(request_) is None
    time_machine.shift(dt.timedelta(seconds=1))
    assert second_factor.ask(request_) not in (None, nonce)


def test_a_code_is_of_the_account_and_of_the_asking(user):
    code = second_factor.code(user, "a")
    assert len(code) == 10 and set(code) <= set(ALPHABET)
    assert code == second_factor.code(user, "a")
    assert len({code, second_factor.code(user, "b"), second_factor.code(make.UserFactory(), "a")}) == 3


def test_the_right_code_serves_once(request_, user):
    code = second_factor.code(user, second_factor.ask(request_))
    assert second_factor.is_right(request_, user, f" {code[:5]} {code[5:].lower()} ") is True
    assert "second_factor" not in request_.session
    assert second_factor.is_right(request_, user, code) is False


@pytest.mark.parametrize(("seconds", "right"), [(599, True), (600, False)])
def test_it_is_good_for_ten_minutes(request_, user, time_machine, seconds, right):
    code = second_factor.code(user, second_factor.ask(request_))
    time_machine.shift(dt.timedelta(seconds=seconds))
    assert second_factor.is_right(request_, user, code) is right


@pytest.mark.parametrize(("wrong", "right"), [(4, True), (5, False)])
def test_five_wrong_ones_wear_it_out(request_, user, wrong, right):
    code = second_factor.code(user, second_factor.ask(request_))
    for tries in range(wrong):
        assert second_factor.is_right(request_, user, "AAAAA AAAAA") is False
        assert request_.session["second_factor"]["tries"] == tries + 1
    assert second_factor.is_right(request_, user, code) is right


def test_without_asking_nothing_is_right(request_, user):
    assert second_factor.is_right(request_, user, "") is False


@pytest.mark.parametrize(
    ("kind", "wants", "page"),
    [
        (None, True, "account_reauthenticate"),
        ("totp", False, "mfa_reauthenticate"),
        ("webauthn", False, "mfa_reauthenticate_webauthn"),
        ("recovery_codes", True, "account_reauthenticate"),
    ],
)
def test_one_proves_oneself_by_the_means_of_the_account(request_, user, kind, wants, page):
    if kind:
        Authenticator.objects.create(user=user, type=kind, data={})
    assert second_factor.wants_code(user) is wants
    assert second_factor.page_for(request_, user) == page


@pytest.mark.parametrize(
    ("method", "again", "ago", "enough"),
    [("mfa", True, 299, True), ("mfa", True, 300, False), ("mfa", False, 1, False), ("password", True, 1, False)],
)
def test_the_means_of_the_account_given_anew_lately_are_enough(
    monkeypatch, request_, user, method, again, ago, enough
):
    Authenticator.objects.create(user=user, type="totp", data={})
    record = {"method": method, "at": NOON.timestamp() - ago, "reauthenticated": again}
    monkeypatch.setattr(second_factor, "get_authentication_records", lambda request, user: [record])
    assert (second_factor.page_for(request_, user) is None) is enough


def test_the_password_given_anew_is_enough_without_other_means(monkeypatch, request_, user):
    monkeypatch.setattr(second_factor, "did_recently_reauthenticate", lambda request: request is request_)
    assert second_factor.page_for(request_, user) is None
    assert second_factor.page_for(SimpleNamespace(), user) == "account_reauthenticate"
