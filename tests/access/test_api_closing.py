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
    assert said == {"number": row.on_paper, "state": "received", "due_on": str(row.due_on)}
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


def test_asked_twice_is_said(api, doctor, dossier):
    post(api, doctor, dossier)
    answer = post(api, doctor, dossier)
    assert answer.status_code == 409 and "déjà enregistrée" in answer.json()["detail"]


def test_who_is_blocked_passes_nothing_on(api, doctor, dossier):
    make.forbid(dossier, doctor)
    assert post(api, doctor, dossier).status_code == 403
    assert not Request.objects.exists()
