"""POST /api/v1/dossiers/{id}/urgences: a reason, four hours, everybody concerned told, shown all along."""

import datetime as dt

import pytest

from access import grants
from access.facts import Act
from access.gate import enter, look
from access.models import EmergencyAccess
from audit.models import Trace
from audit.trail import Event
from fhir import ids
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
UNCONSCIOUS = {"reason": "inconscience", "words": "trouvé au sol, ne répond pas"}


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


def glass(dossier):
    return f"/api/v1/dossiers/{dossier.pk.hex}/urgences"


def search(client, dossier, **headers):
    return client.get(f"/fhir/DocumentReference?status=current&patient={dossier.pk.hex}", headers=headers)


def test_a_stranger_opens_with_a_reason_for_four_hours(api, dossier, doctor):
    client = api(doctor)
    document = make.DocumentFactory(dossier=dossier)
    assert search(client, dossier).status_code == 403
    answer = client.post(glass(dossier), UNCONSCIOUS, format="json")
    assert (answer.status_code, answer.data["kind"]) == (201, "break_glass")
    assert answer.data["since"] == NOON
    assert answer.data["until"] == NOON + dt.timedelta(hours=4)
    assert answer.data["attest_by"] == NOON + dt.timedelta(hours=24)
    found = search(client, dossier)
    assert (found.status_code, len(found.json()["entry"])) == (200, 1)
    assert ids.join(dossier.pk, document.pk) in found.content.decode()


def test_it_ends_by_itself(api, dossier, doctor, time_machine):
    api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    time_machine.move_to(NOON + dt.timedelta(hours=4), tick=False)
    answer = search(api(doctor), dossier)
    assert answer.status_code == 403
    assert "DMP-Mode" not in answer.headers


def test_every_answer_says_it_is_an_emergency_and_until_when(api, dossier, doctor):
    document = make.DocumentFactory(dossier=dossier)
    client = api(doctor)
    client.post(glass(dossier), UNCONSCIOUS, format="json")
    said = "urgence; jusqua=2026-11-23T16:00:00+00:00"
    both = ids.join(dossier.pk, document.pk)
    for path in (
        f"/fhir/DocumentReference?status=current&patient={dossier.pk.hex}",
        f"/fhir/DocumentReference/{both}",
        f"/fhir/Patient/{dossier.pk.hex}",
        f"/fhir/List?code=submissionset&patient={dossier.pk.hex}",
        f"/api/v1/dossiers/{dossier.pk.hex}/autorisation",
    ):
        assert client.get(path).headers.get("DMP-Mode") == said, path


def test_an_ordinary_access_says_nothing(api, dossier, doctor):
    make.permit(dossier, doctor)
    assert "DMP-Mode" not in search(api(doctor), dossier).headers


def test_another_dossier_of_the_same_doctor_is_not_in_emergency(api, dossier, doctor):
    other = make.DossierFactory()
    make.permit(other, doctor)
    api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    assert "DMP-Mode" not in search(api(doctor), other).headers


def test_what_is_kept_of_it(api, dossier, doctor):
    answer = api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    row = EmergencyAccess.objects.get()
    assert (row.pk.hex, row.user, row.reason) == (
        answer.data["id"],
        make.account(doctor),
        "Personne inconsciente : trouvé au sol, ne répond pas",
    )
    trace = Trace.objects.about(dossier.pk).get(event="glass_broken")
    assert (trace.ground, trace.mode, trace.reason) == ("break_glass", "break_glass", row.reason)
    assert (trace.actor_id, trace.allowed) == (doctor.idnat, True)
    assert Notice.objects.get().kind == "emergency"


def test_what_he_reads_is_traced_as_an_emergency(api, dossier, doctor):
    api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    search(api(doctor), dossier)
    trace = Trace.objects.about(dossier.pk).get(event="document_listed")
    assert (trace.ground, trace.mode) == ("break_glass", "break_glass")


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"reason": ""},
        {"reason": "curiosité"},
        {"words": "il dort"},
        {"reason": "autre"},
        {"reason": "autre", "words": " "},
    ],
    ids=str,
)
def test_never_without_a_reason(api, dossier, doctor, sent):
    assert api(doctor).post(glass(dossier), sent, format="json").status_code == 422
    assert not EmergencyAccess.objects.exists()
    assert not Notice.objects.exists()


def test_the_holder_who_opposed_is_obeyed(api, dossier, doctor):
    """R1111-48. The refusal is in the trail; nothing is opened, nobody is told of an opening."""
    dossier.allows_break_glass = False
    dossier.save()
    answer = api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    assert (answer.status_code, answer.json()["ground"]) == (403, "opposed")
    assert not EmergencyAccess.objects.exists()
    assert not Notice.objects.exists()
    assert Trace.objects.about(dossier.pk).get().allowed is False


def test_opposing_ends_what_runs(api, dossier, doctor):
    client = api(doctor)
    client.post(glass(dossier), UNCONSCIOUS, format="json")
    dossier.allows_break_glass = False
    dossier.save()
    answer = search(client, dossier)
    assert (answer.status_code, answer.headers.get("DMP-Mode")) == (403, None)


def test_a_blocked_professional_breaks_nothing(api, dossier, doctor):
    make.forbid(dossier, doctor)
    answer = api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    assert (answer.status_code, answer.json()["ground"]) == (403, "blocked")


def test_nor_anybody_a_closed_dossier(api, doctor):
    answer = api(doctor).post(glass(make.DossierFactory(closed=True)), UNCONSCIOUS, format="json")
    assert (answer.status_code, answer.json()["ground"]) == (403, "closed")


def test_the_regulator_consults_in_the_name_of_his_call_and_breaks_nothing(api, dossier, doctor):
    client = api(doctor, Acces_Regulation_Medicale="VRAI")
    answer = client.post(glass(dossier), UNCONSCIOUS, format="json", headers={"DMP-Purpose": "regulation"})
    assert (answer.status_code, answer.json()["ground"]) == (403, "reads_only")


def test_an_unknown_dossier_is_absent(api, dossier, doctor):
    assert api(doctor).post(f"/api/v1/dossiers/{'0' * 32}/urgences", UNCONSCIOUS, format="json").status_code == 404


def test_pressed_twice_it_is_one_access_and_one_notice(api, dossier, doctor):
    client = api(doctor)
    first = client.post(glass(dossier), UNCONSCIOUS, format="json")
    again = client.post(glass(dossier), UNCONSCIOUS, format="json")
    assert (first.status_code, again.status_code, again.data["id"]) == (201, 200, first.data["id"])
    assert (EmergencyAccess.objects.count(), Notice.objects.count()) == (1, 1)


@pytest.mark.parametrize(("profession", "status", "said"), [("10", 422, "médecin traitant"), ("99", 403, "matrice")])
def test_nothing_is_broken_where_nothing_is_gained(api, dossier, profession, status, said):
    doctor = make.ProfessionalFactory(profession=profession)
    if profession == "10":
        make.treat(dossier, doctor)
    answer = api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True)
    assert not EmergencyAccess.objects.exists()


@pytest.mark.parametrize("shows", [True, False])
def test_masked_documents_show_only_if_the_holder_said_so(api, dossier, doctor, shows):
    """D6."""
    make.DocumentFactory(dossier=dossier, masked=True)
    dossier.shows_masked_in_emergency = shows
    dossier.save()
    api(doctor).post(glass(dossier), UNCONSCIOUS, format="json")
    assert ("entry" in search(api(doctor), dossier).json()) is shows


def test_without_a_token_nothing(client, dossier):
    assert client.post(glass(dossier), UNCONSCIOUS).status_code == 401


def test_he_finds_his_own_accesses_again_and_nobody_elses(api, dossier, doctor):
    opened = api(doctor).post(glass(dossier), UNCONSCIOUS, format="json").data
    assert [one["id"] for one in api(doctor).get(glass(dossier)).json()] == [opened["id"]]
    assert api(make.ProfessionalFactory()).get(glass(dossier)).json() == []


@pytest.mark.parametrize("path", ["glass", "/api/v1/urgences/numero"])
def test_nothing_of_a_secret_session_becomes_an_emergency_that_is_told(api, doctor, path):
    """D11, D12: the parents are told of emergencies, and of nothing secret."""
    make.matrix()
    child = make.DossierFactory(minor=True)
    address = glass(child) if path == "glass" else path
    sent = UNCONSCIOUS | {"number": "ABCDEFGHJKLM"}
    answer = api(doctor).post(address, sent, format="json", headers={"DMP-Purpose": "secret"})
    assert answer.status_code == 422
    assert not Notice.objects.exists()


@pytest.mark.parametrize("act", [grants.block, grants.withdraw])
def test_a_block_or_a_withdrawal_ends_what_runs_and_unblocking_brings_nothing_back(api, dossier, doctor, act):
    assert api(doctor).post(glass(dossier), UNCONSCIOUS, format="json").status_code == 201
    for one in [act, grants.unblock] if act is grants.block else [act]:
        event = Event.PROFESSIONAL_BLOCKED
        with enter(make.holder(dossier), Act.AUTHORISE, event, dossier_id=dossier.pk, lock=True) as entry:
            one(entry, doctor)
    facts = look(make.caller(doctor), dossier_id=dossier.pk)[1]
    assert not facts.broke_glass


def test_what_is_answered_of_an_access_whole(api, dossier, doctor):
    client = api(doctor)
    opened = client.post(glass(dossier), UNCONSCIOUS, format="json").data
    row = EmergencyAccess.objects.get()
    whole = {
        "id": row.pk.hex,
        "kind": "break_glass",
        "dossier": dossier.pk.hex,
        "patient": f"Patient/{dossier.pk.hex}",
        "since": NOON,
        "until": NOON + dt.timedelta(hours=4),
        "attest_by": NOON + dt.timedelta(hours=24),
        "attested_at": None,
    }
    assert opened == whole
    again = client.post(glass(dossier), UNCONSCIOUS, format="json")
    assert (again.status_code, again.data) == (200, whole)
    assert client.get(glass(dossier)).data == [whole]
    address = f"{glass(dossier)}/{row.pk.hex}/attestation"
    for send in (client.put, client.post):
        answer = send(address, {"text": "Malaise sur la voie publique."}, format="json")
        assert (answer.status_code, answer.data) == (200, whole | {"attested_at": NOON})
    assert api(make.ProfessionalFactory()).get(glass(dossier)).data == []
