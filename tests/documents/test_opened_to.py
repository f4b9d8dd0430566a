"""One masked document opened to one named professional, until a date, and closed again (S42)."""

import datetime as dt

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from access import grants
from access.facts import Act
from access.gate import enter
from access.models import User
from audit.models import Trace
from audit.trail import Event
from documents.models import DocumentGrant
from fhir import ids
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(dossier):
    make.matrix()
    return make.DocumentFactory(dossier=dossier, hidden=True)


def status(api, doctor, document):
    return api(doctor).get(f"/fhir/DocumentReference/{ids.join(document.dossier_id, document.pk)}").status_code


def url(name, document, *more):
    return reverse(f"documents:{name}", args=[document.pk, *more])


def open_to(client, document, doctor, **data):
    return client.post(url("open_until", document, doctor.pk), {"duration": "1mois"} | data)


def test_he_alone_reads_it_and_nothing_else(api, holder_client, dossier, document, doctor):
    other, second = make.ProfessionalFactory(), make.DocumentFactory(dossier=dossier, hidden=True)
    make.permit(dossier, other)
    client = holder_client(dossier)
    assert open_to(client, document, doctor).status_code == 302
    assert status(api, doctor, document) == 200
    assert status(api, doctor, second) == 404
    assert status(api, other, document) == 404
    trace = Trace.objects.about(dossier.pk).get(event="document_opened_to")
    assert trace.detail["to"] == doctor.idnat
    assert "à Dr Paul Morel jusqu" in client.get("/activite/").content.decode()


def test_it_ends_by_itself(api, holder_client, dossier, document, doctor):
    open_to(holder_client(dossier), document, doctor)
    assert status(api, doctor, document) == 200
    with time_machine.travel(timezone.now() + dt.timedelta(days=40), tick=False):
        assert status(api, doctor, document) == 404


def test_the_document_says_to_whom_and_closes_again(api, holder_client, dossier, document, doctor):
    client = holder_client(dossier)
    open_to(client, document, doctor)
    page = client.get(url("document", document)).content.decode()
    assert "Dr Paul Morel" in page
    assert url("close_to", document, doctor.pk) in page
    client.post(url("close_to", document, doctor.pk))
    assert status(api, doctor, document) == 404
    assert Trace.objects.about(dossier.pk).filter(event="document_closed_to").count() == 1
    client.post(url("close_to", document, doctor.pk))
    assert Trace.objects.about(dossier.pk).filter(event="document_closed_to").count() == 1


def test_he_is_found_in_the_directory(holder_client, dossier, document, doctor):
    client = holder_client(dossier)
    client.post(url("open_to", document), {"name": "morel", "given": ""})
    page = client.get(url("open_to", document)).content.decode()
    assert url("open_until", document, doctor.pk) in page


def test_a_block_beats_it_and_forbids_it(api, holder_client, dossier, document, doctor):
    client = holder_client(dossier)
    open_to(client, document, doctor)
    assert status(api, doctor, document) == 200
    with enter(make.holder(dossier), Act.AUTHORISE, Event.PROFESSIONAL_BLOCKED, dossier_id=dossier.pk) as entry:
        grants.block(entry, doctor)
    assert status(api, doctor, document) == 404
    assert open_to(client, document, doctor).status_code == 422
    with enter(make.holder(dossier), Act.AUTHORISE, Event.PROFESSIONAL_UNBLOCKED, dossier_id=dossier.pk) as entry:
        grants.unblock(entry, doctor)
    assert status(api, doctor, document) == 404  # nothing comes back
    assert DocumentGrant.history.filter(dossier=dossier).count() == 2


def test_the_page_of_authorisations_says_so_and_a_withdrawal_closes_it(api, holder_client, dossier, document, doctor):
    client = holder_client(dossier)
    open_to(client, document, doctor)
    told = "que vous lui avez ouverts : 1."
    assert told in client.get(reverse("autorisations")).content.decode()
    page = client.get(reverse("professional", args=[doctor.pk])).content.decode()
    assert reverse("decide", args=[doctor.pk, "retirer"]) in page
    assert client.post(reverse("decide", args=[doctor.pk, "retirer"])).status_code == 302
    assert status(api, doctor, document) == 404
    assert told not in client.get(reverse("autorisations")).content.decode()


@pytest.mark.parametrize(
    ("role", "secret", "told"), [("carer", False, 0), ("guardian", False, 1), ("guardian", True, 0)]
)
def test_what_is_opened_is_counted_for_nobody_from_whom_it_is_hidden(
    client, dossier, document, doctor, role, secret, told
):
    person = make.holder_of(dossier, role)
    type(person.representations.get()).objects.filter(dossier=dossier, user=person).update(rights=["authorise"])
    type(document).objects.filter(dossier=dossier, pk=document.pk).update(secret=secret)
    make.open_document(document, doctor)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(reverse("autorisations")).content.decode()
    assert page.count("que vous lui avez ouverts") == told


def test_opened_again_it_keeps_one_right(holder_client, dossier, document, doctor):
    client = holder_client(dossier)
    for duration in ("1mois", "1an"):
        open_to(client, document, doctor, duration=duration)
    assert DocumentGrant.objects.filter(dossier=dossier).count() == 1


def test_a_carer_who_reads_opens_nothing(client, dossier, document, doctor):
    carer = make.holder_of(dossier, "carer")
    type(carer.representations.get()).objects.filter(dossier=dossier, user=carer).update(rights=["read", "masked"])
    client.force_login(carer, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(url("document", document)).status_code == 200
    assert open_to(client, document, doctor).status_code == 404
    assert client.get(url("open_to", document)).status_code == 404
    for name in ("mask", "unmask"):
        assert client.get(url(name, document)).status_code in (200, 404)
        assert client.post(url(name, document)).status_code == 404
    assert client.get(reverse("professional_preview", args=[doctor.pk])).status_code == 404
    assert not DocumentGrant.objects.exists()
    assert not User.objects.filter(professional=doctor).exists()
