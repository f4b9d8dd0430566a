"""J3's end: a dossier closed, reactivated, closed again and destroyed early, in a real browser and by post."""

import os
import re

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import call_command

from access import demo_people
from archival import carry_out, destruction
from archival.models import Certificate
from audit.trail import Actor, ActorKind
from patients import requests, tasks
from patients.models import Channel, Dossier
from patients.models_requests import Kind, Request
from tests import browser
from tests import factories as make

pytestmark = browser.MARKS
PASSWORD = demo_people.PASSWORD
KARIM = Actor(ActorKind.COUNTER, "karim", "Karim Benali")


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


def test_the_old_lady_s_letter_ends_in_a_certificate(marie, time_machine, monkeypatch):
    """Jeanne writes by post; Karim records and accepts; a month passes; nothing is left but a certificate."""
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    Dossier.objects.filter(pk=marie.pk).update(state="closed", closed_at=marie.opened_at, closure="DEMANDE_TITULAIRE")
    asked = requests.Asked(
        kind=Kind.DESTRUCTION, channel=Channel.POST, requester="Jeanne AUBERT", identity="lettre signée"
    )
    row = requests.ask(marie.pk, asked, by=KARIM)
    requests.take(marie.pk, row.pk, by=KARIM)
    requests.accept(marie.pk, row.pk, "Votre dossier sera détruit.", by=KARIM)
    time_machine.move_to(row.not_before.replace(microsecond=0), tick=False)
    time_machine.shift(3600)
    assert carry_out.carry_out() == (1, 0)
    call_command("purge", apply=True, verbosity=0)
    tasks.send_notices()
    assert mail.outbox[-1].subject == "Votre dossier médical partagé est détruit"
    call_command("purge", apply=True, verbosity=0)
    assert state(marie) is None
    assert not Request.objects.filter(dossier_id=marie.pk).exists()
    certificate = Certificate.objects.get()
    assert '"ground":"asked"' in certificate.statement
    assert certificate.reference in mail.outbox[-1].body.replace(" ", "")
