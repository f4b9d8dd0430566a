"""What makes a logout token, its signature aside: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6."""

import datetime as dt

import pytest

from access import logout_token

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(autouse=True)
def _at_noon(time_machine, settings):
    time_machine.move_to(NOW, tick=False)
    settings.PSC_CLIENT_ID = "dmp-portail"


def is_one(header=None, **claims):
    said = {"aud": "dmp-portail", "iat": NOW.timestamp(), "jti": "j", "sub": "s", "events": {EVENT: {}}} | claims
    return logout_token._is_logout_token(header or {}, {name: value for name, value in said.items() if value != ""})


@pytest.mark.parametrize(
    ("kind", "taken"), [(None, True), ("JWT", True), ("logout+jwt", True), ("Logout+JWT", True), ("at+jwt", False)]
)
def test_the_header_names_a_logout_token_or_nothing_more_than_a_token(kind, taken):
    assert is_one({"typ": kind} if kind else {}) is taken


@pytest.mark.parametrize(("late", "taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_it_was_said_within_five_minutes(late, taken):
    assert is_one(iat=NOW.timestamp() - late) is taken


@pytest.mark.parametrize("name", ["jti", "sub", "sid"])
def test_names_are_of_255_characters_at_most(name):
    assert is_one(**{name: "x" * 255}) is True
    assert is_one(**{name: "x" * 256}) is False
    assert is_one(**{name: 12}) is False


@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({"sub": "", "sid": "une-session"}, True),
        ({"sub": ""}, False),
        ({"aud": ["dmp-portail"]}, True),
        ({"aud": ["dmp-portail", "autre"]}, False),
        ({"nonce": "n"}, False),
        ({"events": [EVENT]}, False),
        ({"events": {EVENT: None}}, False),
        ({"events": {EVENT: {"more": 1}}}, True),
    ],
)
def test_it_names_a_session_or_a_person_for_us_alone_and_one_event(claims, taken):
    assert is_one(**claims) is taken
