"""A new version of a document is hidden from the same people as the old one, and does not name it to them."""

import datetime as dt
import json

import pytest
from django.utils import timezone

from documents.models import Document
from patients.models import Notice
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db

MASKED, WITHHELD, SECRET = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def author(api):
    return api(make.ProfessionalFactory())


@pytest.fixture
def reader(api, dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    return api(doctor)


def deposit(client, dossier, *labels, replaces="", status=201):
    more = {"relatesTo": [{"code": "replaces", "target": {"reference": replaces}}]} if replaces else {}
    content = messages.pdf(f"{labels}{bool(replaces)}")
    body = messages.simplified(messages.subject(dossier), content, labels=labels, **more)
    answer = client.post("/fhir/DocumentReference", json.dumps(body), content_type="application/fhir+json")
    assert answer.status_code == status, answer.content
    return f"DocumentReference/{answer.json().get('id')}"


def latest(dossier):
    return Document.objects.get(dossier=dossier, state="current")


def test_the_new_version_of_a_masked_document_is_masked(author, reader, dossier):
    old = deposit(author, dossier, MASKED)
    new = deposit(author, dossier, replaces=old)
    assert reader.get(f"/fhir/{new}").status_code == 404
    assert MASKED in json.dumps(author.get(f"/fhir/{new}").json()["securityLabel"])
    assert (latest(dossier).masked, latest(dossier).masked_until) == (True, None)


def test_until_the_same_date(author, dossier):
    old = deposit(author, dossier, MASKED)
    until = timezone.now() + dt.timedelta(days=3)
    Document.objects.filter(dossier=dossier).update(masked_until=until)
    deposit(author, dossier, replaces=old)
    assert (latest(dossier).masked, latest(dossier).masked_until) == (True, until)


def test_a_mask_that_ended_masks_nothing_more(author, reader, dossier):
    old = deposit(author, dossier, MASKED)
    Document.objects.filter(dossier=dossier).update(masked_until=timezone.now() - dt.timedelta(days=1))
    new = deposit(author, dossier, replaces=old)
    assert reader.get(f"/fhir/{new}").status_code == 200


def test_a_masked_document_is_not_replaced_by_a_withheld_one(author, dossier):
    old = deposit(author, dossier, MASKED)
    deposit(author, dossier, WITHHELD, replaces=old, status=422)
    assert latest(dossier).masked


def test_the_new_version_of_a_minor_s_secret_is_secret_and_told_to_nobody(author, client, code_tables):
    make.matrix()
    child = make.DossierFactory(minor=True)
    old = deposit(author, child, SECRET)
    deposit(author, child, replaces=old)
    assert latest(child).secret
    assert not Notice.objects.filter(dossier=child).exists()
    client.force_login(make.holder_of(child, "parent"), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/documents/{latest(child).pk}/").status_code == 404


@pytest.mark.parametrize("where", ["read", "list", "search"])
def test_a_version_shown_names_to_nobody_the_one_that_is_hidden_from_him(author, reader, dossier, where):
    old = deposit(author, dossier)
    new = deposit(author, dossier, replaces=old)
    patient = f"patient={dossier.pk.hex}&status=current"
    doors = {
        "read": f"/fhir/{new}",
        "list": f"/fhir/DocumentReference?{patient}",
        "search": f"/fhir/DocumentReference?{patient}&relatesto={old}&_total=accurate",
    }

    def asked(client):
        return client.get(doors[where]).content.decode().replace(f"relatesto=DocumentReference%2F{old[18:]}", "")

    assert "relatesTo" in asked(reader)
    Document.objects.filter(dossier=dossier, state="superseded").update(masked=True)
    assert old[18:] not in asked(reader) and "relatesTo" not in asked(reader)
    assert ('"total":0' in asked(reader)) is (where == "search")
    assert author.get(f"/fhir/{new}").json()["relatesTo"][0]["target"]["reference"] == old
