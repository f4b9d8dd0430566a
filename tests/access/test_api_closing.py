"""A professional passes on that the holder wants the dossier closed: recorded, told, answered by somebody else."""

import pytest
from django.core import mail

from audit.models import Trace
from audit.trail import Actor, ActorKind
from patients import requests, tasks
from patients.models import Dossier, Notice
from patients.models_requests import Request
from tests import factories as make

pytestmark = pytest.mark.django_db
SAID = {"consent": True, "evidence": "formulaire signé n° 12"}


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def doctor(dossier):
    professional = make.ProfessionalFactory()
    make.permit(dossier, professional)
    return professional


def post(api, doctor, dossier, said=SAID):
    return api(doctor).post(f"/api/v1/dossiers/{dossier.pk.hex}/fermeture", said, format="json")


def test_the_request_is_recorded_and_nothing_is_closed(api, doctor, dossier):
    answer = post(api, doctor, dossier)
    row = Request.objects.get(dossier=dossier)
    assert answer.status_code == 201
    said = answer.json()
    told = " ".join(said.pop("tell_the_holder"))
    assert said == {"state": "received"}  # the number is the holder's
    assert "directives anticipées" in told and "d'abord une copie" in told
    tasks.send_notices()
    assert "directives anticipées" in mail.outbox[-1].body and "demandez-la maintenant" in mail.outbox[-1].body
    assert (row.kind, row.channel, row.identity) == ("closure", "professional", "formulaire signé n° 12")
    assert row.requester == dossier.patient.name
    assert Dossier.objects.get(pk=dossier.pk).is_open
    trace = Trace.objects.about(dossier.pk).get(event="request_made")
    assert (trace.actor_kind, trace.actor_id) == ("professional", doctor.idnat)
    assert Notice.objects.filter(dossier=dossier, kind="request_received").count() == 1


def test_accepted_the_dossier_says_who_passed_it_on(api, doctor, dossier):
    from archival import carry_out

    post(api, doctor, dossier)
    row = Request.objects.get(dossier=dossier)
    agent = Actor(ActorKind.COUNTER, "agent", "Karim Benali")
    requests.take(dossier.pk, row.pk, by=agent)
    requests.accept(dossier.pk, row.pk, "Le dossier est fermé.", by=agent)
    assert carry_out.carry_out() == (1, 0)
    assert Dossier.objects.values_list("state", "closure").get(pk=dossier.pk) == ("closed", "DEMANDE_VIA_PS")


@pytest.mark.parametrize("said", [{}, SAID | {"consent": False}, SAID | {"evidence": ""}])
def test_without_the_holder_s_word_or_its_proof_nothing_is_recorded(api, doctor, dossier, said):
    assert post(api, doctor, dossier, said).status_code == 422
    assert not Request.objects.exists()


def test_asked_again_by_another_the_answer_tells_nothing_and_is_traced(api, doctor, dossier):
    first, other = post(api, doctor, dossier), make.ProfessionalFactory()
    make.permit(dossier, other)
    second = post(api, other, dossier)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert Request.objects.filter(dossier=dossier).count() == 1
    assert Trace.objects.about(dossier.pk).filter(event="request_made", actor_id=other.idnat).count() == 1


def test_a_stranger_passes_nothing_on_whatever_runs_already(api, doctor, dossier):
    stranger = make.ProfessionalFactory(nurse=True)
    before = post(api, stranger, dossier)
    post(api, doctor, dossier)
    after = post(api, stranger, dossier)
    assert (before.status_code, before.json()["ground"]) == (403, "not_authorised")
    assert after.content == before.content


def test_nor_does_an_occupational_doctor_whom_the_holder_did_not_choose_herself(api, doctor, dossier, settings):
    settings.EXPRESS_SPECIALITIES = frozenset({doctor.speciality})
    assert post(api, doctor, dossier).status_code == 403


def test_the_treating_doctor_does(api, dossier):
    make.treat(dossier, treating := make.ProfessionalFactory())
    assert post(api, treating, dossier).status_code == 201


def test_of_a_minor_it_is_the_representatives_who_ask(api, code_tables):
    child = make.DossierFactory(minor=True)
    make.permit(child, doctor := make.ProfessionalFactory())
    parent = make.holder_of(child, "parent")
    assert post(api, doctor, child).status_code == 201
    assert Request.objects.get(dossier=child).requester == str(parent)


def test_of_a_dossier_where_too_much_waits_already_the_counter_decides(api, doctor, dossier):
    agent = Actor(ActorKind.COUNTER, "agent", "Karim Benali")
    said = requests.Asked(
        kind="rectification", channel="counter", requester="A. M.", identity="passeport", said="le nom"
    )
    for _ in range(20):
        requests.ask(dossier.pk, said, by=agent)
    answer = post(api, doctor, dossier)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Cette demande n'a pas été enregistrée : elle se fait au guichet."
    assert not Request.objects.filter(dossier=dossier, kind="closure").exists()
    assert not Trace.objects.about(dossier.pk).filter(actor_kind="professional", event="request_made").exists()


def test_so_many_an_hour_and_no_more(api, doctor, code_tables):
    for _ in range(10):
        make.permit(dossier := make.DossierFactory(), doctor)
        assert post(api, doctor, dossier).status_code == 201
    make.permit(last := make.DossierFactory(), doctor)
    assert post(api, doctor, last).status_code == 429
    assert not Request.objects.filter(dossier=last).exists()


def test_a_site_may_keep_it_for_itself(api, doctor, dossier, settings):
    settings.CLOSING_BY_PROFESSIONALS = False
    assert post(api, doctor, dossier).status_code == 403
    assert not Request.objects.exists()


def test_who_is_blocked_passes_nothing_on(api, doctor, dossier):
    make.forbid(dossier, doctor)
    assert post(api, doctor, dossier).status_code == 403
    assert not Request.objects.exists()


def test_where_a_professional_passes_nothing_on_it_is_said(api, doctor, dossier, settings):
    settings.CLOSING_BY_PROFESSIONALS = False
    answer = post(api, doctor, dossier)
    assert (answer.status_code, answer.data) == (
        403, {"detail": "Ici, une fermeture se demande en ligne ou au guichet."},
    )  # fmt: skip
    assert not Request.objects.exists()
