"""Told afterwards (R1111-48): the holder by a notice, his treating doctor through /api/v1/alertes/urgences."""

import datetime as dt

import pytest

from access import emergencies_seen
from access.models import DossierGrant, EmergencyAccess
from access.words import polite
from audit.models import Trace
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
ALERTS = "/api/v1/alertes/urgences"


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def dossier(db):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def stranger():
    return make.ProfessionalFactory(family="FERRAND")


@pytest.fixture
def treating(dossier):
    doctor = make.ProfessionalFactory()
    make.treat(dossier, doctor)
    return doctor


def breaks(api, dossier, doctor):
    address = f"/api/v1/dossiers/{dossier.pk.hex}/urgences"
    return api(doctor).post(address, {"reason": "inconscience"}, format="json").data


def calls(api, dossier, regulator, claim="VRAI"):
    client = api(regulator, Acces_Regulation_Medicale=claim)
    address = f"/fhir/DocumentReference?status=current&patient={dossier.pk.hex}"
    return client.get(address, headers={"DMP-Purpose": "regulation"})


def test_the_treating_doctor_is_told_who_and_when(api, dossier, treating, stranger):
    breaks(api, dossier, stranger)
    (alert,) = api(treating).get(ALERTS).json()
    assert alert == {
        "kind": "break_glass",
        "dossier": dossier.pk.hex,
        "at": "2026-11-23T12:00:00Z",
        "until": "2026-11-23T16:00:00Z",
        "who": "Dr Paul Ferrand",
    }


def test_nobody_else_is_told_and_he_not_of_others(api, dossier, treating, stranger):
    breaks(api, make.DossierFactory(), stranger)
    assert api(treating).get(ALERTS).json() == []
    authorised = make.ProfessionalFactory()
    make.permit(dossier, authorised)
    breaks(api, dossier, stranger)
    assert api(authorised).get(ALERTS).json() == []


def test_no_longer_treating_he_is_told_nothing(api, dossier, treating, stranger):
    breaks(api, dossier, stranger)
    DossierGrant.rights.update(until=NOON)
    assert api(treating).get(ALERTS).json() == []


def test_of_the_centre_15_one_line_a_day(api, dossier, treating, stranger):
    assert calls(api, dossier, stranger).status_code == 200
    calls(api, dossier, stranger)
    (one,) = api(treating).get(ALERTS).json()
    who = polite(stranger.name)
    assert (one["kind"], one["dossier"], one["who"], one["until"]) == ("regulation", dossier.pk.hex, who, None)


def test_who_broke_the_glass_is_reminded_of_what_he_owes(api, dossier, stranger):
    opened = breaks(api, dossier, stranger)
    (alert,) = api(stranger).get(ALERTS).json()
    assert (alert["kind"], alert["until"]) == ("to_attest", "2026-11-24T12:00:00Z")
    address = f"/api/v1/dossiers/{dossier.pk.hex}/urgences/{opened['id']}/attestation"
    api(stranger).put(address, {"text": "Malaise sur la voie publique, sans papiers."}, format="json")
    assert api(stranger).get(ALERTS).json() == []


@pytest.mark.parametrize(("since", "status", "count"), [("2026-11-23T12:30:00Z", 200, 0), ("hier", 422, None)])
def test_since_when(api, dossier, treating, stranger, since, status, count):
    breaks(api, dossier, stranger)
    answer = api(treating).get(ALERTS, {"since": since})
    assert answer.status_code == status
    if count is not None:
        assert len(answer.json()) == count


@pytest.mark.parametrize(
    ("kind", "hours", "fields", "state", "attested"),
    [
        ("break_glass", 1, {}, "awaited", "Justification écrite attendue avant le 24/11/2026 à 12:00."),
        ("number", 1, {}, "not_needed", ""),
        ("number", 30, {}, "not_needed", ""),
    ],
)
def test_what_is_told_of_an_access(code_tables, dossier, stranger, kind, hours, fields, state, attested):
    since = NOON - dt.timedelta(hours=hours)
    until = since + dt.timedelta(hours=4)
    EmergencyAccess.objects.create(
        dossier=dossier, user=make.account(stranger), kind=kind, reason="x", since=since, until=until, **fields
    )
    (one,) = emergencies_seen.came(dossier.pk)
    assert (one.who, one.quality, one.since, one.until) == (polite(stranger.name), "médecin", since, until)
    assert (one.running, one.reason, one.state, one.attested, one.attestation) == (
        hours < 4,
        "x",
        state,
        attested,
        "",
    )


# -- the Centre 15 -------------------------------------------------------------------------------------------
def test_the_regulator_is_traced_each_time_and_the_holder_told_once_a_day(api, dossier, stranger, time_machine):
    for minutes in (0, 5, 60):
        time_machine.move_to(NOON + dt.timedelta(minutes=minutes), tick=False)
        answer = calls(api, dossier, stranger)
        assert (answer.status_code, answer.headers["DMP-Mode"]) == (200, "regulation")
        Notice.objects.update(sent_at=NOON)  # sent in between: that is no reason to tell again
    traces = Trace.objects.about(dossier.pk).filter(event="document_listed")
    assert [one.mode for one in traces] == ["regulation"] * 3
    assert Notice.objects.filter(kind="emergency").count() == 1
    time_machine.move_to(NOON + dt.timedelta(hours=12), tick=False)  # past midnight in Paris
    calls(api, dossier, stranger)
    assert Notice.objects.filter(kind="emergency").count() == 2


def test_the_claim_is_needed_and_the_holder_may_oppose(api, dossier, stranger):
    assert calls(api, dossier, stranger, claim="FAUX").status_code == 403
    dossier.allows_regulation = False
    dossier.save()
    assert calls(api, dossier, stranger).status_code == 403
    assert not Notice.objects.exists()


def test_the_regulator_breaks_no_glass_and_owes_nothing(api, dossier, stranger):
    calls(api, dossier, stranger)
    assert not EmergencyAccess.objects.exists()
    assert api(stranger).get(ALERTS).json() == []


def test_calls_of_the_centre_15_alone_are_told_as_such(api, dossier, treating, stranger):
    client = api(treating)
    assert client.get(f"/fhir/DocumentReference?status=current&patient={dossier.pk.hex}").status_code == 200
    assert emergencies_seen.called(dossier.pk) == []
    calls(api, dossier, stranger)
    (one,) = emergencies_seen.called(dossier.pk)
    assert one.who == polite(stranger.name)
