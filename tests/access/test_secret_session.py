"""M8: what a professional does in a secret session changes no byte of what a representative is answered."""

import json

import pytest
from django.test import Client

from access.models import Representation
from audit.models import Trace
from audit.scoped import uuid7
from documents.models import Document
from patients.models import Notice
from tests import factories as make
from tests import messages
from tests.access import worlds

pytestmark = pytest.mark.django_db

PAGES = [
    "/",
    "/documents/",
    "/documents/?famille=ordonnances",
    "/activite/",
    "/activite/?qui=professionnels",
    "/activite/?qui=refus",
    "/activite/?lectures=1",
    "/autorisations/",
    "/profil/",
    "/aidants/",
    "/demandes/",
    "/dossiers/",
]


@pytest.fixture
def child(code_tables, time_machine):
    time_machine.move_to(worlds.NOW, tick=False)
    make.matrix()
    return make.DossierFactory(minor=True)


@pytest.fixture
def doctor(child):
    doctor = make.ProfessionalFactory()
    make.permit(child, doctor)
    return doctor


def deposit(client, dossier, **headers):
    body = messages.simplified(messages.subject(dossier), messages.pdf())
    kind = "application/fhir+json"
    return client.post("/fhir/DocumentReference", json.dumps(body), content_type=kind, headers=headers)


def person(dossier, role, **more):
    """Everything this person is answered, whatever is of the request taken away."""
    user = make.UserFactory()
    Representation.objects.create(
        dossier=dossier, user=user, role=role, recorded_by="test", since=worlds.NOW - worlds.DAY, **more
    )
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return worlds.Actor(role, make.holder(dossier, user=user), client, False, {})


def answers(actor, *more):
    return [actor.ask(("get", path)) for path in (*PAGES, *more)]


def secret_visit(client, dossier):
    """All that a professional may do there: deposit, list, read, be refused."""
    secret = {"DMP-Purpose": "secret"}
    answer = deposit(client, dossier, **secret)
    assert answer.status_code == 201, answer.content
    name = answer.json()["id"]
    listed = client.get(f"/fhir/DocumentReference?patient={dossier.pk.hex}&status=current", headers=secret)
    assert listed.status_code == 200
    assert client.get(f"/fhir/Binary/{name}", headers=secret).status_code == 200
    assert client.get(f"/fhir/DocumentReference/{'0' * 64}", headers=secret).status_code == 404
    path = f"/api/v1/dossiers/{dossier.pk.hex}/medecin-traitant"
    assert client.post(path, {"evidence": "dit"}, format="json", headers=secret).status_code in (403, 422)
    client.post("/fhir/DocumentReference", "{}", content_type="application/fhir+json", headers=secret)
    return Document.objects.get(dossier=dossier, secret=True)


@pytest.mark.parametrize(
    ("role", "more"),
    [
        ("parent", {}),
        ("guardian", {}),
        ("carer", {"rights": ["read", "masked", "deposit", "authorise", "trail"]}),
    ],
)
def test_no_byte_of_any_page_changes(child, doctor, api, role, more):
    client = api(doctor)
    assert deposit(client, child).status_code == 201  # an ordinary act beside: pages are not empty
    actor = person(child, role, **more)
    before, notices = answers(actor), Notice.objects.filter(dossier=child).count()
    document = secret_visit(client, child)
    assert Notice.objects.filter(dossier=child).count() == notices
    assert answers(actor) == before
    unknown = actor.ask(("get", f"/documents/{uuid7()}/"))
    assert actor.ask(("get", f"/documents/{document.pk}/"))[0][0] == unknown[0][0] == 404


def test_what_is_deposited_there_is_secret_without_being_said(child, doctor, api):
    assert secret_visit(api(doctor), child).secret


def test_each_of_its_acts_is_kept_as_secret(child, doctor, api):
    deposit(api(doctor), child)
    known = list(Trace.objects.about(child.pk).values_list("pk", flat=True))
    secret_visit(api(doctor), child)
    kept = Trace.objects.about(child.pk).exclude(pk__in=known)
    assert kept.count() >= 3
    assert set(kept.values_list("mode", flat=True)) == {"secret"}


def test_no_secret_session_with_an_adult(code_tables, api):
    make.matrix()
    adult, doctor = make.DossierFactory(), make.ProfessionalFactory()
    make.permit(adult, doctor)
    assert deposit(api(doctor), adult, **{"DMP-Purpose": "secret"}).status_code == 403
    assert set(Trace.objects.about(adult.pk).values_list("mode", flat=True)) == {"normal"}


def test_come_of_age_the_holder_reads_it_and_the_parent_nothing(child, doctor, api, time_machine):
    secret_visit(api(doctor), child)
    parent = person(child, "parent")
    time_machine.move_to(worlds.NOW.replace(year=child.patient.birth_date.year + 19))
    assert {one[0][0] for one in answers(parent)[1:6]} <= {302, 403, 404}
    holder = person(child, "holder")
    assert "garder secrète" in holder.ask(("get", "/activite/"))[0][2].decode()
    assert holder.ask(("get", "/documents/"))[0][0] == 200
