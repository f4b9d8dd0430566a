"""What a holder does with documents: add, delete her own, mask, unmask. Each is a form with its consequences."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from access import gate
from access.facts import Act
from audit.models import Trace
from audit.trail import Event
from documents import contents
from documents.models import Document
from patients.models import Notice
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db

ADD = reverse("documents:add")


@pytest.fixture
def dossier(code_tables):
    make.matrix(readable=["DOCPAT05", "11488-4"])
    return make.DossierFactory()


def sending(client):
    return re.search(r'name="sending" value="([^"]+)"', client.get(ADD).content.decode())[1]


def add(client, content, name="bilan.pdf", **fields):
    file = SimpleUploadedFile(name, content, fields.pop("content_type", "application/pdf"))
    form = {"file": file, "title": "Mon bilan", "type_code": "DOCPAT05", "sending": sending(client)}
    return client.post(ADD, form | fields)


def url(name, document):
    return reverse(f"documents:{name}", args=[document.pk])


def seen_by(caller, dossier):
    with gate.enter(caller, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
        rows = set(Document.objects.within(entry.scope))
        entry.trace()
    return rows


# -- add ------------------------------------------------------------------------------------------------------
def test_a_holder_adds_a_document_that_comes_out_byte_for_byte(holder_client, dossier):
    content = messages.pdf()
    client = holder_client(dossier)
    answer = add(client, content)
    document = Document.objects.get()
    assert answer.headers["Location"] == url("document", document)
    assert (document.origin, document.title, document.type_code) == ("holder", "Mon bilan", "DOCPAT05")
    assert contents.read(document) == content
    deposit = Trace.objects.about(dossier.pk).get(event="document_deposited")
    assert (deposit.ground, deposit.object_id) == ("holder", document.pk)
    assert not Notice.objects.exists()
    assert "vous-même" in client.get(reverse("documents:list")).content.decode()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"Notes de ma main, en simple texte.", "notes.txt"),
        (b"{\\rtf1 Bonjour}", "lettre.rtf"),
    ],
)
def test_the_name_and_the_browser_are_not_believed(holder_client, dossier, content, name):
    assert add(holder_client(dossier), content, "photo.jpg", content_type="image/jpeg").status_code == 302
    assert Document.objects.get().media_type == {"txt": "text/plain", "rtf": "text/rtf"}[name[-3:]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "vide"),
        (b"<ClinicalDocument/>", "format"),
        (b"MZ\x90\x00\x03", "texte"),
        (b"%PDF-1.4\nrien", "PDF est abîmé"),
        (b"%PDF-" + b"x" * (5 * 1024 * 1024), "5 Mo"),
        (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*", "antivirus"),
    ],
)
def test_what_cannot_be_taken_says_why_and_leaves_nothing(holder_client, dossier, settings, content, said):
    answer = add(holder_client(dossier), content)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Document.objects.exists()
    assert not list(contents.store().names())


@pytest.mark.parametrize("type_code", ["11488-4", "REMB", "57833-6", ""])
def test_a_holder_adds_only_the_types_of_holders(holder_client, dossier, type_code):
    assert add(holder_client(dossier), messages.pdf(), type_code=type_code).status_code == 422
    assert not Document.objects.exists()


def test_directives_are_for_adults(holder_client, client, dossier):
    assert "Directives anticipées" in holder_client(dossier).get(ADD).content.decode()
    child = make.DossierFactory(minor=True)
    client.force_login(make.holder_of(child, "parent"), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "Directives anticipées" not in client.get(ADD).content.decode()
    assert add(client, messages.pdf(), type_code="EXPPAT_3").status_code == 422


def test_sent_twice_it_is_filed_once(holder_client, dossier):
    client, content = holder_client(dossier), messages.pdf()
    same = sending(client)
    first, second = (add(client, content, sending=same) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert Document.objects.count() == 1


def test_nothing_else_of_the_row_can_be_chosen(holder_client, dossier):
    """Author, mask, state, dates in the body are ignored (A4)."""
    other = make.DossierFactory()
    forged = {
        "masked": "on",
        "origin": "professional",
        "dossier": other.pk.hex,
        "author_ids": "8",
        "state": "deleted",
    }
    add(holder_client(dossier), messages.pdf(), **forged)
    document = Document.objects.get()
    assert (document.dossier_id, document.origin, document.masked, document.state) == (
        dossier.pk,
        "holder",
        False,
        "current",
    )
    assert document.author_ids == [str(make.holder_of(dossier).pk)]


def test_nothing_is_added_to_a_closed_dossier(holder_client, code_tables):
    closed = make.DossierFactory(closed=True)
    client = holder_client(closed)
    assert client.get(ADD).status_code == 403
    file = io.BytesIO(messages.pdf())
    assert client.post(ADD, {"file": file, "title": "x", "type_code": "DOCPAT05"}).status_code == 403
    assert not Document.objects.exists()


# -- delete ----------------------------------------------------------------------------------------------------
def test_her_own_document_is_deleted_after_a_question_and_its_content_kept(holder_client, dossier):
    """Logical (D10): it is absent for everybody, and stays with the dossier's history."""
    client = holder_client(dossier)
    add(client, messages.pdf())
    document = Document.objects.get()
    assert "Supprimer ce document&nbsp;?" in client.get(url("delete", document)).content.decode()
    assert Document.objects.get().state == "current"
    assert client.post(url("delete", document)).headers["Location"] == reverse("documents:list")
    assert Document.objects.get().state == "deleted"
    assert client.get(url("document", document)).status_code == 404
    assert contents.read(document)


def test_a_professionals_document_is_never_hers_to_delete(holder_client, dossier):
    document = make.DocumentFactory(dossier=dossier)
    client = holder_client(dossier)
    assert url("delete", document) not in client.get(url("document", document)).content.decode()
    assert client.get(url("delete", document)).status_code == 404
    assert client.post(url("delete", document)).status_code == 404
    assert Document.objects.get().state == "current"


# -- mask, unmask ---------------------------------------------------------------------------------------------------
def test_masking_names_who_still_sees_it_and_hides_it_from_the_others(holder_client, dossier):
    author, treating, other = (make.ProfessionalFactory(family=name) for name in ("ALBERT", "BERNARD", "CHARLES"))
    for one in (author, other):
        make.permit(dossier, one)
    make.treat(dossier, treating)
    document = make.DocumentFactory(dossier=dossier, author_ids=[author.idnat], author_family="ALBERT")
    client = holder_client(dossier)
    question = client.get(url("mask", document)).content.decode()
    assert "Albert" in question
    assert "Dr Paul Bernard" in question
    staying, losing = question.split("Qui ne le verra plus")
    assert "Charles" not in staying
    assert "Charles" in losing.split("</ul>")[0]
    assert "Bernard" not in losing
    assert not Document.objects.get().masked
    client.post(url("mask", document))
    assert seen_by(make.caller(author), dossier) == seen_by(make.caller(treating), dossier) == {document}
    assert seen_by(make.caller(other), dossier) == set()
    client.post(url("unmask", document))
    assert seen_by(make.caller(other), dossier) == {document}
    events = Trace.objects.about(dossier.pk).filter(event__in=["document_masked", "document_unmasked"])
    assert list(events.order_by("seq").values_list("event", flat=True)) == ["document_masked", "document_unmasked"]


def test_a_second_click_changes_nothing(holder_client, dossier):
    document = make.DocumentFactory(dossier=dossier)
    client = holder_client(dossier)
    for _ in range(2):
        assert client.post(url("mask", document)).status_code == 302
    assert Trace.objects.about(dossier.pk).filter(event="document_masked").count() == 1


def test_unmasking_names_who_will_see_it(holder_client, dossier):
    make.permit(dossier, make.ProfessionalFactory(family="CHARLES"))
    document = make.DocumentFactory(dossier=dossier, hidden=True)
    assert "Dr Paul Charles" in holder_client(dossier).get(url("unmask", document)).content.decode()
