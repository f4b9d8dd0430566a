"""Who has no health profession feeds for an author, and no more; a replacement is himself (rules.md 3.6)."""

import pytest

from access.models import DossierGrant, EmergencyAccess
from audit.models import Trace
from fhir import ids
from tests import factories as make

pytestmark = pytest.mark.django_db
UNCONSCIOUS = {"reason": "inconscience"}


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def document(dossier):
    return make.DocumentFactory(dossier=dossier, type_code="11502-2", author_ids=["899999999999"])


@pytest.mark.parametrize("profession", ["SECRETARIAT_MEDICAL"[:10], "", "999"])
def test_a_secretary_reads_nothing_and_records_nobody_s_word(api, dossier, document, profession):
    """Even with a right that somebody gave her by mistake."""
    secretary = make.ProfessionalFactory(profession=profession)
    make.permit(dossier, secretary)
    client, here = api(secretary), f"/api/v1/dossiers/{dossier.pk.hex}"
    assert client.get(f"/fhir/DocumentReference?patient={dossier.pk.hex}&status=current").status_code in (403, 404)
    assert client.get(f"/fhir/DocumentReference/{ids.join(dossier.pk, document.pk)}").status_code == 404
    refused = [
        client.post(f"{here}/autorisation", {"consent": True}, format="json"),
        client.post(f"{here}/demandes", {}, format="json"),
        client.post(f"{here}/urgences", UNCONSCIOUS, format="json"),
        client.post(f"{here}/fermeture", {"consent": True, "evidence": "formulaire n° 12"}, format="json"),
    ]
    assert [one.status_code for one in refused] == [403] * 4
    assert (DossierGrant.objects.count(), EmergencyAccess.objects.count()) == (1, 0)
    assert not Trace.objects.about(dossier.pk).filter(allowed=True, event="document_listed").exists()


def test_a_secretary_learns_that_there_is_a_dossier_to_feed(api, dossier):
    """D17 and D4: feeding needs no right, so she must find where."""
    secretary = make.ProfessionalFactory(profession="")
    assert api(secretary).get(f"/fhir/Patient/{dossier.pk.hex}").status_code == 200


def test_a_replacement_has_his_own_right_and_is_traced_by_his_own_name(api, dossier, document):
    """Working in the same practice as the doctor who is authorised opens nothing; his own authorisation does."""
    doctor = make.ProfessionalFactory(family="MOREL")
    replacement = make.ProfessionalFactory(family="CARON")
    replacement.situations.update(structure=doctor.situations.get().structure)
    make.permit(dossier, doctor)
    asked = f"/fhir/DocumentReference?patient={dossier.pk.hex}&status=current"
    assert api(replacement).get(asked).status_code == 403
    make.permit(dossier, replacement)
    assert api(replacement).get(asked).json()["entry"]
    seen = Trace.objects.about(dossier.pk).filter(event="document_listed")
    assert [(one.allowed, "CARON" in one.actor_name) for one in seen.order_by("seq")] == [(False, True), (True, True)]
    assert {one.actor_id for one in seen} == {replacement.idnat}
