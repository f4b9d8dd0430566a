"""Whatever somebody in the issuer's name answers, one wrong byte of trust opens nothing (security.md, I2)."""

import base64
import hmac
import json
import time

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from access import psc
from audit.models import Trace
from tests.access.psc.conftest import question, way_back

pytestmark = pytest.mark.django_db
TOKEN, USERINFO = "/o/token/", "/o/userinfo/"
DISCOVERY = "/o/.well-known/openid-configuration"


def read(token):
    """The claims of a token, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def lie_about_the_id_token(provider, forge):
    """The provider's answer with another ID token: `forge(claims)` gives it."""

    def lie(status, headers, body):
        answer = json.loads(body)
        if "id_token" in answer:
            answer["id_token"] = forge(read(answer["id_token"]))
        return status, headers, json.dumps(answer).encode()

    provider.forger.lies[TOKEN] = lie


def nobody(client, answer, status=403):
    assert answer.status_code == status
    assert "_auth_user_id" not in client.session and "psc" not in client.session
    assert client.get("/pro/").status_code == 302
    assert not Trace.objects.filter(event="signed_in").exists()


# -- the ID token, rightly signed and wrong ------------------------------------------------------------------
WRONG = {
    "wrong issuer": {"iss": "https://auth.example.org"},
    "issuer with a slash more": {"iss": "+/"},
    "no issuer": {"iss": None},
    "token of another client": {"aud": "un-autre-client"},
    "two audiences": {"aud": ["dmp-portail", "un-autre-client"], "azp": "dmp-portail"},
    "no audience": {"aud": None},
    "another authorised party": {"azp": "un-autre-client"},
    "expired": {"exp": 1_700_000_000},
    "no expiry": {"exp": None},
    "not yet": {"nbf": 4_000_000_000},
    "issued tomorrow": {"iat": 4_000_000_000},
    "another nonce": {"nonce": "n-0S6_WzA2Mj-un-autre"},
    "no nonce": {"nonce": None},
    "weak level": {"acr": "eidas0"},
    "no level": {"acr": None},
    "several levels": {"acr": ["eidas1"]},
    "no subject": {"sub": None},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "Keycloak's logout": {"typ": "Logout"},
    "access token": {"typ": "Bearer"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_signed_id_token_that_is_not_exactly_ours_is_refused(client, provider, come_in, nurse, change):
    def forge(claims):
        if change.get("iss") == "+/":
            return provider.sign(claims | {"iss": claims["iss"] + "/"})
        return provider.sign({name: value for name, value in (claims | change).items() if value is not None})

    lie_about_the_id_token(provider, forge)
    nobody(client, come_in(client, nurse))
    assert Trace.objects.get(event="sign_in_refused").actor_kind == "anonymous"


def test_the_same_forger_telling_the_truth_is_believed(client, provider, come_in, nurse):
    """Or the refusals above would prove nothing."""
    lie_about_the_id_token(provider, provider.sign)
    assert come_in(client, nurse).status_code == 302


@pytest.mark.parametrize("ago", [20, 60])
def test_a_clock_half_a_minute_ahead_of_the_issuer_s_shuts_nobody_out(client, provider, come_in, nurse, ago):
    """ID token, then signed user information: each past its end by that much."""
    ended = int(time.time()) - ago
    lie_about_the_id_token(provider, lambda claims: provider.sign(claims | {"exp": ended}))
    first = come_in(client, nurse)
    lie_about_the_id_token(provider, provider.sign)
    lie_about_the_person(provider, signed(provider, exp=ended))
    second = come_in(client, nurse)
    assert [first.status_code == 302, second.status_code == 302] == [ago < 30] * 2


# -- the signature -------------------------------------------------------------------------------------------
def unsigned(provider, claims):
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def by_hmac(secret):
    """Written by hand: libraries refuse to sign with a public key."""

    def sign(provider, claims):
        header = {"alg": "HS256", "kid": provider.key.thumbprint()}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
        digest = hmac.digest(secret(provider), b".".join(parts), "sha256")
        return b".".join([*parts, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()

    return sign


def by_another_key(provider, claims):
    other = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "kid": provider.key.thumbprint()}, claims, other)


def by_its_own_key(provider, claims):
    other = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "jwk": other.as_dict(private=False)}, claims, other)


def altered(provider, claims):
    head, _, signature = provider.sign(claims).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims | {"acr": "eidas1 "}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


SIGNATURES = {
    "none": unsigned,
    "HS256 with the public key as secret": by_hmac(lambda provider: provider.key.as_pem(private=False)),
    "HS256 with the client's secret": by_hmac(lambda provider: b"un-secret-de-test"),
    "another key under the same name": by_another_key,
    "a key brought along": by_its_own_key,
    "claims changed after signing": altered,
    "no token": lambda provider, claims: "",
    "not a token": lambda provider, claims: "a.b.c",
}


@pytest.mark.parametrize("sign", SIGNATURES.values(), ids=SIGNATURES)
def test_only_the_issuer_s_key_and_a_pinned_algorithm_are_believed(client, provider, come_in, nurse, sign):
    lie_about_the_id_token(provider, lambda claims: sign(provider, claims))
    nobody(client, come_in(client, nurse))


def test_an_algorithm_that_the_issuer_offers_and_we_do_not_pin_is_refused(client, provider, come_in, nurse, settings):
    settings.PSC_ALGORITHMS = ["ES256"]
    nobody(client, come_in(client, nurse))


def test_an_answer_without_an_id_token_is_refused(client, provider, come_in, nurse):
    def lie(status, headers, body):
        return status, headers, json.dumps({"access_token": "x", "token_type": "Bearer"}).encode()

    provider.forger.lies[TOKEN] = lie
    nobody(client, come_in(client, nurse))


# -- user information ----------------------------------------------------------------------------------------
def lie_about_the_person(provider, change):
    def lie(status, headers, body):
        status, kind, content = change(json.loads(body))
        return status, {"Content-Type": kind}, content.encode()

    provider.forger.lies[USERINFO] = lie


def plain(**claims):
    def change(told):
        whole = {name: value for name, value in (told | claims).items() if value is not None}
        return 200, "application/json", json.dumps(whole)

    return change


PERSONS = {
    "another person's": plain(sub="f:psc:899999999999"),
    "nobody's": plain(sub=None),
    "no national identity": plain(SubjectNameID=None, preferred_username=None),
    "an identity of another shape": plain(SubjectNameID="8' OR 1=1 --"),
    "a list": lambda told: (200, "application/json", "[]"),
    "refused": lambda told: (401, "application/json", "{}"),
}


@pytest.mark.parametrize("change", PERSONS.values(), ids=PERSONS)
def test_user_information_must_be_of_the_person_of_the_id_token(client, provider, come_in, nurse, change):
    lie_about_the_person(provider, change)
    nobody(client, come_in(client, nurse))


def test_user_information_does_not_raise_the_level(client, provider, come_in, nurse):
    lie_about_the_person(provider, plain(acr="eidas1"))
    lie_about_the_id_token(provider, lambda claims: provider.sign(claims | {"acr": "eidas0"}))
    nobody(client, come_in(client, nurse))


def signed(provider, **claims):
    def change(told):
        whole = told | {"iss": provider.issuer, "aud": provider.client_id} | claims
        return 200, "application/jwt; charset=utf-8", provider.sign(whole)

    return change


def test_signed_user_information_is_read(client, provider, come_in, nurse):
    lie_about_the_person(provider, signed(provider))
    assert come_in(client, nurse).status_code == 302


@pytest.mark.parametrize("claims", [{"iss": "https://autre"}, {"aud": "un-autre-client"}, {"sub": "f:psc:8"}])
def test_signed_user_information_for_somebody_else_is_refused(client, provider, come_in, nurse, claims):
    lie_about_the_person(provider, signed(provider, **claims))
    nobody(client, come_in(client, nurse))


def test_user_information_signed_by_somebody_else_is_refused(client, provider, come_in, nurse):
    def change(told):
        whole = told | {"iss": provider.issuer, "aud": provider.client_id}
        return 200, "application/jwt", by_another_key(provider, whole)

    lie_about_the_person(provider, change)
    nobody(client, come_in(client, nurse))


# -- state, code, verifier -----------------------------------------------------------------------------------
@pytest.fixture
def begun(client, provider, nurse):
    """A professional has signed in at the issuer; the browser is on its way back."""
    return way_back(provider.answer(client.get("/pro/connexion/").headers["Location"], provider.knows(nurse)))


def changed(address, **fields):
    """The same address with other parameters; None takes one away."""
    kept = {name: value for name, value in (question(address) | fields).items() if value is not None}
    return requests.Request("GET", "http://portail" + address.partition("?")[0], params=kept).prepare().path_url


@pytest.mark.parametrize("state", ["", "un-autre-etat", None])
def test_a_way_back_with_another_state_is_refused(client, begun, state):
    nobody(client, client.get(changed(begun, state=state)))


def test_a_way_back_in_another_browser_is_refused(client, begun, django_user_model):
    """Login CSRF: an attacker's own answer sent to somebody else opens the attacker's account nowhere."""
    other = type(client)()
    nobody(other, other.get(begun))


def test_a_way_back_serves_once(client, begun):
    assert client.get(begun).status_code == 302
    again = client.get(begun)
    assert again.status_code == 403


def test_a_code_serves_once_even_with_the_state_put_back(client, provider, begun):
    kept = {key: value for key, value in client.session.items() if key.startswith("_state_psc")}
    assert client.get(begun).status_code == 302
    client.get("/pro/")
    other = type(client)()
    other.get("/pro/connexion/")
    session = other.session
    session.update(kept)
    session.save()
    nobody_new = other.get(begun)
    assert nobody_new.status_code == 403 and "_auth_user_id" not in other.session


def test_a_stolen_code_put_in_another_browser_s_answer_is_refused(client, provider, begun):
    """Code injection: the verifier stays with the browser that asked, so the issuer refuses the code."""
    thief = type(client)()
    state = question(thief.get("/pro/connexion/").headers["Location"])["state"]
    nobody(thief, thief.get(changed(begun, state=state)))


def test_a_stolen_code_without_its_verifier_is_worth_nothing(provider, begun):
    form = {
        "grant_type": "authorization_code",
        "code": question(begun)["code"],
        "redirect_uri": "http://127.0.0.1:8000/pro/retour/",
    }
    secret = (provider.client_id, "un-secret-de-test")
    answer = provider.browser().post(f"{provider.issuer}/token/", data=form, auth=secret, timeout=10)
    assert answer.status_code == 400


@pytest.mark.parametrize("issuer", ["https://auth.example.org", "", None])
def test_an_answer_that_names_another_issuer_is_refused(client, begun, issuer):
    """Mix-up (RFC 9207): our provider promises to name itself, so silence is refused too."""
    nobody(client, client.get(changed(begun, iss=issuer)))


def test_an_answer_that_names_two_issuers_is_refused(client, begun):
    nobody(client, client.get(f"{begun}&iss=https://auth.example.org"))


def test_an_issuer_that_says_no_is_told_in_words(client, begun):
    answer = client.get(changed(begun, code=None, error="access_denied"))
    assert "interrompue" in answer.content.decode()
    nobody(client, answer)


# -- the issuer's description --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://auth.example.org"},
        {"token_endpoint": "http://ailleurs.example.org/token"},
        {"userinfo_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_description_that_is_not_the_issuer_s_is_not_followed(client, provider, change):
    psc.description.forget()
    provider.forger.lies[DISCOVERY] = lambda status, headers, body: (
        status,
        headers,
        json.dumps(json.loads(body) | change).encode(),
    )
    assert client.get("/pro/connexion/").status_code == 503


@pytest.mark.parametrize("path", [TOKEN, USERINFO])
@pytest.mark.parametrize("status", [500, 503])
def test_an_issuer_that_breaks_on_the_way_is_said_to_be_down(client, provider, come_in, nurse, path, status):
    provider.forger.lies[path] = lambda *answer: (status, {}, b"")
    nobody(client, come_in(client, nurse), 503)


def test_an_issuer_that_hangs_up_is_said_to_be_down(client, provider, come_in, nurse):
    def hang_up(*answer):
        raise ConnectionResetError

    provider.forger.lies[USERINFO] = hang_up
    nobody(client, come_in(client, nurse), 503)


@pytest.mark.parametrize("address", [None, "http://ailleurs.example.org/out"])
def test_a_way_out_that_is_not_the_issuer_s_is_not_taken(provider, address):
    psc.description.forget()
    provider.forger.lies[DISCOVERY] = lambda status, headers, body: (
        status,
        headers,
        json.dumps(json.loads(body) | {"end_session_endpoint": address}).encode(),
    )
    assert psc.end_session_address("x") == ""
