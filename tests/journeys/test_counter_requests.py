"""Journey J3, what comes after the opening: a parent recorded, a letter of the post from its scan to the closing.

Karim does it on his pages, in a real browser, as the back office's database role.
"""

import datetime as dt
import json
from types import SimpleNamespace

import pytest
from django.urls import clear_url_caches
from django.utils import timezone

from access.models import Representation
from archival import carry_out
from documents import papers
from patients import dossiers
from patients.models_requests import Request, RequestPaper
from tests import browser, messages
from tests import factories as make
from tests.journeys.test_counter import back_office, desk, enter, portal, signed_form  # noqa: F401 (fixtures)

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
    assert page.locator("text=Enregistrer une demande").count() == 1
    desk.record_letter("closure")
    row = Request.objects.get(dossier=dossier)
    assert "chiffré (il ne se relit pas ici)" in page.inner_text("main")
    assert signed_form()["buffer"] not in bytes(RequestPaper.objects.get(dossier=dossier).sealed)
    assert papers.reseal() == 1
    assert row.on_paper in desk.print_letter("Accusé de réception")

    page.goto(f"{desk.base}/guichet/demandes/")
    desk.look("22-requests")
    page.fill("[name=number]", row.on_paper)
    desk.click("button:has-text('Retrouver')")
    desk.move("prendre")
    desk.move("accepter", "Votre dossier sera fermé.")
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


def allergy(words, dossier, **more):
    """A note about an allergy, as a professional's software sends it."""
    sent = messages.simplified(messages.subject(dossier), messages.pdf(words), **more)
    sent["content"][0]["attachment"]["title"] = words
    return json.dumps(sent)


@pytest.fixture
def morel(api):
    """Dr Morel's software."""
    signed_in = api(make.ProfessionalFactory())

    def deposit(words, dossier, **more):
        body = allergy(words, dossier, **more)
        answer = signed_in.post("/fhir/DocumentReference", body, content_type="application/fhir+json")
        assert answer.status_code == 201, answer.content
        return f"DocumentReference/{answer.json()['id']}"

    def asked_of(document, dossier):
        found = signed_in.get(f"/api/v1/dossiers/{dossier.pk.hex}/depots").json()["deposits"]
        return next(one["requests"] for one in found if one["document"] == document)

    return SimpleNamespace(deposit=deposit, asked_of=asked_of)


def test_a_letter_about_a_wrong_allergy_is_answered_by_its_author(code_tables, desk, opened, portal, morel):  # noqa: F811
    """Her son reads her the reference; the agent types it; the author corrects; nobody at the counter saw of what."""
    dossier = opened(dt.date(1945, 12, 3))
    son = make.holder_of(dossier, "carer")
    Representation.objects.filter(dossier=dossier, user=son).update(rights=["read"])
    with portal():
        wrong = morel.deposit("Canaricilline : allergie", dossier)
        his = desk.page.context.browser.new_context(locale="fr-FR").new_page()
        enter(his.context, desk.base, son)
        his.goto(f"{desk.base}/documents/")
        his.click("text=Canaricilline : allergie")
        reference = his.inner_text("dt:has-text('Référence') + dd")

    said = {"said": "Le document du 12 juin 2026 du Dr Morel, voir le courrier."}
    desk.record_letter("rectification", reference=reference[::-1], **said)
    assert "relisez-la" in desk.page.inner_text("main")
    desk.record_letter("rectification", reference=reference.lower(), **said)
    row = Request.objects.get(dossier=dossier)
    assert row.on_paper in desk.print_letter("Accusé de réception")
    desk.move("prendre")

    with portal():
        asked = {"number": row.on_paper, "kind": "rectification", "due_on": str(row.due_on), **said}
        assert morel.asked_of(wrong, dossier) == [asked]
        replaces = [{"code": "replaces", "target": {"reference": wrong}}]
        right = morel.deposit("Canaricilline : tolérée", dossier, relatesTo=replaces)
    desk.move("accepter", "Le docteur Morel a corrigé son document.")
    desk.move("faite")
    assert "Le docteur Morel a corrigé son document." in desk.print_letter("Réponse")

    with portal():
        assert (morel.asked_of(wrong, dossier), morel.asked_of(right, dossier)) == ([], [])
        his.goto(f"{desk.base}/documents/")
        his.click("text=Canaricilline : tolérée")
        his.click("dt:has-text('Version précédente') + dd a")
        his.wait_for_selector("text=Ce document a été remplacé par une version plus récente")
        assert his.locator(".alert-warning a:has-text('Canaricilline : tolérée')").count() == 1
    assert row.history.filter(dossier_id=dossier.pk, state="done").exists()
    assert len(desk.seen) == 7 and not any("anaricilline" in one for one in desk.seen)
    assert desk.troubles == []
