"""What is shown when something fails: words, on a page that needs neither session nor database."""

import re

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from access.models import User
from dmp import pages
from tests import factories as make


@pytest.mark.parametrize("name", ["400", "403", "404", "405", "500", "503"])
def test_an_error_page_needs_nothing(name, django_db_blocker):
    """Outside any database access: a query would raise."""
    page = render_to_string(f"{name}.html")
    assert "dmp.css" in page
    assert re.search(r"<h1>\w", page)


@pytest.mark.django_db
def test_a_page_that_is_absent_asks_the_database_nothing(client):
    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/nulle-part/")
    assert answer.status_code == 404
    assert "Page introuvable" in answer.content.decode()
    assert [one["sql"] for one in queries if "SELECT" in one["sql"]] == []


LOST = ["/fhir/Observation", "/fhir/Patient/", "/fhir/Patient/1/_history/secret?patient=secret", "/fhir/secret/"]
LOST_ACTS = ["/api", "/api/", "/api/v2/secret", "/api/v1/dossiers/secret?x=secret", "/api/v1/secret/"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", LOST + LOST_ACTS)
def test_an_address_that_no_interface_has_is_refused_in_its_own_form_to_everybody_alike(api, path):
    callers = [APIClient(), APIClient(headers={"Authorization": "Bearer secret"}), api(make.ProfessionalFactory())]
    holder = Client()
    holder.force_login(User.objects.create_user("a@example.org", kind=User.Kind.PERSON))
    told = [
        one.generic(method, path)
        for one in (*callers, holder)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    ]
    assert {(answer.status_code, answer["Content-Type"], answer.content) for answer in told} == {
        (404, told[0]["Content-Type"], told[0].content)
    }
    said = told[0].json()
    if path in LOST:
        assert told[0]["Content-Type"].startswith("application/fhir+json")
        assert (said["resourceType"], said["issue"][0]["code"]) == ("OperationOutcome", "not-found")
        assert "n'existe pas" in said["issue"][0]["details"]["text"]
    else:
        assert told[0]["Content-Type"].startswith("application/json")
        assert "n'existe pas" in said["detail"]
    assert "secret" not in told[0].content.decode()


@pytest.mark.django_db
def test_an_address_beside_the_interfaces_is_a_page(client):
    for path in ("/fhirs/", "/apis/", "/fhi/"):
        assert "Page introuvable" in client.get(path).content.decode()


@pytest.mark.django_db
def test_a_page_that_takes_no_visit_has_words(client):
    """Who signs in again after a quarter of an hour may come back to the address of a form."""
    client.force_login(User.objects.create_user("a@example.org", kind=User.Kind.PERSON))
    answer = client.get(reverse("invite_parent"))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Rien n'a été fait" in answer.content.decode().replace("&#x27;", "'")


@pytest.mark.django_db
def test_a_form_sent_after_the_session_ended_says_so_and_leads_back_to_its_page(client):
    page = "http://testserver" + reverse("carers")
    answer = client.post(reverse("invite_parent"), headers={"Referer": page}, follow=True)
    assert answer.redirect_chain == [(f"{reverse('account_login')}?next={reverse('carers')}", 302)]
    assert "Votre session avait pris fin" in answer.content.decode()
    here = f"{reverse('account_login')}?next={reverse('invite_parent')}"
    assert client.post(reverse("invite_parent"), headers={"Referer": "http://evil.test/page/"}).url == here
    assert client.post(reverse("invite_parent"), headers={"Referer": page}, secure=True).url == here  # from http
    assert client.get(reverse("carers"), headers={"Referer": page}).url.endswith(f"?next={reverse('carers')}")


@pytest.mark.parametrize(("error", "status"), [(OperationalError, 503), (DatabaseError, 500), (ValueError, 500)])
def test_what_mends_itself_is_503_the_rest_500(rf, error, status):
    try:
        raise error("secret")
    except error:
        answer = pages.failure(rf.get("/"))
    assert answer.status_code == status
    assert "secret" not in answer.content.decode()


@pytest.fixture
def without_redis(settings, code_tables):
    """Redis does not answer: nothing listens there."""
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "unix:///nulle/part.sock"}}


@pytest.mark.django_db
def test_without_redis_pages_still_read_and_signing_in_says_to_wait(without_redis):
    client = Client(raise_request_exception=False)
    assert client.get("/").status_code == 200
    User.objects.create_user("marie@example.org", "cheval correct agrafe pile")
    given = {"login": "marie@example.org", "password": "cheval correct agrafe pile"}
    answer = client.post(reverse("account_login"), given)
    assert answer.status_code == 503
    assert "Recommencez dans quelques minutes" in answer.content.decode()
