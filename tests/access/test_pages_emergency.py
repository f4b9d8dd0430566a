"""Profil › « En cas d'urgence »: the switches, the card and its number, who came and whether they said why."""

import datetime as dt
import html
import io
import re

import pikepdf
import pytest
from django.urls import reverse

from access import emergencies
from access.models import EmergencyAccess, EmergencyNumber
from audit.models import Trace
from patients.models import Dossier, Patient
from tests import factories as make

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def browser(holder_client, dossier):
    return holder_client(dossier)


def shown(client):
    """The page as one reads it: without markup."""
    page = client.get(reverse("profile_emergency")).content.decode().split("<main", 1)[1]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


def new_card(client):
    page = client.post(reverse("emergency_card")).content.decode()
    return re.search(r'name="number" value="([A-Z0-9]{12})"', page)[1]


def came(dossier, hours, **fields):
    doctor = make.ProfessionalFactory(family="FERRAND", given="Nadia")
    values = {"kind": "break_glass", "reason": "Personne inconsciente", "since": NOON - hours * HOUR}
    values["until"] = values["since"] + 4 * HOUR
    return EmergencyAccess.objects.create(dossier=dossier, user=make.account(doctor), **values | fields)


def test_who_why_when_and_until_when(browser, dossier):
    came(dossier, 1)
    page = shown(browser)
    assert "En cours Dr Nadia Ferrand (médecin), bris de glace" in page
    assert "Du 23 novembre 2026 à 12:00 au 23 novembre 2026 à 16:00 au plus tard." in page
    assert "Raison donnée : « Personne inconsciente »" in page
    assert "Justification écrite attendue avant le 24/11/2026 à 12:00." in page


@pytest.mark.parametrize(
    ("hours", "fields", "said"),
    [
        (30, {}, "Justification écrite non reçue : elle était attendue avant le 23/11/2026 à 07:00."),
        (80, {"escalated_at": NOON}, "L'exploitant du service en a été averti le 23/11/2026 à 13:00."),
        (30, {"attested_at": NOON - 20 * HOUR, "attestation": "Coma."}, "Justifié par écrit le 22/11/2026 à 17:00."),
        (30, {"attested_at": NOON, "attestation": "Coma."}, "le 23/11/2026 à 13:00, après le délai de 24 heures."),
    ],
)
def test_what_became_of_the_attestation(browser, dossier, hours, fields, said):
    came(dossier, hours, **fields)
    page = shown(browser)
    assert said in page
    assert ("1 accès en urgence sans justification écrite." in page) is ("attestation" not in fields)
    assert ("« Coma. »" in page) is ("attestation" in fields)


def test_those_that_nobody_justified_in_time_come_first_then_the_latest(browser, dossier):
    came(dossier, 1, reason="A")
    came(dossier, 30, reason="B")
    came(dossier, 50, reason="C")
    came(dossier, 70, reason="D", attested_at=NOON - 60 * HOUR, attestation="Coma.")
    assert re.findall("Raison donnée : « (.) »", shown(browser)) == ["B", "C", "A", "D"]


def test_nobody_came(browser):
    assert "Personne n'a ouvert votre dossier en urgence." in shown(browser)


def test_those_of_another_dossier_are_not_shown(browser, dossier):
    came(make.DossierFactory(), 1)
    assert "Ferrand" not in shown(browser)


def test_the_centre_15_one_line_a_day(browser, dossier, api):
    regulator = make.ProfessionalFactory(family="COLIN", given="Luc")
    client = api(regulator, Acces_Regulation_Medicale="VRAI")
    for _ in range(2):
        address = f"/fhir/DocumentReference?status=current&patient={dossier.pk.hex}"
        assert client.get(address, headers={"DMP-Purpose": "regulation"}).status_code == 200
    assert shown(browser).count("Luc Colin") == 1


def test_the_card_shows_its_number_once(browser, dossier):
    number = new_card(browser)
    assert bytes(Dossier.objects.get(pk=dossier.pk).emergency_lookup) == emergencies.lookup_of(number)
    page = browser.get(reverse("profile_emergency")).content.decode()
    assert number not in page
    assert "Vous avez une carte" in page
    assert Trace.objects.about(dossier.pk).filter(event="number_made").count() == 1


def test_the_card_as_a_pdf_of_both_sizes_without_health_nor_number_of_the_insured(browser, dossier):
    number = new_card(browser)
    answer = browser.post(reverse("emergency_card_pdf"), {"number": number})
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/pdf", "no-store")
    with pikepdf.open(io.BytesIO(answer.content)) as card:
        sizes = [[round(float(side) / 72 * 25.4, 1) for side in page.MediaBox][2:] for page in card.pages]
    assert sizes == [[210.0, 297.0], [85.6, 54.0]]
    assert Patient.objects.get(dossier=dossier).ins.matricule.encode() not in answer.content


def test_a_long_name_stays_on_the_card(browser, dossier):
    names = {"given_names": "Marie-Christine", "used_family": "DE LA ROCHEFOUCAULD-MONTMORENCY DU BELLAY"}
    Patient.objects.filter(dossier=dossier).update(**names)
    answer = browser.post(reverse("emergency_card_pdf"), {"number": new_card(browser)})
    with pikepdf.open(io.BytesIO(answer.content)) as card:
        assert len(card.pages) == 2


@pytest.mark.parametrize("sent", [{}, {"number": ""}, {"number": "ABCDEFGHJKLM"}], ids=str)
def test_no_card_of_another_number(browser, sent):
    new_card(browser)
    answer = browser.post(reverse("emergency_card_pdf"), sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("profile_emergency"))


def test_a_withdrawn_card(browser, dossier):
    new_card(browser)
    browser.post(reverse("emergency_card_withdraw"))
    assert "Vous n'avez pas de carte." in shown(browser)
    assert not EmergencyNumber.objects.exists()
    browser.post(reverse("emergency_card_withdraw"))  # again: nothing to do, no error


def test_a_closed_dossier_gets_no_card(holder_client, code_tables):
    client = holder_client(make.DossierFactory(closed=True))
    client.post(reverse("emergency_card"))
    assert not EmergencyNumber.objects.exists()
    assert "il n'a pas de carte" in shown(client)


def test_the_query_count_of_the_page(browser, dossier, django_assert_max_num_queries):
    for hours in range(3):
        came(dossier, hours)
    browser.get(reverse("profile_emergency"))
    # session (2), account (1), gate (savepoint, facts, release), trace, accesses, card, regulation, session written
    with django_assert_max_num_queries(14):
        browser.get(reverse("profile_emergency"))
