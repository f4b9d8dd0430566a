"""/api/v1/dossiers/{id}/autorisation and /medecin-traitant: the patient's yes, recorded, never supposed."""

import datetime as dt

import pytest
from django.utils import timezone

from access import problems
from access.models import DossierGrant
from audit.models import Trace
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def dossier():
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory()


def url(dossier, what="autorisation"):
    return f"/api/v1/dossiers/{dossier.pk.hex}/{what}"


def test_no_authorisation_at_first(api, dossier, doctor):
    answer = api(doctor).get(url(dossier))
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "NON_EXISTE", "treating": False, "until": None},
    )
    assert Trace.objects.about(dossier.pk).get().event == "dossier_found"


@pytest.mark.parametrize("method", ["put", "post"])
def test_the_patient_said_yes_for_a_year_at_most(api, dossier, doctor, method):
    client = api(doctor)
    answer = getattr(client, method)(url(dossier), {"consent": True}, format="json")
    assert (answer.status_code, answer.data["status"]) == (200, "VALIDE")
    days = (DossierGrant.objects.get().until - timezone.now()) / dt.timedelta(days=1)
    assert 364.9 < days < 365.1
    assert client.get(url(dossier)).data["status"] == "VALIDE"
    granted = Trace.objects.about(dossier.pk).filter(event="access_granted").get()
    assert (granted.actor_id, granted.detail["source"]) == (doctor.idnat, "professional")
    assert Notice.objects.get().kind == "access_granted"


def test_until_the_end_of_the_day_he_said(api, dossier, doctor):
    day = timezone.localdate() + dt.timedelta(days=10)
    api(doctor).put(url(dossier), {"consent": True, "until": day.isoformat()}, format="json")
    end = timezone.localtime(DossierGrant.objects.get().until)
    assert (end.date(), end.hour, end.minute) == (day + dt.timedelta(days=1), 0, 0)


@pytest.mark.parametrize("days", [-1, 400])
def test_neither_in_the_past_nor_beyond_a_year(api, dossier, doctor, days):
    until = (timezone.localdate() + dt.timedelta(days=days)).isoformat()
    assert api(doctor).put(url(dossier), {"consent": True, "until": until}, format="json").status_code == 422
    assert not DossierGrant.objects.exists()


@pytest.mark.parametrize("said", [{}, {"consent": False}, {"consent": None}, {"consent": "peut-être"}], ids=str)
def test_never_without_the_patients_yes(api, dossier, doctor, said):
    for what in ("autorisation", "medecin-traitant"):
        assert api(doctor).post(url(dossier, what), said, format="json").status_code == 422
    assert not DossierGrant.objects.exists()


def test_a_blocked_professional_records_nothing(api, dossier, doctor):
    make.forbid(dossier, doctor)
    client = api(doctor)
    for what in ("autorisation", "medecin-traitant"):
        answer = client.post(url(dossier, what), {"consent": True}, format="json")
        assert (answer.status_code, answer.data["ground"]) == (403, "blocked")
    assert client.get(url(dossier)).data["status"] == "INTERDIT"
    assert not DossierGrant.objects.exists()


def test_nothing_is_recorded_in_a_closed_dossier(api, doctor):
    closed = make.DossierFactory(closed=True)
    answer = api(doctor).put(url(closed), {"consent": True}, format="json")
    assert (answer.status_code, answer.data["ground"]) == (403, "closed")


def test_an_ended_authorisation_is_said_to_be_ended(api, dossier, doctor):
    make.permit(dossier, doctor, until=dossier.opened_at)
    assert api(doctor).get(url(dossier)).data["status"] == "EXPIRE"


def test_he_renounces(api, dossier, doctor):
    make.permit(dossier, doctor)
    client = api(doctor)
    assert client.delete(url(dossier)).status_code == 204
    assert client.get(url(dossier)).data["status"] == "EXPIRE"
    assert client.delete(url(dossier)).status_code == 422


def test_a_doctor_becomes_treating_doctor_and_ceases(api, dossier, doctor):
    client = api(doctor)
    answer = client.post(url(dossier, "medecin-traitant"), {"consent": True}, format="json")
    assert (answer.status_code, answer.data) == (200, {"status": "VALIDE", "treating": True, "until": None})
    assert client.get(url(dossier)).data == {"status": "VALIDE", "treating": True, "until": None}
    assert client.delete(url(dossier, "medecin-traitant")).status_code == 204
    assert client.get(url(dossier)).data["treating"] is False


def test_a_treating_doctor_who_is_authorised_too_has_both_rights(api, dossier, doctor):
    api(doctor).post(url(dossier, "medecin-traitant"), {"consent": True}, format="json")
    api(doctor).put(url(dossier), {"consent": True}, format="json")
    rights = DossierGrant.rights.running().values_list("permission__codename", flat=True)
    assert sorted(rights) == ["consult_dossier", "consult_masked"]


def test_only_a_doctor_is_a_treating_doctor(api, dossier):
    nurse = make.ProfessionalFactory(nurse=True)
    answer = api(nurse).post(url(dossier, "medecin-traitant"), {"consent": True}, format="json")
    assert (answer.status_code, answer.data["ground"]) == (403, "profession")
    assert not DossierGrant.objects.exists()


@pytest.mark.parametrize("identifier", ["4f445c14d84346c1ac0fa6024452b5e0", "abc", "..%2f", "0" * 32])
def test_an_unknown_dossier_is_absent(api, doctor, identifier):
    address = f"/api/v1/dossiers/{identifier}/autorisation"
    assert api(doctor).get(address).status_code == 404
    assert api(doctor).put(address, {"consent": True}, format="json").status_code == 404


def test_nothing_is_told_when_no_trace_can_be_written(api, dossier, doctor, monkeypatch):
    from audit import trail

    def down(*args, **kwargs):
        raise trail.TrailDown

    monkeypatch.setattr(trail, "record", down)
    answer = api(doctor).get(url(dossier))
    assert (answer.status_code, set(answer.data)) == (503, {"detail"})
    assert api(doctor).put(url(dossier), {"consent": True}, format="json").status_code == 503
    assert not DossierGrant.objects.exists()


def test_the_query_count_of_an_authorisation_read(api, dossier, doctor, django_assert_num_queries):
    make.permit(dossier, doctor)
    client = api(doctor)
    client.get(url(dossier))
    with django_assert_num_queries(6):  # account, savepoint, facts, trace, until, release
        client.get(url(dossier))


def test_a_refusal_says_what_to_do(api, dossier):
    doctor = make.ProfessionalFactory()
    make.forbid(dossier, doctor)
    answer = api(doctor).put(f"/api/v1/dossiers/{dossier.pk.hex}/autorisation", {"consent": True}, format="json")
    assert answer.json() == {
        "detail": "Le titulaire vous a bloqué l'accès à son dossier. Lui seul peut lever ce blocage.",
        "ground": "blocked",
    }


def test_every_ground_of_a_refusal_has_its_sentence_and_an_unknown_one_too():
    assert all(problems.refusal(ground) == said for ground, said in problems.REFUSALS.items())
    assert problems.refusal("x") == "L'accès est refusé."
