"""Journey J3, what comes after the opening: a parent recorded, a letter of the post from its scan to the closing.

Karim does it on his pages, in a real browser, as the back office's database role.
"""

import datetime as dt

import pytest
from django.urls import clear_url_caches
from django.utils import timezone

from access.models import Representation
from archival import carry_out
from documents import papers
from patients import dossiers
from patients.models_requests import Request, RequestPaper
from tests import browser
from tests import factories as make
from tests.access.test_counter import agent  # noqa: F401 (a fixture)
from tests.journeys.test_counter import back_office, desk, signed_form  # noqa: F401 (fixtures)

pytestmark = browser.MARKS


@pytest.fixture
def opened(desk, agent):  # noqa: F811
    """A dossier of somebody of this age, and she on the screen."""

    def make_one(birth_date):
        person = make.InsuredFactory(birth_date=birth_date, email="")
        agreement = dossiers.Agreement("holder", "F-12", "counter")
        dossier = dossiers.open_for(person, agreement=agreement, by=agent.actor())
        desk.page.goto(f"{desk.base}/guichet/")
        desk.type("number", person.ins.matricule)
        desk.click("button:has-text('Chercher')")
        return dossier

    yield make_one
    clear_url_caches()


def test_a_parent_is_recorded_on_the_papers_seen(desk, opened):  # noqa: F811
    dossier = opened(dt.date(2018, 5, 4))
    page = desk.page
    assert "À faire : Parent ou tuteur enregistré" in page.inner_text("main")
    page.click("main ol >> text=Représentants")
    desk.look("20-representatives")
    desk.choose("role", "parent")
    for name, text in {"given": "Nora", "family": "Lefèvre", "email": "nora@example.org", "number": "n° 12"}.items():
        desk.type(name, text)
    desk.choose("paper", "Livret de famille")
    desk.tick("checked")
    desk.click("button:has-text('Enregistrer')")
    row = Representation.objects.get(dossier=dossier)
    assert (row.role, row.user.email, row.evidence) == ("parent", "nora@example.org", "Livret de famille, n° 12")
    assert "Fait : Parent ou tuteur enregistré" in page.inner_text("main")
    assert desk.troubles == []


def test_a_letter_of_the_post_ends_in_a_closed_dossier_with_its_days_left(desk, opened):  # noqa: F811
    dossier = opened(dt.date(1950, 1, 2))
    page, today = desk.page, timezone.localdate()
    desk.click("text=Enregistrer une demande")
    desk.look("21-request")
    desk.choose("channel", "post")
    desk.type("arrived", f"{today:%d/%m/%Y}")
    desk.choose("kind", "closure")
    desk.choose("identity", "copie d'une pièce d'identité, jointe au courrier")
    page.set_input_files("[name=scan]", signed_form() | {"name": "lettre.png"})
    desk.click("button:has-text('Enregistrer la demande')")
    row = Request.objects.get(dossier=dossier)
    assert "chiffré (il ne se relit pas ici)" in page.inner_text("main")
    assert signed_form()["buffer"] not in bytes(RequestPaper.objects.get(dossier=dossier).sealed)
    assert papers.reseal() == 1
    receipt = page.request.get(desk.base + page.get_attribute("text=Accusé de réception (PDF)", "href"))
    assert receipt.body().startswith(b"%PDF")

    page.goto(f"{desk.base}/guichet/demandes/")
    desk.look("22-requests")
    page.fill("[name=number]", row.on_paper)
    desk.click("button:has-text('Retrouver')")
    desk.look("23-one")
    desk.choose("act", "prendre")
    desk.click("button:has-text('Enregistrer')")
    desk.choose("act", "accepter")
    desk.type("words", "Votre dossier sera fermé.")
    desk.click("button:has-text('Enregistrer')")
    assert "Par le service lui-même" in page.inner_text("main")
    assert page.locator("[name=act] option[value=faite]").count() == 0
    assert carry_out.carry_out() == (1, 0)
    page.reload()
    assert "faite, par le service" in page.inner_text("main")

    page.goto(f"{desk.base}/guichet/personne/")
    desk.look("24-closed")
    leap = (today.month, today.day) == (2, 29)
    last = dt.date(today.year + 10, 3, 1) if leap else today.replace(year=today.year + 10)
    assert f"dans {(last - today).days} jours" in page.inner_text("main")
    assert desk.troubles == []
