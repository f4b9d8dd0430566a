"""What is asked of Pro Santé Connect's description and of its answers, apart from any exchange with it."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from access import psc

HOST = "https://psc.test"
SAID = {
    "issuer": HOST,
    "authorization_endpoint": f"{HOST}/authorize",
    "token_endpoint": f"{HOST}/token",
    "userinfo_endpoint": f"{HOST}/userinfo",
    "jwks_uri": f"{HOST}/keys",
    "end_session_endpoint": f"{HOST}/logout",
}


@pytest.fixture(autouse=True)
def _issuer(settings):
    settings.PSC_ISSUER, settings.PSC_CLIENT_ID, settings.DEMO = HOST, "dmp-portail", False
    settings.PSC_DISCOVERY, settings.PORTAL_URL = f"{HOST}/.well-known/openid-configuration", "https://dmp.test"


@pytest.fixture
def issuer(monkeypatch):
    """What the issuer says of itself; each asking is kept."""
    found = SimpleNamespace(said=dict(SAID), asked=[], clock=1000.0, status=200)

    def get(address, **options):
        found.asked.append((address, options))
        answer = requests.Response()
        answer.status_code = found.status
        answer.json = lambda: found.said
        return answer

    monkeypatch.setattr(psc.requests, "get", get)
    monkeypatch.setattr(psc.time, "monotonic", lambda: found.clock)
    monkeypatch.setattr(psc, "description", psc._Description())
    return found


def test_its_description_is_read_again_after_some_minutes(issuer):
    assert psc.description.get() == SAID
    ((address, options),) = issuer.asked
    assert (address, options["allow_redirects"]) == (f"{HOST}/.well-known/openid-configuration", False)
    assert options["timeout"] == psc.TIMEOUT
    issuer.clock += psc.DESCRIPTION_SECONDS
    psc.description.get()
    assert len(issuer.asked) == 1
    issuer.clock += 1
    psc.description.get()
    assert len(issuer.asked) == 2
    psc.description.get()
    psc.description.forget()
    psc.description.get()
    assert len(issuer.asked) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://autre.test"},
        {"issuer": None},
        {"token_endpoint": "http://psc.test/token"},
        {"userinfo_endpoint": None},
        {"authorization_endpoint": 7},
    ],
)
def test_a_description_that_is_not_the_issuer_s_is_not_believed(issuer, changed):
    issuer.said |= changed
    with pytest.raises(psc.Unavailable):
        psc.description.get()


def test_no_description_is_no_issuer(issuer):
    issuer.said = ["issuer"]
    with pytest.raises(psc.Unavailable):
        psc.description.get()
    issuer.said, issuer.status = SAID, 500
    with pytest.raises(psc.Unavailable):
        psc.description.get()


@pytest.mark.parametrize(
    ("address", "demonstration", "called"),
    [
        ("https://psc.test/x", False, True),
        ("http://psc.test/x", False, False),
        ("http://127.0.0.1:9000/x", False, False),
        ("http://127.0.0.1:9000/x", True, True),
        ("http://localhost:9000/x", True, True),
        ("http://psc.test/x", True, False),
        ("http://localhost.psc.test/x", True, False),
        (None, True, False),
        ("", False, False),
    ],
)
def test_addresses_are_https_but_for_a_demonstration_on_this_machine(settings, address, demonstration, called):
    settings.DEMO = demonstration
    assert psc._may_be_called(address) is called


@pytest.mark.parametrize(
    ("query", "promised", "taken"),
    [
        (f"?iss={HOST}", True, True),
        (f"?iss={HOST}", False, True),
        ("", False, True),
        ("", True, False),
        ("?iss=https://autre.test", False, False),
        (f"?iss={HOST}&iss={HOST}", False, False),
    ],
)
def test_the_answer_names_its_issuer_when_the_issuer_does(rf, issuer, query, promised, taken):
    issuer.said["authorization_response_iss_parameter_supported"] = promised
    if taken:
        return psc._refuse_mix_up(rf.get(f"/pro/retour/{query}"))
    with pytest.raises(psc.Refused, match="mix_up"):
        psc._refuse_mix_up(rf.get(f"/pro/retour/{query}"))


@pytest.mark.parametrize(
    ("who", "refused"),
    [
        ({"aud": "dmp-portail"}, None),
        ({"aud": ["dmp-portail"]}, None),
        ({"aud": "dmp-portail", "typ": "ID"}, None),
        ({"aud": "autre"}, "audience"),
        ({"aud": ["dmp-portail", "autre"]}, "audience"),
        ({"aud": "dmp-portail", "typ": "Bearer"}, "kind of token"),
        ({"aud": "dmp-portail", "events": {}}, "kind of token"),
        ({"aud": "dmp-portail", "typ": "ID", "events": {}}, "kind of token"),
    ],
)
def test_an_id_token_is_for_us_alone_and_nothing_else(who, refused):
    if refused is None:
        return psc._refuse_other_tokens(who)
    with pytest.raises(ValueError, match=refused):
        psc._refuse_other_tokens(who)


def test_one_signs_out_at_the_issuer_and_comes_back_to_the_first_page(issuer):
    where = urlsplit(psc.end_session_address("un.jeton"))
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{HOST}/logout"
    assert parse_qs(where.query) == {
        "id_token_hint": ["un.jeton"],
        "client_id": ["dmp-portail"],
        "post_logout_redirect_uri": ["https://dmp.test/"],
    }
    for address in (None, "http://psc.test/logout"):
        issuer.said["end_session_endpoint"] = address
        assert psc.end_session_address("un.jeton") == ""


def test_an_issuer_that_is_down_signs_nobody_out(issuer):
    issuer.status = 500
    assert psc.end_session_address("un.jeton") == ""


def test_what_an_id_token_must_say(settings):
    settings.PSC_LEVELS = ["eidas1"]
    assert psc._wanted() == {
        "iss": {"essential": True, "value": HOST},
        "aud": {"essential": True, "value": "dmp-portail"},
        "acr": {"essential": True, "values": ["eidas1"]},
    }
