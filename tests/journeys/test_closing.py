"""J3's end: a dossier closed, reactivated, closed again and destroyed early; or by post. All in a real browser."""

import datetime as dt
import os
import re

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import call_command

from access import demo_people
from archival import carry_out, destruction
from archival.models import Certificate
from patients import tasks
from patients.models import Dossier
from patients.models_requests import Request
from tests import browser
from tests import factories as make
from tests.journeys.test_counter import back_office, desk, portal  # noqa: F401 (fixtures)
from tests.journeys.test_counter_requests import opened  # noqa: F401 (a fixture)

pytestmark = browser.MARKS
PASSWORD = demo_people.PASSWORD


@pytest.fixture
def marie(code_tables):
    dossier = make.DossierFactory()
    account = make.holder_of(dossier)
    account.set_password(PASSWORD)
    account.save()
    make.DocumentFactory(dossier=dossier, type_code="EXPPAT_3", title="Mes directives")
    make.permit(dossier, make.ProfessionalFactory())
    return dossier


@pytest.fixture
def hers(page, live_server, holder_client, marie):
    value = holder_client(marie).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
    page.goto(f"{live_server.url}/")
    return page


def looked(page):
    assert browser.faults(page) == [], page.url
    if folder := os.environ.get("DMP_SCREENSHOTS"):
        name = re.sub(r"\W+", "-", page.url.partition("//")[2].partition("/")[2]) or "accueil"
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def prove_and(page, button):
    """The password when it is asked anew, the code of the last mail, the box, the button."""
    if page.locator("[name=password]").count():
        page.fill("[name=password]", PASSWORD)
        page.click("main button.btn-primary, main form button")
    page.wait_for_selector("[name=agreed]")
    looked(page)
    page.fill("[name=code]", re.search(r"[A-Z0-9]{5} [A-Z0-9]{5}", mail.outbox[-1].body)[0])
    page.check("[name=agreed]")
    page.click(f"main button:has-text('{button}')")


def state(dossier):
    return Dossier.objects.values_list("state", flat=True).filter(pk=dossier.pk).first()


def test_closed_reactivated_closed_again_and_destroyed(hers, live_server, marie):
    page, base = hers, live_server.url
    page.goto(f"{base}/profil/")
    page.click("text=Fermer le dossier")
    prove_and(page, "Fermer le dossier")
    page.wait_for_selector("text=Ce dossier est fermé")
    looked(page)
    assert state(marie) == "closed"
    page.goto(f"{base}/documents/")
    assert "Ce dossier est fermé" in page.inner_text("main")

    page.goto(f"{base}/")
    page.click("text=Le réactiver")
    prove_and(page, "Réactiver le dossier")
    page.wait_for_url("**/autorisations/")
    assert state(marie) == "open"
    page.goto(f"{base}/documents/")
    assert "Mes directives" in page.inner_text("main")

    page.goto(f"{base}/profil/dossier/fermeture/")
    assert "Vos directives anticipées ne seront plus trouvées" in page.inner_text("main")
    prove_and(page, "Fermer le dossier")
    page.wait_for_selector("text=Le faire détruire sans attendre")
    page.click("text=Le faire détruire sans attendre")
    prove_and(page, "Demander la suppression définitive")
    page.wait_for_url("**/profil/demandes/**")
    looked(page)
    page.goto(f"{base}/")
    assert "Sa suppression définitive est demandée" in page.inner_text("main")
    looked(page)


def test_the_old_lady_s_letter_ends_in_a_certificate(desk, opened, portal, code_tables, time_machine, monkeypatch):  # noqa: F811
    """Jeanne writes by post; Karim records and accepts; a month passes; nothing is left but a certificate."""
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    jeanne = opened(dt.date(1945, 12, 3))
    make.holder_of(jeanne)
    make.DocumentFactory(dossier=jeanne, title="Mes directives")
    desk.record_letter("destruction")
    row = Request.objects.get(dossier=jeanne)
    desk.move("prendre")
    desk.move("accepter", "Votre dossier sera détruit.")
    kept = desk.print_letter("Réponse")  # she has no e-mail
    assert state(jeanne) == "closed" and desk.troubles == []
    row.refresh_from_db()
    time_machine.move_to(row.not_before.replace(microsecond=0), tick=False)
    time_machine.shift(3600)
    with portal():
        assert carry_out.carry_out() == (1, 0)
        call_command("purge", apply=True, verbosity=0)
        assert tasks.send_notices() > 0
        call_command("purge", apply=True, verbosity=0)
    assert state(jeanne) is None
    assert not Request.objects.filter(dossier_id=jeanne.pk).exists()
    certificate = Certificate.objects.get()
    assert '"ground":"asked"' in certificate.statement
    assert certificate.reference in kept.replace(" ", "")
