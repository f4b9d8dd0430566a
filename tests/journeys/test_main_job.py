"""The main job, end to end: the demonstration's own journey over HTTP, then the same dossier in a real browser."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from django.core.management import call_command
from playwright.sync_api import sync_playwright

from access import demo_issuer, demo_people
from access.models import Professional
from audit import trail
from audit.models import Trace
from documents.demo.journey import Journey
from documents.models import Document

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

PAGES = [
    "/",
    "/documents/",
    "/autorisations/",
    "/activite/",
    "/profil/",
    "/profil/urgences/",
    "/documents/ajouter/",
    "/aide/",
]
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module", autouse=True)
def _browser_and_database_share_a_thread():
    """Playwright's synchronous interface runs a loop in this thread; the ORM is used beside it on purpose."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def token(rpps):
    return demo_issuer.token(demo_issuer.claims_of(Professional.objects.get(idnat=f"8{rpps}")))


def mailed_code(email):
    found = [
        re.search(r"^\s*([0-9A-Z]{3,4}-?[0-9A-Z]{3,4})\s*$", one.body, re.M) for one in mail.outbox if email in one.to
    ]
    return found[-1][1] if found and found[-1] else None


def test_main_job(live_server):
    call_command("demo_load", verbosity=0)
    said = []
    journey = Journey(live_server.url, token, mailed_code, said.append)
    journey.run()
    journey.run()  # again: nothing twice
    antoine = demo_people.dossier_of(demo_people.ANTOINE)
    documents = Document.objects.filter(dossier=antoine)
    assert (documents.count(), documents.filter(masked=True).count()) == (9, 1)
    traces = list(Trace.objects.about(antoine.pk).order_by("seq"))
    assert [one.seq for one in traces] == list(range(1, len(traces) + 1))
    assert trail.broken(traces) == []
    events = {one.event for one in traces}
    assert {"document_deposited", "document_listed", "document_read", "document_masked", "access_granted"} <= events
    assert any(not one.allowed for one in traces)
    everything = " ".join(said) + str([vars(one) for one in traces])
    assert demo_people.ANTOINE.number not in everything
    if CHROMIUM.exists():
        look_around(live_server.url)


def look_around(base):
    """Sign in by hand, walk through the pages on a screen and on a telephone: axe finds nothing, no error."""
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_context(locale="fr-FR").new_page()
        troubles = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"{base}/compte/login/")
        page.fill("[name=login]", demo_people.ANTOINE.email)
        page.fill("[name=password]", demo_people.PASSWORD)
        page.click("main form button[type=submit], main form button:not([type])")
        page.wait_for_selector("[name=code]")
        page.fill("[name=code]", mailed_code(demo_people.ANTOINE.email))
        page.click("main form button[type=submit], main form button:not([type])")
        page.wait_for_selector("nav .tabs")
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            for path in PAGES:
                assert page.goto(base + path).status == 200, path
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, "too wide")
                found = Axe().run(page).response["violations"]
                assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path
        page.goto(f"{base}/documents/")
        assert "Masqué aux professionnels" in page.inner_text("main")
        assert troubles == []
        browser.close()
