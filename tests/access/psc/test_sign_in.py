"""A professional signs in on the web with Pro Santé Connect: the whole way, against a real OpenID provider."""

import base64
import hashlib
import socket

import pytest

from access.models import Professional, User
from audit import trail
from audit.models import Trace
from tests import factories as make
from tests.access.psc.conftest import question, way_back

pytestmark = pytest.mark.django_db


def signed_in(client):
    return User.objects.filter(pk=client.session.get("_auth_user_id")).first()


def test_one_situation_is_chosen_by_itself_and_traced(client, come_in, nurse):
    answer = come_in(client, nurse)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/pro/")
    page = client.get("/pro/").content.decode()
    assert nurse.name in page and nurse.idnat in page and "Cabinet médical des Lilas" in page
    trace = Trace.objects.get(event="signed_in")
    assert (trace.actor_kind, trace.actor_id, trace.means) == ("professional", nurse.idnat, "psc")
    assert (trace.profession, trace.structure_name) == ("60", "Cabinet médical des Lilas")


def test_among_several_situations_one_is_chosen_on_the_page(client, come_in, doctor):
    come_in(client, doctor)
    page = client.get("/pro/").content.decode()
    assert "Dans quelle situation" in page and "Hôpital de la rade" in page
    assert Trace.objects.get(event="signed_in").structure_name == ""
    before = client.session.session_key
    places = [one["structure_name"] for one in client.session["psc"]["situations"]]
    number = places.index("Hôpital de la rade")
    assert client.post("/pro/situation/", {"situation": number}).headers["Location"] == "/pro/"
    assert client.session.session_key != before
    page = client.get("/pro/").content.decode()
    assert "Vous agissez ici comme" in page and "Changer de situation" in page
    assert Trace.objects.filter(event="signed_in").latest("at").structure_name == "Hôpital de la rade"


@pytest.mark.parametrize("number", [None, "", "2", "-1", "00", "zéro"])
def test_a_situation_that_is_not_his_is_refused(client, come_in, doctor, number):
    come_in(client, doctor)
    answer = client.post("/pro/situation/", {} if number is None else {"situation": number})
    assert answer.status_code == 422 and "Choisissez une des situations" in answer.content.decode()
    assert client.session["psc"]["chosen"] is None


def test_the_question_binds_the_browser_and_the_code(client, provider, come_in, nurse):
    """State, nonce, PKCE S256, eidas1, our own way back: each time, and new each time."""
    asked = [question(client.get("/pro/connexion/").headers["Location"]) for _ in range(2)]
    for one in asked:
        assert (one["response_type"], one["code_challenge_method"]) == ("code", "S256")
        assert (one["acr_values"], one["scope"]) == ("eidas1", "openid scope_all")
        assert one["redirect_uri"] == "http://127.0.0.1:8000/pro/retour/"
        assert len(one["state"]) >= 20 and len(one["nonce"]) >= 20 and len(one["code_challenge"]) == 43
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
    name = provider.knows(nurse)
    begun = client.get("/pro/connexion/").headers["Location"]
    client.get(way_back(provider.answer(begun, name)))
    verifier = provider.forger.forms_at("/o/token/")[0]["code_verifier"][0]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert digest == question(begun)["code_challenge"]


def test_a_professional_newer_than_our_register_gets_an_account(client, come_in, nurse):
    idnat = "8" + make.luhn("8199000001")
    exercices = [{"codeProfession": "60", "activities": [{"numeroFinessSite": "990099999"}]}]
    claims = {
        "sub": f"f:psc:{idnat}",
        "SubjectNameID": idnat,
        "preferred_username": idnat,
        "given_name": "Ève",
        "SubjectRefPro": {"exercices": exercices},
    }
    come_in(client, nurse, **claims)
    assert signed_in(client).professional == Professional.objects.get(idnat=idnat)
    assert signed_in(client).kind == "professional" and not signed_in(client).has_usable_password()


def test_the_session_key_changes_at_sign_in(client, provider, come_in, nurse):
    client.get("/pro/connexion/")
    before = client.session.session_key
    come_in(client, nurse)
    assert client.session.session_key != before


def test_whoever_was_signed_in_before_in_this_browser_is_out(holder_client, come_in, nurse):
    make.matrix()
    browser = holder_client(make.DossierFactory())
    assert browser.get("/").status_code == 200 and "dossier" in browser.session
    come_in(browser, nurse)
    assert "dossier" not in browser.session
    assert signed_in(browser).kind == "professional"


@pytest.mark.parametrize("field", ["next", "redirect_uri", "redirect_to", "target_link_uri"])
@pytest.mark.parametrize("address", ["https://ailleurs.example.org/", "//ailleurs.example.org", "/autorisations/"])
def test_no_address_of_the_caller_is_ever_followed(client, provider, nurse, field, address):
    name = provider.knows(nurse)
    begun = client.get("/pro/connexion/", {field: address}).headers["Location"]
    assert begun.startswith(provider.issuer) and "ailleurs" not in begun
    back = way_back(provider.answer(begun, name))
    answer = client.get(f"{back}&{field}={address}")
    assert answer.headers["Location"] == "/pro/"


def test_an_inactive_professional_does_not_come_in(client, come_in, nurse):
    Professional.objects.update(active=False)
    assert come_in(client, nurse).status_code == 403
    assert signed_in(client) is None
    assert Trace.objects.get(event="sign_in_refused").detail == {"check": "account"}


def test_without_any_work_situation_nobody_comes_in(client, come_in, nurse):
    assert come_in(client, nurse, SubjectRefPro={"exercices": []}).status_code == 403
    assert Trace.objects.get(event="sign_in_refused").detail == {"check": "no_situation"}


def test_when_the_issuer_is_down_the_page_says_so(client, provider, settings):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    settings.PSC_DISCOVERY = address
    answer = client.get("/pro/connexion/")
    assert answer.status_code == 503
    assert "Pro Santé Connect ne répond pas" in answer.content.decode()


def test_without_a_client_identifier_there_is_no_such_sign_in(client, settings):
    settings.PSC_CLIENT_ID = ""
    assert client.get("/pro/connexion/").status_code == 404
    assert client.get("/pro/retour/").status_code == 404
    assert client.post("/pro/fin-de-session/").status_code == 404
    assert "Pro Santé Connect" not in client.get("/compte/login/").content.decode()


def test_the_sign_in_page_shows_the_way_for_professionals(client, provider):
    assert "/pro/connexion/" in client.get("/compte/login/").content.decode()


def down(*args, **kwargs):
    raise trail.TrailDown


def test_who_cannot_be_traced_does_not_enter(client, come_in, nurse, monkeypatch):
    monkeypatch.setattr(trail, "record", down)
    assert come_in(client, nurse).status_code == 503
    assert signed_in(client) is None


def test_a_situation_that_cannot_be_traced_is_said(client, come_in, doctor, monkeypatch):
    come_in(client, doctor)
    monkeypatch.setattr(trail, "record", down)
    assert client.post("/pro/situation/", {"situation": 0}).status_code == 503
