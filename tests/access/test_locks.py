"""Whoever changes something in a dossier holds its lock: two acts at once come one after the other."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access import emergencies, gate
from access.facts import Act
from access.models import EmergencyAccess
from audit.models import Trace
from audit.trail import Event
from tests import factories as make

pytestmark = pytest.mark.django_db
LOCK = "FOR NO KEY UPDATE OF d"
YES = {"consent": True}


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


def number_of(dossier):
    with gate.enter(make.holder(dossier), Act.MANAGE, Event.NUMBER_MADE, dossier_id=dossier.pk) as entry:
        return emergencies.make_number(entry)


def broken(dossier, doctor):
    now = dt.datetime.now(dt.UTC)
    user = make.account(doctor)
    row = EmergencyAccess.objects.create(
        dossier=dossier, user=user, kind="break_glass", reason="x", since=now, until=now + dt.timedelta(hours=4)
    )
    return f"urgences/{row.pk.hex}/attestation"


def locks(act):
    """What its questions about the dossier say of its lock."""
    with CaptureQueriesContext(connection) as queries:
        answer = act()
    assert answer.status_code in (200, 201, 204, 302), answer
    asked = [one["sql"] for one in queries if "FROM patients_dossier d WHERE d.id =" in one["sql"]]
    assert asked
    return [LOCK in sql for sql in asked]


ACTS = {
    "authorise": lambda dossier, doctor: ("put", "autorisation", YES),
    "renounce": lambda dossier, doctor: ("delete", "autorisation", None),
    "treat": lambda dossier, doctor: ("post", "medecin-traitant", YES),
    "ask": lambda dossier, doctor: ("post", "demandes", {"reason": "suivi", "means": "page"}),
    "close": lambda dossier, doctor: ("post", "fermeture", YES | {"evidence": "formulaire n° 1"}),
    "break": lambda dossier, doctor: ("post", "urgences", {"reason": "inconscience"}),
    "attest": lambda dossier, doctor: ("put", broken(dossier, doctor), {"text": "Malaise sur la voie publique."}),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_of_a_professional_holds_the_lock(api, dossier, act):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor, source="professional")
    method, path, body = ACTS[act](dossier, doctor)
    send = getattr(api(doctor), method)
    address = f"/api/v1/dossiers/{dossier.pk.hex}/{path}"
    assert all(locks(lambda: send(address, body, format="json")))


def test_a_number_that_is_typed_holds_the_lock(api, dossier):
    make.DocumentFactory(dossier=dossier, type_code="60591-5")
    number, client = number_of(dossier), api(make.ProfessionalFactory())
    assert all(locks(lambda: client.post("/api/v1/urgences/numero", {"number": number}, format="json")))


def test_a_decision_of_the_holder_holds_the_lock(holder_client, dossier):
    doctor, client = make.ProfessionalFactory(), holder_client(dossier)
    address = reverse("decide", kwargs={"professional_id": doctor.pk, "decision": "bloquer"})
    assert True in locks(lambda: client.post(address))


def test_a_reading_holds_none(api, dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    address = f"/api/v1/dossiers/{dossier.pk.hex}/autorisation"
    assert not any(locks(lambda: api(doctor).get(address)))


EVENTS = {
    "authorise": "access_granted", "renounce": "access_withdrawn", "treat": "treating_named", "ask": "consent_asked",
    "close": "request_made", "break": "glass_broken",
}  # fmt: skip


@pytest.mark.parametrize("act", EVENTS)
def test_an_act_that_is_refused_leaves_its_own_name(api, dossier, act):
    doctor = make.ProfessionalFactory()
    make.forbid(dossier, doctor)
    method, path, body = ACTS[act](dossier, doctor)
    answer = getattr(api(doctor), method)(f"/api/v1/dossiers/{dossier.pk.hex}/{path}", body, format="json")
    assert (answer.status_code, answer.data["ground"]) == (403, "blocked")
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.event, trace.allowed, trace.ground) == (EVENTS[act], False, "blocked")


def test_ceasing_to_treat_is_refused_under_its_own_name(api, dossier):
    doctor = make.ProfessionalFactory()
    make.forbid(dossier, doctor)
    assert api(doctor).delete(f"/api/v1/dossiers/{dossier.pk.hex}/medecin-traitant").status_code == 403
    assert Trace.objects.about(dossier.pk).get().event == "treating_ended"
