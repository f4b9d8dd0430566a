"""How much an authorisation opens: everything, emergencies only, some families; and the express one (D18)."""

import dataclasses
import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from access import gate, grants
from access.facts import Act, Ground, Purpose
from access.models import DossierGrant
from audit.trail import Event
from documents.models import Document
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def doctor(db):
    return make.ProfessionalFactory()


def seen(doctor, dossier, purpose=Purpose.CARE):
    caller = dataclasses.replace(make.caller(doctor), purpose=purpose)
    with gate.enter(caller, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
        entry.trace()
        return set(Document.objects.within(entry.scope).values_list("type_code", flat=True))


def choose(client, doctor, **sent):
    url = reverse("authorise", kwargs={"professional_id": doctor.pk})
    return client.post(url, {"duration": "1mois"} | sent)


def test_some_families_only(holder_client, dossier, doctor):
    make.DocumentFactory(dossier=dossier)  # a report
    make.DocumentFactory(dossier=dossier, type_code="57833-6", family="ordonnances")
    families = dict(gate.terms.table("types")["57833-6"].extra)["family"]
    assert choose(holder_client(dossier), doctor, extent="limited", families=[families]).status_code == 302
    assert seen(doctor, dossier) == {"57833-6"}
    page = holder_client(dossier).get(reverse("autorisations")).content.decode()
    assert "Limité" in page


def test_emergencies_only(holder_client, dossier, doctor):
    make.DocumentFactory(dossier=dossier)
    choose(holder_client(dossier), doctor, extent="emergency")
    with pytest.raises(gate.Refused) as refusal:
        seen(doctor, dossier)
    assert refusal.value.decision.ground is Ground.EMERGENCY_ONLY
    assert seen(doctor, dossier, Purpose.EMERGENCY) == {"11488-4"}


@pytest.mark.parametrize(
    "sent", [{"extent": "limited"}, {"extent": "limited", "families": ["rien"]}, {"extent": "x"}]
)
def test_a_limit_without_a_known_family_is_refused(holder_client, dossier, doctor, sent):
    assert choose(holder_client(dossier), doctor, **sent).status_code == 422
    assert not DossierGrant.objects.exists()


def test_changing_to_general_forgets_the_families(holder_client, dossier, doctor):
    client = holder_client(dossier)
    choose(client, doctor, extent="limited", families=[next(iter(gate.terms.table("families")))])
    choose(client, doctor)
    grant = DossierGrant.objects.get()
    assert (grant.extent, grant.families, grant.express) == ("general", [], True)


def test_the_professional_records_the_extent(api, dossier, doctor):
    said = {"consent": True, "extent": "emergency"}
    answer = api(doctor).put(f"/api/v1/dossiers/{dossier.pk.hex}/autorisation", said, format="json")
    assert answer.status_code == 200
    grant = DossierGrant.objects.get()
    assert (grant.extent, grant.express) == ("emergency", False)


def test_who_needs_the_express_consent_cannot_record_it_himself(dossier, doctor):
    caller = dataclasses.replace(make.caller(doctor), needs_express=True)
    until = timezone.now() + dt.timedelta(days=1)
    with (
        pytest.raises(ValidationError, match="accord exprès"),
        gate.enter(caller, Act.RECORD, Event.ACCESS_GRANTED, dossier_id=dossier.pk) as entry,
    ):
        grants.authorise(entry, doctor, until, source="professional")
    assert not DossierGrant.objects.exists()


def record(doctor, dossier, **limits):
    """What his software does at a visit: it records that the patient said yes."""
    with gate.enter(make.caller(doctor), Act.RECORD, Event.ACCESS_GRANTED, dossier_id=dossier.pk, lock=True) as entry:
        until = limits.pop("until", timezone.now() + dt.timedelta(days=5))
        return grants.authorise(entry, doctor, until, source="professional", **limits)


@pytest.mark.parametrize(
    "beyond",
    [
        {"extent": "general"},
        {"extent": "emergency"},
        {"extent": "limited", "families": ["biologie", "ordonnances"]},
        {"extent": "limited", "families": ["biologie"], "until": timezone.now() + dt.timedelta(days=60)},
    ],
)
def test_a_professional_records_nothing_beyond_what_the_holder_set_himself(holder_client, dossier, doctor, beyond):
    choose(holder_client(dossier), doctor, extent="limited", families=["biologie"])
    before = DossierGrant.rights.values().get()
    with pytest.raises(ValidationError) as refusal:
        record(doctor, dossier, **beyond)
    assert refusal.value.code == "decided"
    assert DossierGrant.rights.values().get() == before


def test_recorded_again_what_the_holder_set_stands_to_the_last_word(holder_client, dossier, doctor):
    choose(holder_client(dossier), doctor)
    before = DossierGrant.rights.values().get()
    record(doctor, dossier, extent="limited", families=["biologie"])
    assert DossierGrant.rights.values().get() == before


@pytest.mark.parametrize("families", [[], ["inconnue"]])
def test_limited_to_no_family_that_is_known_is_refused(dossier, doctor, families):
    with (
        pytest.raises(ValidationError, match="au moins une famille"),
        gate.enter(make.holder(dossier), Act.AUTHORISE, Event.ACCESS_GRANTED, dossier_id=dossier.pk) as entry,
    ):
        until = timezone.now() + dt.timedelta(days=1)
        grants.authorise(entry, doctor, until, source="web", extent="limited", families=families)


# -- an occupational doctor (D18) ----------------------------------------------------------------------
@pytest.fixture
def occupational(settings, doctor):
    settings.EXPRESS_SPECIALITIES = frozenset({"SM25"})
    type(doctor).objects.filter(pk=doctor.pk).update(speciality="SM25")
    doctor.situations.update(speciality="SM25")
    doctor.refresh_from_db()
    make.matrix()
    return doctor


def answers(api, dossier, doctor):
    """What he is told of his situation, and what his list answers."""
    told = api(doctor).get(f"/api/v1/dossiers/{dossier.pk.hex}/autorisation").json()
    listed = api(doctor).get(f"/fhir/DocumentReference?patient={dossier.pk.hex}&status=current")
    return told, listed.status_code


@pytest.mark.parametrize("right", ["consult_dossier", "consult_masked"])
def test_an_occupational_doctor_is_not_told_valid_what_opens_nothing(api, dossier, occupational, right):
    make.permit(dossier, occupational, right)
    told, status = answers(api, dossier, occupational)
    assert (told, status) == ({"status": "NON_EXISTE", "treating": False, "until": None}, 403)


def test_what_the_holder_gave_him_herself_is_valid(api, dossier, occupational):
    make.permit(dossier, occupational, express=True)
    told, status = answers(api, dossier, occupational)
    assert (told["status"], status) == ("VALIDE", 200)


def test_an_occupational_doctor_is_never_the_treating_doctor(api, holder_client, dossier, occupational):
    address = f"/api/v1/dossiers/{dossier.pk.hex}/medecin-traitant"
    hers = make.treat(dossier, make.ProfessionalFactory())
    assert api(occupational).post(address, {"consent": True}, format="json").status_code == 422
    named = holder_client(dossier).post(reverse("decide", args=[occupational.pk, "medecin-traitant"]))
    assert named.status_code == 422
    assert list(DossierGrant.rights.running()) == [hers]


def test_in_an_emergency_he_is_a_professional_present(api, dossier, occupational):
    address = f"/api/v1/dossiers/{dossier.pk.hex}/urgences"
    assert api(occupational).post(address, {"reason": "inconscience"}, format="json").status_code == 201
    assert answers(api, dossier, occupational)[1] == 200
