"""The counter records requests from the desk and the post, answers them in time, and reads nothing medical."""

import datetime as dt
import io
import uuid

import pikepdf
import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from PIL import Image

from access import counter_requests
from access.counter_request_forms import possible
from access.models import Contest
from archival import carry_out, destruction
from audit.models import Trace
from audit.trail import SYSTEM
from documents import papers
from documents.vault import Unreadable
from fhir import ids
from patients import dossiers, request_letters, requests
from patients.models import Channel, Dossier, Notice
from patients.models_requests import CARRIED_OUT, LetterKey, Request, RequestPaper
from tests import factories as make
from tests.access.counter import look_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]
LIST = "/guichet/demandes/"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
NOON = dt.datetime(2027, 3, 10, 11, tzinfo=dt.UTC)


@pytest.fixture
def dossier(time_machine, client, agent):
    """Of a person who is on the agent's screen, on 10 March 2027 at noon."""
    time_machine.move_to(NOON, tick=False)
    client.force_login(agent, backend=BACKEND)
    person = make.InsuredFactory()
    agreement = dossiers.Agreement("holder", "F-12", Channel.COUNTER)
    found = dossiers.open_for(person, agreement=agreement, by=agent.actor(), email="titulaire@example.org")
    look_for(client, person)
    return found


def scan():
    made = io.BytesIO()
    Image.new("L", (40, 40), 200).save(made, "PNG")
    return made.getvalue()


def record(client, **more):
    said = {"channel": "counter", "kind": "closure", "identity": "passeport"} | more
    return client.post(f"{LIST}nouvelle/", {key: value for key, value in said.items() if value})


def move(client, row, act, **more):
    return client.post(address(row), {"act": act, **more})


def address(row):
    return f"{LIST}{ids.join(row.dossier_id, row.pk)}/"


def test_a_closure_asked_at_the_counter_is_taken_accepted_carried_out_and_told(client, dossier, monkeypatch):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)  # this machine's alone is frozen
    assert record(client).status_code == 302
    row = Request.objects.get(dossier=dossier)
    assert (row.channel, row.identity, row.due_on) == ("counter", "passeport", dt.date(2027, 4, 10))
    assert move(client, row, "accepter", words="Oui.").status_code == 422  # nobody follows it yet
    assert move(client, row, "prendre").status_code == 302
    assert move(client, row, "accepter", words="").status_code == 422
    assert move(client, row, "accepter", words="Votre dossier sera fermé.").status_code == 302
    assert carry_out.carry_out() == (1, 0)
    row.refresh_from_db()
    dossier.refresh_from_db()
    assert (row.state, row.owner_name, dossier.state) == ("done", "Karim", "closed")
    kinds = set(Notice.objects.filter(dossier=dossier).values_list("kind", flat=True))
    assert kinds >= {"request_received", "request_moved", "request_answered", "request_done"}
    events = Trace.objects.about(dossier.pk).filter(object_id=row.pk).order_by("seq").values_list("event", flat=True)
    kept = [event for event in events if event != "request_read"]
    assert kept == ["request_made", "request_handled", "request_answered", "request_handled"]
    states = row.history.filter(dossier_id=dossier.pk).values_list("state", flat=True)
    assert sorted(states) == ["accepted", "done", "in_progress", "received"]
    past = [(one["state"], one["what"], one["who"]) for one in counter_requests._past(row)]
    assert sorted(past) == [
        ("acceptée, à exécuter", "acceptée", "Karim"),
        ("en cours d'examen", "prise en charge", "Karim"),
        ("faite", "faite", "le service"),
        ("reçue", "enregistrée", "Karim"),
    ]


def test_a_copy_is_never_done_before_forty_eight_hours_and_is_due_in_eight_days(client, dossier, time_machine):
    record(client, kind="copy")
    row = Request.objects.get(dossier=dossier)
    assert row.due_on == dt.date(2027, 3, 18)
    move(client, row, "prendre")
    move(client, row, "accepter", words="Elle vous sera remise au guichet.")
    assert move(client, row, "faite").status_code == 422  # there is no copy yet
    requests.prepared(dossier.pk, row.pk, by=SYSTEM)
    assert "Délai de réflexion" in move(client, row, "faite").content.decode()
    time_machine.move_to(NOON + dt.timedelta(hours=48), tick=False)
    client.force_login(make.User.objects.get(email="karim@cpam.example.org"), backend=BACKEND)
    assert "prête depuis le 10 mars 2027" in client.get(address(row)).content.decode()
    assert move(client, row, "faite").status_code == 302


@pytest.mark.parametrize("kind", ["closure", "destruction", "reopening"])
def test_what_the_service_carries_out_nobody_says_done(client, dossier, agent, time_machine, monkeypatch, kind):
    """On the page, by a forged post, by the action and in the database: the dossier stays as it is until it is so."""
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)  # this machine's alone is frozen
    if kind == "reopening":
        dossiers.close(dossier.pk, closure="DEMANDE_TITULAIRE", by=agent.actor())
    record(client, kind=kind)
    row = Request.objects.get(dossier=dossier)
    move(client, row, "prendre")
    move(client, row, "accepter", words="Oui.")
    row.refresh_from_db()
    time_machine.move_to(row.not_before + dt.timedelta(minutes=1), tick=False)
    client.force_login(agent, backend=BACKEND)
    before = Dossier.objects.get(pk=dossier.pk).state
    page = client.get(address(row)).content.decode()
    assert "Par le service lui-même" in page and 'value="faite"' not in page
    assert move(client, row, "faite").status_code == 422
    with pytest.raises(ValidationError, match="lui-même"):
        requests.finish(dossier.pk, row.pk, by=agent.actor())
    with pytest.raises(IntegrityError, match="is not done"), transaction.atomic():
        requests.finish(dossier.pk, row.pk, by=agent.actor(), carrier=lambda row, by: None)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    row.refresh_from_db()
    assert (row.state, Dossier.objects.get(pk=dossier.pk).state) == ("accepted", before)
    assert not Notice.objects.filter(dossier=dossier, kind="request_done").exists()
    assert carry_out.carry_out() == (1, 0)
    row.refresh_from_db()
    done = {"closure": "closed", "destruction": "destroyed", "reopening": "open"}[kind]
    assert (row.state, Dossier.objects.get(pk=dossier.pk).state) == ("done", done)


def test_what_the_service_carries_out_has_a_carrier_each():
    assert set(carry_out.CARRIERS) == set(CARRIED_OUT) == {"closure", "destruction", "reopening"}


def test_the_database_knows_no_copy_done_before_it_is_made(dossier, agent):
    asked = requests.Asked(kind="copy", channel="counter", requester="A", identity="passeport")
    row = requests.ask(dossier.pk, asked, by=agent.actor())
    requests.take(dossier.pk, row.pk, by=agent.actor())
    requests.accept(dossier.pk, row.pk, "Oui.", by=agent.actor())
    with pytest.raises(IntegrityError, match="request_done_with_its_copy"), transaction.atomic():
        Request.objects.filter(dossier=dossier, pk=row.pk).update(state="done", done_at=NOON + dt.timedelta(days=9))


def test_a_letter_counts_from_its_arrival_and_is_sealed_at_once_then_with_the_dossier_s_key(client, dossier):
    papers.publish()
    file = SimpleUploadedFile("lettre.png", scan(), "image/png")
    told = {"channel": "post", "kind": "rectification", "said": "le nom", "arrived": "01/03/2027"}
    answer = record(client, **told, identity="copie d'une pièce d'identité, jointe au courrier", scan=file)
    assert answer.status_code == 302
    row = Request.objects.get(dossier=dossier)
    assert row.due_on == dt.date(2027, 4, 1)
    paper = RequestPaper.objects.get(dossier=dossier)
    assert scan()[:40] not in bytes(paper.sealed)
    with pytest.raises(Unreadable):
        papers.read(paper)
    assert papers.reseal() == 1
    paper.refresh_from_db()
    assert paper.seal == "dossier"
    assert papers.read(paper) == scan()
    assert "chiffré" in client.get(address(row)).content.decode()


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [("lettre.png", b"\x89PNG\r\n\x1a\nthis is no image", True), ("lettre.pdf", b"MZ\x90\x00", False)],
)
def test_a_file_that_is_not_what_it_says_is_not_kept(client, dossier, name, content, kept):
    papers.publish()
    file = SimpleUploadedFile(name, content, "image/png")
    record(client, channel="post", arrived="10/03/2027", scan=file)
    assert RequestPaper.objects.filter(dossier=dossier).exists() is kept
    papers.reseal()
    for paper in RequestPaper.objects.filter(dossier=dossier):
        assert (paper.seal, bytes(paper.sealed)) == ("refused", b"")


def test_a_letter_that_no_master_key_opens_is_kept_as_it_came(client, dossier):
    papers.publish()
    record(client, channel="post", arrived="10/03/2027", scan=SimpleUploadedFile("a.png", scan(), "image/png"))
    RequestPaper.objects.filter(dossier=dossier).update(key_version=9)  # a key that was taken away
    papers.reseal()
    paper = RequestPaper.objects.get(dossier=dossier)
    assert (paper.seal, len(bytes(paper.sealed)) > len(scan())) == ("refused", True)


def test_a_letter_without_a_key_to_seal_it_records_nothing(client, dossier):
    file = SimpleUploadedFile("lettre.png", scan(), "image/png")
    assert record(client, channel="post", arrived="10/03/2027", scan=file).status_code == 422
    assert not Request.objects.exists()


def test_a_family_proves_its_quality_says_why_and_is_written_to(client, dossier):
    told = {
        "kind": "heirs",
        "requester": "Luc Marchand",
        "address": "3 rue Haute, 69003 Lyon",
        "quality": "heir",
        "proof": "Acte de notoriété",
        "motive": "rights",
    }
    assert record(client, **told | {"proof": "Certificat de concubinage"}).status_code == 422
    assert record(client, **told | {"motive": ""}).status_code == 422
    assert record(client, **told).status_code == 302
    row = Request.objects.get(dossier=dossier)
    assert row.due_on == dt.date(2027, 3, 18)
    assert not Notice.objects.filter(dossier=dossier, kind="request_received").exists()


def test_the_delay_is_extended_once_with_a_reason_and_within_the_first_one(client, dossier):
    record(client, kind="rectification", said="le nom")
    row = Request.objects.get(dossier=dossier)
    move(client, row, "prendre")
    assert move(client, row, "prolonger", words="").status_code == 422
    assert move(client, row, "prolonger", words="Le professionnel est à interroger.").status_code == 302
    row.refresh_from_db()
    assert (row.first_due_on, row.due_on) == (dt.date(2027, 4, 10), dt.date(2027, 6, 10))
    assert move(client, row, "prolonger", words="Encore.").status_code == 422


def test_the_title_of_the_document_concerned_is_on_no_page_of_the_counter(client, dossier):
    document = make.DocumentFactory(dossier=dossier, title="Sérologie du premier mars")
    by = make.holder(dossier).actor
    asked = requests_about(document)
    row = requests.ask(dossier.pk, asked, by=by)
    page = client.get(address(row)).content.decode()
    assert document.pk.hex[-8:] in page
    assert "Sérologie" not in page + client.get(LIST).content.decode()
    assert Trace.objects.about(dossier.pk).filter(event="request_read", actor_kind="counter").count() == 1


def requests_about(document):
    return requests.Asked(
        kind="document",
        channel="web",
        requester="Antoine Marchand",
        identity="session",
        said="pas à moi",
        concerns=document.pk,
    )


def test_a_request_of_another_fund_does_not_exist(client, dossier, agent):
    other = make.DossierFactory(caisse=make.CaisseFactory(code="751", department="75"))
    asked = requests.Asked(kind="closure", channel="counter", requester="X", identity="passeport")
    row = requests.ask(other.pk, asked, by=agent.actor())
    assert client.get(address(row)).status_code == 404
    assert move(client, row, "prendre").status_code == 404
    assert client.get(f"{address(row)}recu/").status_code == 404
    assert row.on_paper not in client.get(LIST).content.decode()
    assert client.post(LIST, {"number": row.on_paper}).status_code == 200
    assert client.get(f"{LIST}{uuid.uuid4().hex}/").status_code == 404


def test_one_list_by_deadline_and_a_number_finds_its_request(client, dossier, time_machine):
    record(client, kind="rectification", said="le nom")
    record(client, kind="copy")
    first, second = Request.objects.filter(dossier=dossier).order_by("due_on")
    client.get(LIST)  # shows the messages of the acts
    page = client.get(LIST).content.decode()
    assert page.index(first.on_paper) < page.index(second.on_paper)
    assert client.post(LIST, {"number": first.on_paper.lower()})["Location"] == address(first)
    time_machine.move_to(NOON + dt.timedelta(days=10), tick=False)
    client.force_login(make.User.objects.get(email="karim@cpam.example.org"), backend=BACKEND)
    late = client.get(f"{LIST}?vue=retard").content.decode()
    assert first.on_paper in late
    assert "en retard de 2 jours" in late
    assert second.on_paper not in late


def test_the_operator_sees_contested_accesses_in_the_same_list(client, dossier, agent):
    Contest.objects.create(
        dossier=dossier,
        trace_id=uuid.uuid4(),
        reason="x",
        asked_by="holder:1",
        due_at=NOON + dt.timedelta(days=30),
    )
    assert "accès contesté" not in client.get(LIST).content.decode()
    agent.kind = "operator"
    agent.save()
    assert "accès contesté" in client.get(LIST).content.decode()


def test_letters_are_tagged_and_the_refusal_gives_the_ways_of_appeal(client, dossier):
    record(client, kind="copy")
    row = Request.objects.get(dossier=dossier)
    move(client, row, "prendre")
    move(client, row, "refuser", ground="identity", words="La pièce est illisible.")
    row.refresh_from_db()
    texts = {}
    for name in ("recu", "reponse"):
        with pikepdf.open(io.BytesIO(client.get(f"{address(row)}{name}/").content)) as pdf:
            assert pdf.Root.MarkInfo.Marked
            assert str(pdf.Root.Lang) == "fr"
        texts[name] = render_to_string(*request_letters.page(row, name))
    for word in (row.on_paper, "18 mars 2027", "L1111-7"):
        assert word in texts["recu"], word
    for word in ("CNIL", "CADA", "juge", "La pièce est illisible."):
        assert word in texts["reponse"], word


@pytest.mark.parametrize("kind", ["closure", "destruction"])
def test_who_closes_or_destroys_at_the_counter_is_told_what_she_loses_and_offered_a_copy(client, dossier, kind):
    """As on her own pages (CNIL 2016-258): on the agent's screen, and on the receipt that she takes home."""
    record(client, kind=kind)
    row = Request.objects.get(dossier=dossier)
    receipt = render_to_string(*request_letters.page(row, "recu"))
    with pikepdf.open(io.BytesIO(request_letters.render(row, "recu"))) as pdf:
        assert len(pdf.pages) == 1
    screen = client.get(address(row)).content.decode()
    for words in ("directives anticipées", "d'abord une copie"):
        assert words in receipt and (words in screen or kind == "destruction"), words
    assert "d&#x27;abord une copie" in screen or "d'abord une copie" in screen


@pytest.mark.parametrize("kind", CARRIED_OUT)
def test_nobody_says_that_what_the_service_carries_out_is_done(kind):
    row = Request(kind=kind, state="accepted", owner="counter:1")
    assert "faite" not in possible(row, "counter:1")
    assert "faite" in possible(Request(kind="contest", state="accepted", owner="counter:1"), "counter:1")


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("SELECT id, state, concerns FROM patients_request", True),
        ("SELECT id, size, seal FROM patients_requestpaper", True),
        ("SELECT sealed FROM patients_requestpaper", False),
        ("UPDATE patients_requestpaper SET sealed = ''", False),
        ("DELETE FROM patients_request", False),
        ("DELETE FROM patients_historicalrequest", False),
        ("UPDATE patients_historicalrequest SET answer = ''", False),
        ("SELECT public FROM patients_letterkey", True),
        ("INSERT INTO patients_letterkey VALUES (9, '', now())", False),
    ],
)
def test_the_counter_s_role_moves_requests_and_reads_no_letter(statement, allowed):
    known = connection.settings_dict
    with psycopg.connect(host=known["HOST"], dbname=known["NAME"], user="dmp_counter") as other:
        if allowed:
            other.execute(statement)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(statement)
        other.rollback()
    assert LetterKey.objects.count() == 0
