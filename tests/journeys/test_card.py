"""Journey J3, the emergency card: printed from the holder's page in a real browser, typed from it by a doctor."""

import pytest

from patients.models import Patient
from tests import browser
from tests import factories as make
from tests.journeys.test_counter import enter, words

pytestmark = browser.MARKS


@pytest.fixture
def jeanne(code_tables):
    dossier = make.DossierFactory()
    make.DocumentFactory(dossier=dossier, type_code="60591-5", title="Synthèse")
    make.DocumentFactory(dossier=dossier, type_code="11488-4")
    return dossier


def test_the_card_that_she_prints_opens_the_essential_to_a_doctor(page, live_server, jeanne, api):
    enter(page.context, live_server.url, make.holder_of(jeanne))
    page.goto(f"{live_server.url}/profil/urgences/")
    page.click("main form[action*=carte] button")
    page.wait_for_selector("text=Votre carte est prête")
    assert browser.faults(page) == []
    shown = page.inner_text("main code")
    with page.expect_download() as got:
        page.click("text=Télécharger la carte à imprimer")
    card = words(got.value.path())
    patient = Patient.objects.get(dossier=jeanne)
    assert card.count(shown) == 2  # to cut out, and alone for a printer of cards
    assert patient.birth_family.title() in card.title() and patient.ins.matricule not in card.replace(" ", "")
    assert "Synthèse" not in card

    doctor = api(make.ProfessionalFactory())
    opened = doctor.post("/api/v1/urgences/numero", {"number": shown}, format="json").json()
    found = doctor.get(f"/fhir/DocumentReference?status=current&patient={opened['dossier']}").json()
    assert len(found["entry"]) == 1  # without the report
