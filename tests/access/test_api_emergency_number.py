"""POST /api/v1/urgences/numero: the number on the card, and nothing else, opens the vital documents."""

import datetime as dt

import pytest

from access import emergencies, gate
from access.facts import Act
from access.models import EmergencyAccess, EmergencyNumber
from audit.models import Trace
from audit.trail import Event
from fhir import ids
from patients.models import Dossier, Notice
from tests import factories as make

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
ADDRESS = "/api/v1/urgences/numero"
SYNTHESIS, REPORT = "60591-5", "11488-4"


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory()


def card(dossier):
    with gate.enter(make.holder(dossier), Act.MANAGE, Event.NUMBER_MADE, dossier_id=dossier.pk, lock=True) as entry:
        return emergencies.make_number(entry)


def typed(client, number):
    return client.post(ADDRESS, {"number": number}, format="json")


def listed(client, dossier):
    return client.get(f"/fhir/DocumentReference?status=current&patient={dossier.pk.hex}")


def test_the_number_alone_opens_the_vital_documents(api, dossier, doctor):
    vital = make.DocumentFactory(dossier=dossier, type_code=SYNTHESIS)
    make.DocumentFactory(dossier=dossier, type_code=REPORT)
    client = api(doctor)
    answer = typed(client, card(dossier))
    assert (answer.status_code, answer.data["dossier"], answer.data["kind"]) == (201, dossier.pk.hex, "number")
    assert (answer.data["until"], answer.data["attest_by"]) == (NOON + dt.timedelta(hours=4), None)
    found = listed(client, dossier)
    (only,) = found.json()["entry"]
    assert only["fullUrl"].endswith(ids.join(dossier.pk, vital.pk))
    assert found.headers["DMP-Mode"] == "numero-urgence; jusqua=2026-11-23T16:00:00+00:00"


def test_typed_as_people_type(api, dossier, doctor):
    number = card(dossier)
    assert len(number) == 12
    assert typed(api(doctor), f" {number[:4].lower()}-{number[4:8]} {number[8:]} ").status_code == 201


def test_only_a_keyed_digest_is_kept(dossier):
    number = card(dossier)
    row = EmergencyNumber.objects.get()
    kept = Dossier.objects.get(pk=dossier.pk)
    assert bytes(row.lookup) == bytes(kept.emergency_lookup) == emergencies.lookup_of(number)
    everything = f"{vars(row)} {vars(kept)} {[vars(one) for one in Trace.objects.all()]}"
    assert number not in everything


def test_a_new_card_is_the_only_one_and_ends_what_the_old_one_opened(api, dossier, doctor):
    client = api(doctor)
    old = card(dossier)
    typed(client, old)
    new = card(dossier)
    assert listed(client, dossier).status_code == 403
    assert (typed(client, old).status_code, typed(client, new).status_code) == (404, 201)
    assert EmergencyNumber.objects.count() == 1


def test_a_withdrawn_card_is_worth_nothing(api, dossier, doctor):
    number = card(dossier)
    with gate.enter(
        make.holder(dossier), Act.MANAGE, Event.EMERGENCY_CHANGED, dossier_id=dossier.pk, lock=True
    ) as door:
        assert emergencies.withdraw_number(door)
    assert typed(api(doctor), number).status_code == 404
    assert not EmergencyNumber.objects.exists()


def test_the_same_answer_whatever_is_wrong(api, dossier, doctor):
    """Wrong, of a closed dossier, of somebody who blocked him, of documents he may not read."""
    blocking, closed = make.DossierFactory(), make.DossierFactory()
    numbers = [card(blocking), card(closed), "ABCDEFGHJKLM", "zzz"]
    make.forbid(blocking, doctor)
    closed = Dossier.objects.get(pk=closed.pk)
    closed.state, closed.closed_at = "closed", NOON
    closed.save()
    answers = [typed(api(doctor), number) for number in numbers]
    unknown = make.ProfessionalFactory(profession="99")
    answers.append(typed(api(unknown), card(dossier)))
    told = {(one.status_code, one.content, tuple(sorted(set(one.headers) - {"X-Request-Id"}))) for one in answers}
    assert len(told) == 1
    assert answers[0].status_code == 404
    assert not EmergencyAccess.objects.exists()


def test_the_holder_reads_the_true_ground(api, dossier, doctor):
    number = card(dossier)
    make.forbid(dossier, doctor)
    typed(api(doctor), number)
    trace = Trace.objects.about(dossier.pk).get(event="number_used")
    assert (trace.allowed, trace.ground) == (False, "blocked")


def test_numbers_are_not_tried_one_after_the_other(api, dossier, doctor, time_machine):
    client, number = api(doctor), card(dossier)
    for _ in range(10):
        assert typed(client, "ABCDEFGHJKLM").status_code == 404
    assert typed(client, number).status_code == 429
    assert typed(api(make.ProfessionalFactory()), number).status_code == 201  # his neighbour is not hindered
    time_machine.move_to(NOON + dt.timedelta(minutes=10, seconds=1), tick=False)
    assert typed(api(doctor), number).status_code == 201


def test_what_is_kept_of_it_and_who_is_told(api, dossier, doctor):
    typed(api(doctor), card(dossier))
    trace = Trace.objects.about(dossier.pk).get(event="number_used")
    assert (trace.ground, trace.mode, trace.actor_id) == ("emergency_number", "emergency_number", doctor.idnat)
    assert Notice.objects.get().kind == "emergency"


def test_typed_twice_it_is_one_access(api, dossier, doctor):
    number = card(dossier)
    first, again = typed(api(doctor), number), typed(api(doctor), number)
    assert (first.status_code, again.status_code, first.data["id"]) == (201, 200, again.data["id"])


def test_a_structure_has_no_use_for_it(dossier):
    from tests.doors import structure

    assert structure().post(ADDRESS, {"number": card(dossier)}, format="json").status_code == 403


def test_the_regulator_has_the_ins_and_needs_no_card(api, dossier, doctor):
    client = api(doctor, Acces_Regulation_Medicale="VRAI")
    for number in (card(dossier), "ABCDEFGHJKLM"):
        answer = client.post(ADDRESS, {"number": number}, format="json", headers={"DMP-Purpose": "regulation"})
        assert (answer.status_code, "DMP-Mode" in answer.headers) == (422, False)


def test_a_number_that_is_no_longer_the_card_s_opens_nothing(api, dossier, doctor):
    number = card(dossier)
    Dossier.objects.filter(pk=dossier.pk).update(emergency_lookup=b"0" * 32)
    assert typed(api(doctor), number).status_code == 404
    assert not EmergencyAccess.objects.exists()
