"""The issuer ends a session: pages and tokens of it are refused at once; nobody else can end one."""

import time
import uuid

import pytest
from joserfc.jwk import RSAKey
from rest_framework.test import APIClient

from access import identity, logout_token
from access.models import EndedSession
from tests import factories as make
from tests.access.psc.conftest import logout_claims
from tests.access.psc.test_forged import by_another_key, by_hmac, unsigned

pytestmark = pytest.mark.django_db
DOOR = "/pro/fin-de-session/"
SECRET_API = "dmp"


@pytest.fixture
def program(provider):
    """A professional's software with a token of the provider: `program(professional, sid=…)`."""

    def with_token(professional, **claims):
        now = int(time.time())
        whole = provider.people[provider.knows(professional)] | {
            "iss": provider.issuer,
            "aud": SECRET_API,
            "iat": now,
            "exp": now + 600,
        }
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {provider.sign(whole | claims)}")
        return client

    return with_token


def works(program):
    """Whether the interface lets it in: 404, there is no such dossier, against 401."""
    answer = program.get(f"/api/v1/dossiers/{uuid.uuid4()}/autorisation")
    assert answer.status_code in (401, 404) and answer.json()["detail"]
    return answer.status_code == 404


def say(client, provider, **claims):
    return client.post(DOOR, {"logout_token": provider.sign(logout_claims(provider, **claims), typ="logout+jwt")})


def test_signing_out_at_the_issuer_ends_pages_and_tokens(live_server, client, provider, come_in, program, nurse):
    """The provider's own sign-out, then its own call: nothing of ours in between."""
    browser = provider.browser()
    come_in(client, nurse, browser)
    kept = client.session["psc"]
    software = program(nurse, sid=kept["sid"])
    assert kept["sid"] and client.get("/pro/").status_code == 200 and works(software)
    provider.people["_back_channel"] = live_server.url + DOOR
    provider.write()
    try:
        out = browser.get(f"{provider.issuer}/logout/", params={"id_token_hint": kept["id_token"]}, timeout=10)
    finally:
        del provider.people["_back_channel"]
    assert out.status_code < 500
    assert client.get("/pro/").headers["Location"].startswith("/compte/login/")
    assert "_auth_user_id" not in client.session
    assert not works(software)


def test_a_session_that_ended_ends_alone(client, provider, come_in, program, nurse):
    come_in(client, nurse)
    sub, sid = client.session["psc"]["sub"], client.session["psc"]["sid"]
    mine, other, nameless = program(nurse, sid=sid), program(nurse, sid="une-autre"), program(nurse)
    assert works(mine) and works(other) and works(nameless)
    assert say(client, provider, sid=sid, sub=sub).status_code == 200
    assert client.get("/pro/").status_code == 302
    assert not works(mine) and works(other)
    assert not works(nameless)  # which session it is of cannot be told


def test_the_end_of_all_his_sessions_spares_the_next_one(client, provider, come_in, program, nurse):
    come_in(client, nurse)
    sub = client.session["psc"]["sub"]
    before, somebody = program(nurse, sid="un"), program(make.ProfessionalFactory(), sid="deux")
    assert say(client, provider, sub=sub).status_code == 200
    assert client.get("/pro/").status_code == 302
    assert not works(before) and works(somebody)
    assert works(program(nurse, sid="trois", iat=int(time.time()) + 1))


def test_a_token_already_verified_is_refused_all_the_same(client, provider, program, nurse):
    """The signature is remembered for a minute; the right is not."""
    software = program(nurse, sid="la-session")
    assert works(software) and works(software)
    say(client, provider, sid="la-session")
    assert not works(software)


def test_a_professional_never_seen_before_is_refused_too(client, provider, program, nurse):
    idnat = "899000000017"
    software = program(nurse, sid="finie", sub="f:psc:x", SubjectNameID=idnat, preferred_username=idnat)
    say(client, provider, sid="finie")
    assert not works(software)


# -- what is not the issuer's word -------------------------------------------------------------------------
WRONG = {
    "another issuer": {"iss": "https://auth.example.org"},
    "for another client": {"aud": "un-autre-client"},
    "for two clients": {"aud": ["dmp-portail", "un-autre-client"]},
    "for nobody": {"aud": None},
    "for the interface": {"aud": SECRET_API},
    "an ID token": {"events": None, "nonce": "n"},
    "a nonce besides": {"nonce": "n"},
    "no events": {"events": None},
    "no event": {"events": {}},
    "another event": {"events": {"http://schemas.openid.net/event/autre": {}}},
    "an event without its object": {"events": {"http://schemas.openid.net/event/backchannel-logout": "x"}},
    "events as a list": {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
    "nobody named": {"sub": None},
    "an empty name": {"sid": ""},
    "a number as a name": {"sid": 12},
    "a name without end": {"sid": "x" * 256},
    "no jti": {"jti": None},
    "an hour old": {"iat": 1_700_000_000},
    "from tomorrow": {"iat": 4_000_000_000},
    "no date": {"iat": None},
    "a date in words": {"iat": "hier"},
    "expired": {"exp": 1_700_000_000},
    "no expiry": {"exp": None},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_signed_token_that_is_no_logout_token_ends_nothing(client, provider, change):
    answer = say(client, provider, **({"sub": "f:psc:8"} | change))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert not EndedSession.objects.exists()


SIGNERS = {
    "none": unsigned,
    "another key": by_another_key,
    "HS256 with the public key": by_hmac(lambda provider: provider.key.as_pem(private=False)),
    "HS256 with the client's secret": by_hmac(lambda provider: b"un-secret-de-test"),
    "a key brought along": lambda provider, claims: RSAKey.generate_key(2048) and "a.b.c",
    "too long": lambda provider, claims: "a" * 20_000,
    "nothing": lambda provider, claims: "",
}


@pytest.mark.parametrize("sign", SIGNERS.values(), ids=SIGNERS)
def test_only_the_issuer_ends_a_session(client, provider, sign):
    token = sign(provider, logout_claims(provider, sub="f:psc:8"))
    assert client.post(DOOR, {"logout_token": token}).status_code == 400
    assert not EndedSession.objects.exists()


def test_a_token_is_as_long_as_may_be_and_no_longer(client, provider, monkeypatch):
    token = provider.sign(logout_claims(provider, sid="une-session"))
    for longest, status in ((len(token) - 1, 400), (len(token), 200)):
        monkeypatch.setattr(logout_token, "LONGEST", longest)
        assert client.post(DOOR, {"logout_token": token}).status_code == status


def test_a_header_that_names_another_kind_of_token_is_refused(client, provider):
    token = provider.sign(logout_claims(provider, sub="f:psc:8"), typ="at+jwt")
    assert client.post(DOOR, {"logout_token": token}).status_code == 400


@pytest.mark.parametrize("ago", [20, 60])
def test_a_clock_half_a_minute_ahead_of_the_issuer_s_loses_no_token(client, provider, program, nurse, ago):
    ended = int(time.time()) - ago
    assert works(program(nurse, exp=ended)) is (ago < 30)
    assert (say(client, provider, sid="une-session", exp=ended).status_code == 200) is (ago < 30)


def test_a_logout_token_serves_once(client, provider):
    claims = logout_claims(provider, sid="une-session")
    tokens = [provider.sign(claims), provider.sign(claims | {"sid": "une-autre"})]
    assert [client.post(DOOR, {"logout_token": token}).status_code for token in tokens] == [200, 400]
    assert EndedSession.objects.get().sid == "une-session"


def test_the_id_token_of_a_sign_in_ends_nothing(client, provider, come_in, nurse):
    come_in(client, nurse)
    assert client.post(DOOR, {"logout_token": client.session["psc"]["id_token"]}).status_code == 400
    assert client.get("/pro/").status_code == 200


def test_only_posts_with_a_token_are_heard(client, provider):
    assert client.get(DOOR).status_code == 405
    assert client.post(DOOR, {}).status_code == 400


def test_what_is_long_over_is_forgotten(client, provider, time_machine):
    say(client, provider, sid="ancienne")
    time_machine.move_to(time.time() + 31 * 86_400)
    say(client, provider, sid="nouvelle")
    assert list(EndedSession.objects.values_list("sid", flat=True)) == ["nouvelle"]


# -- tokens of the interface ----------------------------------------------------------------------------------
def bearer(token):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_the_interface_takes_neither_an_id_token_nor_a_logout_token(client, provider, come_in, program, nurse):
    come_in(client, nurse)
    assert not works(bearer(client.session["psc"]["id_token"]))
    person = provider.people[nurse.idnat]
    assert not works(bearer(provider.sign(logout_claims(provider, **person, aud=SECRET_API))))
    assert works(program(nurse))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://auth.example.org"},
        {"aud": "un-autre"},
        {"exp": 1_700_000_000},
        {"acr": "eidas0"},
        {"acr": None},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": "Logout"},
    ],
)
def test_the_interface_is_as_strict_as_the_pages(program, nurse, change):
    assert works(program(nurse))
    assert not works(program(nurse, **change))


@pytest.mark.parametrize("sign", [unsigned, by_another_key, SIGNERS["HS256 with the public key"]])
def test_the_interface_believes_the_issuer_s_key_alone(provider, nurse, sign):
    now = int(time.time())
    provider.knows(nurse)
    claims = provider.people[nurse.idnat] | {"iss": provider.issuer, "aud": SECRET_API, "iat": now, "exp": now + 60}
    assert works(bearer(provider.sign(claims)))
    assert not works(bearer(sign(provider, claims)))


def test_an_end_heard_while_no_key_can_be_read_is_to_be_said_again(client, provider, settings, monkeypatch):
    monkeypatch.setattr(identity, "keys", identity.Keys())
    settings.PSC_JWKS = "/nonexistent/jwks.json"
    assert say(client, provider, sid="x", sub="y").status_code == 503
