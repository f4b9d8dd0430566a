"""A professional's web session opens his own pages, for some hours, and nothing else (A8, I4)."""

import re
import time

import pytest

from access.models import Professional
from tests import factories as make
from tests.access.psc.conftest import question
from tests.test_house import PUBLIC, portal

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
OWN = ("pro/", "api/", "fhir")


def filled(path):
    path = re.sub(r"<uuid:[^>]*>", "01a20854-3d9e-7a5c-8459-435ecdc7c74a", path)
    path = re.sub(r"\(\?P<[^>]*>[^)]*\)", "x", re.sub(r"<int:[^>]*>", "1", path)).replace("^", "").replace("$", "")
    return "/" + re.sub(r"<(slug|str):[^>]*>", "x", path)


SAID_TO_ALL = tuple(path for path in PUBLIC if path not in ("compte/", "ouvrir/"))


def test_no_page_of_a_holder_an_account_or_an_opening_is_his(client, come_in, nurse):
    """Every address of the portal, by both methods: a new one is refused until somebody opens it by name."""
    come_in(client, nurse)
    tried = [path for path in portal() if not path.startswith((*OWN, *SAID_TO_ALL))]
    assert len(tried) > 30
    for path in tried:
        for method in ("get", "post"):
            answer = getattr(client, method)(filled(path))
            sent_home = answer.status_code == 302 and answer.headers["Location"] == "/pro/"
            assert answer.status_code == 403 or sent_home, (method, path, answer.status_code)
    assert client.get("/pro/").status_code == 200


def test_the_interface_does_not_look_at_a_session(client, come_in, nurse):
    come_in(client, nurse)
    assert client.get("/fhir/Patient?identifier=x|1").status_code == 401
    assert client.get("/api/v1/depots").status_code in (401, 404)


def test_the_help_and_the_documentation_of_the_interface_stay_open(client, come_in, nurse):
    come_in(client, nurse)
    for path in ("/aide/", "/mentions-legales/", "/accessibilite/", "/api/docs", "/api/schema"):
        assert client.get(path).status_code == 200


def test_a_professional_s_account_without_pro_sante_connect_is_no_session(client, code_tables):
    """However somebody got there: a password, an old link."""
    client.force_login(make.account(make.ProfessionalFactory()), backend=BACKEND)
    assert client.get("/pro/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_holder_has_no_business_on_the_professionals_pages(holder_client, code_tables):
    browser = holder_client(make.DossierFactory())
    assert browser.get("/pro/").status_code == 404
    assert browser.post("/pro/situation/", {"situation": 0}).status_code == 404
    assert browser.post("/pro/sortie/").status_code == 404
    assert "_auth_user_id" in browser.session


def test_a_holder_s_session_that_speaks_of_a_professional_is_ended(holder_client, code_tables):
    browser = holder_client(make.DossierFactory())
    session = browser.session
    session["psc"] = {"sub": "x"}
    session.save()
    assert browser.get("/pro/").status_code == 302
    assert "_auth_user_id" not in browser.session


def test_a_professional_s_session_is_none_in_the_back_office(client, come_in, nurse, settings):
    """Both processes keep their sessions in one table: the key of one, shown to the other, opens nothing."""
    come_in(client, nurse)
    settings.ROLE, settings.ROOT_URLCONF = "backoffice", "dmp.urls_backoffice"
    for path in ("/admin/", "/guichet/", "/compte/email/", "/compte/password/change/"):
        answer = client.get(path)
        assert answer.status_code == 302 and "/login" in answer.headers["Location"], path
    assert "_auth_user_id" not in client.session


def test_a_session_ends_after_four_hours_however_busy(client, come_in, nurse, time_machine):
    come_in(client, nurse)
    start = time.time()
    for minutes in range(10, 240, 10):  # never idle for a quarter of an hour
        time_machine.move_to(start + minutes * 60)
        assert client.get("/pro/").status_code == 200
    time_machine.move_to(start + 4 * 3600 + 60)
    assert client.get("/pro/").status_code == 302


def test_a_professional_struck_off_is_out_at_the_next_click(client, come_in, nurse):
    come_in(client, nurse)
    Professional.objects.filter(pk=nurse.pk).update(active=False)
    assert client.get("/pro/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_signing_out_ends_here_then_at_the_issuer(client, provider, come_in, nurse):
    browser = provider.browser()
    come_in(client, nurse, browser)
    id_token = client.session["psc"]["id_token"]
    answer = client.post("/pro/sortie/")
    assert "_auth_user_id" not in client.session
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    onwards = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.content.decode())[1]
    onwards = onwards.replace("&amp;", "&")
    asked = question(onwards)
    assert onwards.startswith(f"{provider.issuer}/logout/?")
    assert (asked["id_token_hint"], asked["client_id"]) == (id_token, provider.client_id)
    assert asked["post_logout_redirect_uri"] == "http://127.0.0.1:8000/"
    out = browser.get(onwards, allow_redirects=False, timeout=10)
    assert out.headers["Location"] == "http://127.0.0.1:8000/"
    asked_again = browser.get(client.get("/pro/connexion/").headers["Location"], timeout=10)
    assert "password" in asked_again.text  # the issuer's session is over: it asks who is there


def test_signing_out_while_the_issuer_is_down_says_what_stays_open(client, come_in, nurse, settings):
    from access import psc

    come_in(client, nurse)
    psc.description.forget()
    settings.PSC_DISCOVERY = "http://127.0.0.1:9/"
    page = client.post("/pro/sortie/").content.decode()
    assert "votre session y reste ouverte" in page and "http-equiv" not in page
    assert "_auth_user_id" not in client.session


def test_signing_out_wants_a_form_of_ours(client, come_in, nurse):
    come_in(client, nurse)
    assert client.get("/pro/sortie/").status_code == 405
    strict = type(client)(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/pro/sortie/").status_code == 403
    assert strict.post("/pro/situation/", {"situation": 0}).status_code == 403
    assert client.get("/pro/").status_code == 200


def test_a_page_costs_three_queries_and_four_for_the_session(client, come_in, nurse, django_assert_num_queries):
    come_in(client, nurse)
    client.get("/pro/")
    with django_assert_num_queries(7):
        assert client.get("/pro/").status_code == 200
