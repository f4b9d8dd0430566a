"""« Voir mon dossier comme le Dr X » and « Pourquoi ? » say what the API serves, and nothing she may not know."""

import datetime as dt
import itertools
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from access import gate, seen_by
from access.models import EmergencyAccess, MatrixRow
from audit.models import Trace
from documents import explain
from documents.models import Document, DocumentGrant
from fhir import ids
from tests import factories as make

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
STANDINGS = (
    "nothing",
    "authorised",
    "expired",
    "emergency",
    "in_emergency",
    "limited",
    "treating",
    "blocked",
    "broke_glass",
    "opened_to",
    "unknown",
    "other_profession",
)


@pytest.fixture
def shelf_of(dossier):
    """Every kind of document, two of them written by the doctor, one of a type the draft matrix closes."""

    def made(doctor):
        make.matrix()
        MatrixRow.objects.filter(profession="60").update(readable=["57833-6"])
        both = [("11488-4", "comptes-rendus"), ("57833-6", "ordonnances")]
        for (code, family), mine in itertools.product(both, (False, True)):
            common = {"dossier": dossier, "type_code": code, "family": family}
            if mine:
                common["author_ids"] = [doctor.idnat]
            make.DocumentFactory(**common)
            make.DocumentFactory(hidden=True, **common)
            make.DocumentFactory(masked=True, masked_until=timezone.now() + DAY, **common)
            make.DocumentFactory(masked=True, masked_until=timezone.now() - DAY, **common)
            make.DocumentFactory(announced_by_time=True, **common)
            make.DocumentFactory(secret=True, **common)
        make.DocumentFactory(dossier=dossier, awaiting=True)
        make.DocumentFactory(dossier=dossier, removed=True)
        return doctor

    return made


def stand(dossier, doctor, standing):
    now = timezone.now()
    if standing == "authorised":
        make.permit(dossier, doctor)
    if standing == "expired":
        make.permit(dossier, doctor, until=now - dt.timedelta(seconds=1))
    if standing in ("emergency", "in_emergency"):
        make.permit(dossier, doctor, extent="emergency")
    if standing == "limited":
        make.permit(dossier, doctor, extent="limited", families=["comptes-rendus"])
    if standing == "treating":
        make.treat(dossier, doctor)
    if standing == "blocked":
        make.permit(dossier, doctor)
        make.forbid(dossier, doctor)
    if standing == "broke_glass":
        EmergencyAccess.objects.create(
            dossier=dossier,
            user=make.account(doctor),
            kind="break_glass",
            reason="coma",
            since=now - dt.timedelta(minutes=1),
            until=now + dt.timedelta(hours=4),
        )
    if standing == "opened_to":
        opened(dossier, doctor, Document.objects.filter(dossier=dossier, masked=True).first())
    if standing in ("unknown", "other_profession"):
        make.permit(dossier, doctor)


def opened(dossier, doctor, document):
    from django.contrib.auth.models import Permission

    DocumentGrant.objects.create(
        dossier=dossier,
        content_object=document,
        user=make.account(doctor),
        permission=Permission.objects.get(codename="consult_document"),
        since=timezone.now() - dt.timedelta(minutes=1),
        granted_by="holder:test",
    )


@pytest.fixture(params=STANDINGS)
def cast(request, dossier, shelf_of):
    traits = {"unknown": {"unknown": True}, "other_profession": {"nurse": True}}.get(request.param, {})
    doctor = shelf_of(make.ProfessionalFactory(**traits))
    stand(dossier, doctor, request.param)
    return request.param, doctor


def served(client, dossier, **headers):
    """The current documents that /fhir lists to this professional, page by page."""
    asked = {"patient": dossier.pk.hex, "status": "current", "_count": 100}
    answer = client.get("/fhir/DocumentReference", asked, headers=headers)
    if answer.status_code == 403:
        return None
    return {ids.split(one["resource"]["id"])[1] for one in answer.json().get("entry", []) if "id" in one["resource"]}


SHOWN = re.compile(r'<p class="mb-1"><a href="/documents/([0-9a-f-]+)/">')


def shown(client, doctor, query=""):
    answer = client.get(reverse("professional_preview", args=[doctor.pk]) + query)
    assert answer.status_code == 200
    return set(SHOWN.findall(answer.content.decode()))


def with_identity(dossier):
    """What /fhir serves is the stored text: give each row its own."""
    for row in Document.objects.filter(dossier=dossier):
        name = ids.join(dossier.pk, row.pk)
        Document.objects.filter(dossier=dossier, pk=row.pk).update(
            fhir=f'{{"resourceType":"DocumentReference","id":"{name}"}}'
        )


def test_the_preview_is_the_list_served(api, holder_client, dossier, cast):
    """Less what awaits its announcement, which is the doctor's to see and not yet hers to know."""
    standing, doctor = cast
    with_identity(dossier)
    waiting = {row.pk for row in Document.objects.filter(dossier=dossier) if not row.visible_to_holder}
    urgent = standing == "in_emergency"
    listed = served(api(doctor), dossier, **({"DMP-Purpose": "emergency"} if urgent else {}))
    if listed is None:  # no list: what he wrote, one by one
        everything = Document.objects.filter(dossier=dossier)
        listed = {row.pk for row in everything if answered(api, doctor, row) == 200}
    client = holder_client(dossier)
    seen = shown(client, doctor, "?urgence" if urgent else "")
    assert seen == {str(pk) for pk in listed - waiting}
    rest = shown(client, doctor, "?reste&urgence" if urgent else "?reste")
    known = Document.objects.filter(dossier=dossier, state="current").exclude(pk__in=waiting)
    assert seen | rest == {str(row.pk) for row in known}
    assert not seen & rest
    assert bool(seen) == (standing != "blocked")


def answered(api, doctor, document):
    name = ids.join(document.dossier_id, document.pk)
    return api(doctor).get(f"/fhir/DocumentReference/{name}").status_code


def test_explain_says_yes_iff_the_api_serves(api, dossier, cast):
    """For every document of the fixtures, each with its rule in words."""
    _, doctor = cast
    (caller,) = seen_by.callers(doctor)
    _, facts = gate.look(caller, dossier_id=dossier.pk)
    for document in Document.objects.filter(dossier=dossier):
        answer = explain.explain(facts, document)
        assert answer.sees == (answered(api, doctor, document) == 200), (answer, document.masked)
        assert answer.why.rule


def test_looking_is_traced_as_hers_and_never_as_his(holder_client, dossier, doctor):
    make.permit(dossier, doctor)
    shown(holder_client(dossier), doctor)
    traces = Trace.objects.about(dossier.pk)
    trace = traces.get(event="previewed")
    assert (trace.actor_kind, trace.object_id, trace.allowed) == ("holder", doctor.pk, True)
    assert not traces.filter(actor_kind="professional").exists()


def test_nobody_gets_an_account_by_being_looked_at(holder_client, dossier, doctor):
    shown(holder_client(dossier), doctor)
    assert not type(make.holder_of(dossier)).objects.filter(professional=doctor).exists()


def test_a_representative_learns_nothing_of_a_secret_or_withheld_document(client, dossier, doctor):
    from patients.models import Patient

    Patient.objects.filter(dossier=dossier).update(birth_date="2015-01-01")
    make.matrix()
    make.treat(dossier, doctor)
    open_one = make.DocumentFactory(dossier=dossier)
    make.DocumentFactory(dossier=dossier, secret=True)
    make.DocumentFactory(dossier=dossier, awaiting=True)
    parent = make.holder_of(dossier, "parent")
    client.force_login(parent, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert shown(client, doctor) == {str(open_one.pk)}
    assert shown(client, doctor, "?reste") == set()
