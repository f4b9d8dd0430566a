"""The whole way in a real browser: the site's own Content-Security-Policy lets it through, there and back."""

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from pytest_django.live_server_helper import LiveServer

from access.models import EndedSession

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="il faut le Chromium de la distribution"),
]


@pytest.fixture
def portal(settings, provider):
    """The portal under the name that the provider knows; any port of this machine will do (RFC 8252, 7.3)."""
    server = LiveServer("127.0.0.1")
    settings.PORTAL_URL = server.url
    yield server.url
    server.stop()


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 360, "height": 740})
        browser.close()


def test_in_through_the_issuer_choose_and_out_of_both(page, portal, provider, doctor):
    name = provider.knows(doctor)
    provider.people["_back_channel"] = portal + "/pro/fin-de-session/"
    provider.write()
    page.goto(portal + "/compte/login/")
    page.get_by_role("link", name="Avec Pro Santé Connect").click()
    page.fill("[name=username]", name)
    page.fill("[name=password]", name)
    page.get_by_role("button", name="Entrer").click()
    page.wait_for_url(portal + "/pro/")
    assert Axe().run(page).violations_count == 0
    page.get_by_label("Hôpital de la rade").check()
    page.get_by_role("button", name="Continuer").click()
    page.get_by_text("Vous agissez ici comme").wait_for()
    assert Axe().run(page).violations_count == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Me déconnecter, ici et de Pro Santé Connect").click()
    page.wait_for_url(portal + "/")
    page.get_by_role("link", name="Voir mon dossier").wait_for()
    del provider.people["_back_channel"]
    assert EndedSession.objects.count() == 1  # the issuer said it too
