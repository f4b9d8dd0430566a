"""Whatever goes wrong behind /api/v1 has its status and one sentence."""

import pytest
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import DatabaseError
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from access import gate
from access.api import answer_of
from access.facts import Ground
from access.policy import Decision
from audit.models import Trace
from audit.trail import TrailDown
from patients.replies import KeyReused
from tests import doors


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (gate.Refused(Decision(False, Ground.BLOCKED), None), 403, "Le titulaire vous a bloqué"),
        (gate.Absent(), 404, "Aucun dossier ne correspond"),
        (Http404(), 404, "Aucun dossier ne correspond"),
        (TrailDown("x"), 503, "n'a pas pu être tracé"),
        (DatabaseError("x"), 503, "momentanément indisponible"),
        (RequestDataTooBig(), 413, "Le message est trop gros."),
        (ParseError(), 400, "Le message n'est pas du JSON."),
        (UnsupportedMediaType("text/plain"), 415, "Le message s'envoie en JSON"),
        (KeyReused(), 409, "a déjà servi"),
        (ValidationError(["Un.", "Deux."]), 422, "Un. Deux."),
        (serializers.ValidationError({"a": ["x"]}), 422, "Le message est incomplet ou mal formé"),
    ],
)
def test_each_error_has_its_status_and_its_sentence(error, status, said):
    answer = answer_of(error, {})
    assert (answer.status_code, said in answer.data["detail"]) == (status, True)


def test_a_refusal_says_its_ground_and_a_wrong_message_its_fields():
    assert answer_of(gate.Refused(Decision(False, Ground.EXPIRED), None), {}).data["ground"] == "expired"
    wrong = serializers.ValidationError({"a": {"b": ["x", "y"]}, "c": ["z"], "d": {0: ["v"]}})
    assert answer_of(wrong, {}).data["fields"] == {"a.b": ["x", "y"], "c": ["z"], "d.0": ["v"]}


def test_what_is_not_foreseen_is_left_to_django():
    assert answer_of(RuntimeError("x"), {}) is None


@pytest.mark.django_db
def test_a_structure_acts_for_nobody_here_and_that_is_traced(code_tables, monkeypatch):
    raised = []
    monkeypatch.setattr("access.api.answer_of", lambda *error: raised.append(error[0]) or answer_of(*error))
    answer = doors.structure().get("/api/v1/alertes")
    assert (answer.status_code, answer.data["ground"]) == (403, "not_a_person")
    assert "Identifiez-vous en personne" in answer.data["detail"]
    trace = Trace.objects.get(event="sign_in_refused")
    assert (trace.allowed, trace.ground, trace.actor_id) == (False, "not_a_person", "1750000001")
    (refused,) = raised
    assert (refused.decision, refused.dossier) == (Decision(False, Ground.NOT_A_PERSON), None)
