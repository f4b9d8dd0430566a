"""PUT …/urgences/{access}/attestation: why, in writing, within a day, by the one who broke the glass."""

import datetime as dt

import pytest

from access.models import EmergencyAccess
from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
TEXT = {"text": "Arrêt cardiaque sur la voie publique, recherche des traitements en cours."}


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def dossier(db):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory()


@pytest.fixture
def broken(api, dossier, doctor):
    answer = api(doctor).post(
        f"/api/v1/dossiers/{dossier.pk.hex}/urgences", {"reason": "inconscience"}, format="json"
    )
    return EmergencyAccess.objects.get(pk=answer.data["id"])


def url(row):
    return f"/api/v1/dossiers/{row.dossier_id.hex}/urgences/{row.pk.hex}/attestation"


@pytest.mark.parametrize("method", ["put", "post"])
def test_he_attests_within_a_day(api, doctor, broken, method, time_machine):
    time_machine.move_to(NOON + dt.timedelta(hours=24), tick=False)
    answer = getattr(api(doctor), method)(url(broken), TEXT, format="json")
    assert (answer.status_code, answer.data["attested_at"]) == (200, NOON + dt.timedelta(hours=24))
    broken.refresh_from_db()
    assert broken.attestation == TEXT["text"]
    trace = Trace.objects.about(broken.dossier_id).get(event="glass_attested")
    assert (trace.actor_id, trace.reason, trace.detail["late"]) == (doctor.idnat, TEXT["text"], False)
    assert (trace.ground, trace.mode) == ("break_glass", "normal")  # why he could, and no reading


def test_late_is_taken_and_said_to_be_late(api, doctor, broken, time_machine):
    time_machine.move_to(NOON + dt.timedelta(hours=24, seconds=1), tick=False)
    assert api(doctor).put(url(broken), TEXT, format="json").status_code == 200
    assert Trace.objects.about(broken.dossier_id).get(event="glass_attested").detail["late"] is True


@pytest.mark.parametrize("state", ["blocked", "closed"])
def test_the_duty_outlives_a_block_and_a_closing(api, dossier, doctor, broken, state):
    if state == "blocked":
        make.forbid(dossier, doctor)
    else:
        dossier.state, dossier.closed_at = "closed", NOON
        dossier.save()
    assert api(doctor).put(url(broken), TEXT, format="json").status_code == 200


def test_nobody_attests_for_another(api, broken):
    assert api(make.ProfessionalFactory()).put(url(broken), TEXT, format="json").status_code == 404
    broken.refresh_from_db()
    assert broken.attested_at is None


def test_it_is_written_once(api, doctor, broken):
    client = api(doctor)
    for text, status in ((TEXT, 200), (TEXT, 200), ({"text": "Autre chose, dite après coup, plus longue."}, 422)):
        assert client.put(url(broken), text, format="json").status_code == status
    broken.refresh_from_db()
    assert broken.attestation == TEXT["text"]


@pytest.mark.parametrize("sent", [{}, {"text": "urgence"}, {"text": "x" * 2001}], ids=["none", "short", "long"])
def test_a_word_is_no_attestation(api, doctor, broken, sent):
    assert api(doctor).put(url(broken), sent, format="json").status_code == 422


def test_another_dossier_does_not_have_it(api, doctor, broken):
    other = make.DossierFactory()
    address = url(broken).replace(broken.dossier_id.hex, other.pk.hex)
    assert api(doctor).put(address, TEXT, format="json").status_code == 404


def test_an_access_by_the_card_needs_none(api, dossier, doctor):
    row = EmergencyAccess.objects.create(
        dossier=dossier, user=make.account(doctor), kind="number", until=NOON + dt.timedelta(hours=4)
    )
    assert api(doctor).put(url(row), TEXT, format="json").status_code == 404
