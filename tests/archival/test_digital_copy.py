"""A digital copy: what is in it, that it holds together, and that what is hidden from its reader changes no byte."""

import csv
import datetime as dt
import hashlib
import io
import json
import os
import re
from html.parser import HTMLParser

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from access import gate
from access.models import Representation
from archival import copies
from archival.copies_models import Copy
from audit import trail
from audit.models import Trace
from audit.scoped import uuid7
from audit.trail import Actor, ActorKind, Event
from documents import contents, entries
from documents.models import CareLine, Result
from documents.vault import SEGMENT
from patients import dossiers
from patients.models import Dossier
from tests import factories as make
from tests.archival import laid

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground(code_tables, time_machine):
    time_machine.move_to("2026-11-24T10:00:00Z", tick=False)


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.found += [value for name, value in attributes if name in ("href", "src", "action")]


def test_it_holds_the_originals_and_everything_that_describes_them(ground):
    dossier = laid.dossier()
    lot = laid.lot(dossier)
    biology = laid.lay(
        dossier, "antoine/biologie-20251218.xml", type_code="11502-2", family="biologie", title="Biologie"
    )
    note = laid.lay(dossier, title="=cmd|' /C calc'!A1", submission_set=lot, masked=True)
    row = laid.made(laid.ask(dossier))
    assert (row.state, row.left_out, set(row.contains)) == ("ready", 0, {biology.pk, note.pk})
    assert row.expires_at - row.ready_at == laid.days(8)
    content = laid.given(row)
    assert hashlib.sha256(content).digest() == bytes(row.sha256) and len(content) == row.size
    files = laid.unzipped(content)

    said = laid.manifest(files)
    assert {one["path"] for one in said["files"]} == set(files) - {"manifest.json"}
    for one in said["files"]:
        assert (len(files[one["path"]]), hashlib.sha256(files[one["path"]]).hexdigest()) == (
            one["size"],
            one["sha256"],
        )
    assert hashlib.sha256(files["dossier.json"]).hexdigest() == said["canonical_digest"]

    originals = {name: text for name, text in files.items() if name.startswith("documents/")}
    assert {hashlib.sha256(text).digest() for text in originals.values()} == {biology.sha256, note.sha256}
    assert b"moglobine" in next(text for name, text in files.items() if name.startswith("lisible/"))

    table = list(csv.DictReader(io.StringIO(files["donnees/documents.csv"].decode("utf-8-sig")), delimiter=";"))
    assert {line["Titre"] for line in table} == {"Biologie", "'=cmd|' /C calc'!A1"}  # no formula
    assert {line["Masqué"] for line in table} == {"oui", "non"}
    results = list(csv.DictReader(io.StringIO(files["donnees/resultats.csv"].decode("utf-8-sig")), delimiter=";"))
    assert len(results) == Result.objects.filter(dossier=dossier).count() > 5
    trace = files["donnees/trace.csv"].decode("utf-8-sig")
    assert "demandé une copie du dossier" in trace

    bundle = json.loads(files["fhir/bundle.json"])
    kinds = [one["resource"]["resourceType"] for one in bundle["entry"]]
    assert sorted(kinds) == ["DocumentReference", "DocumentReference", "List", "Patient"]
    patient = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    assert patient["identifier"][0]["value"] == laid.number(dossier) and patient["birthDate"] == "1997-02-14"
    for one in bundle["entry"]:
        for attached in one["resource"].get("content", []):
            assert attached["attachment"]["url"].removeprefix("../") in originals
    assert "@INS@" not in files["fhir/bundle.json"].decode()


def test_its_page_opens_without_a_network(ground):
    """No address outside of the copy, no script, and each link leads to one of its files."""
    dossier = laid.dossier()
    for name in ("antoine/biologie-20241203.xml", "antoine/biologie-20251218.xml"):
        laid.lay(dossier, name, type_code="11502-2", family="biologie", title="<script>alert(1)</script>")
    files = laid.unzipped(laid.given(laid.made(laid.ask(dossier))))
    page = files["index.html"].decode()
    assert "<script" not in page.lower() and not re.search(r"https?://", page)
    links = Links(page).found
    assert len(links) > 8 and set(links) <= set(files)
    assert page.count("<svg") >= 5 and '<html lang="fr">' in page


def test_what_a_parent_may_not_see_changes_no_byte_of_his_copy(ground):
    """D11, D12, R1111-53: secret documents, those that await an announcement, their results, their traces."""
    dossier = laid.dossier(birth_date=dt.date(2014, 5, 3))
    shown = laid.lay(dossier, title="Vaccins", unique_id="urn:uuid:1")
    before = laid.made(laid.ask(dossier, role="parent"))
    alone = laid.unzipped(laid.given(before))
    copies.destroy(before, by=laid.HOLDER, why="test")
    hidden = [
        laid.lay(dossier, "antoine/biologie-20251218.xml", type_code="11502-2", title="Secret", secret=True),
        laid.lay(dossier, title="Attente", withheld=True, visible_from=timezone.now() + laid.days(20)),
        laid.lay(dossier, title="Parti", state="deleted"),
    ]
    CareLine.objects.create(
        dossier=dossier, source="691", line="1", version=1, kind="biologie", label="Secret", amount=1, reimbursed=1,
        care_date=timezone.localdate(hidden[0].created), paid_date=timezone.localdate(),
    )  # fmt: skip
    shown.replaces = hidden[0]
    shown.fhir = entries.text_of(shown, "1.2.250.1.213.1.4.10")
    shown.save(update_fields=["replaces", "fhir"])
    doctor = Actor(ActorKind.PROFESSIONAL, "899999999999", "DR Paul MOREL", profession="10")
    for one in hidden[:2]:  # that something withdrawn was read is no secret
        trail.record(
            Event.DOCUMENT_READ, by=doctor, dossier_id=dossier.pk, object_kind="document", object_id=one.pk,
            object_title=one.title, detail={"secret": True},
        )  # fmt: skip
    row = laid.made(laid.ask(dossier, role="parent"))
    files = laid.unzipped(laid.given(row))
    assert row.left_out == 2  # said to the operator alone
    assert set(files) == set(alone)
    # What was done with the first copy is in the trace of the second.
    assert {name for name in files if files[name] != alone[name]} == {"donnees/trace.csv", "manifest.json"}
    for text in files.values():
        assert not re.search(rb"Secret|Attente|Parti|laiss", text)
    lines = files["donnees/trace.csv"].decode().count("\r\n") - alone["donnees/trace.csv"].decode().count("\r\n")
    assert lines == 4  # fetched, destroyed, asked again, made again: nothing of what was hidden


def test_it_is_decided_again_when_the_worker_runs(ground):
    dossier = laid.dossier()
    laid.lay(dossier)
    row = laid.ask(dossier)
    Representation.objects.filter(dossier=dossier).update(until=timezone.now())
    row = laid.made(row)
    assert row.state == "failed" and not copies.store().exists(row.pk)
    refused = Trace.objects.get(dossier_id=dossier.pk, event="copy_made")
    assert (refused.allowed, refused.ground) == (False, "not_concerned")


def test_a_carer_has_no_copy_whatever_he_may_read(ground):
    dossier = laid.dossier()
    carer = make.UserFactory()
    Representation.objects.create(
        dossier=dossier, user=carer, role="carer", rights=["read", "masked", "trail"], recorded_by="test"
    )
    with pytest.raises(gate.Refused):
        copies.ask(dossier.pk, kind=Copy.Kind.PAPER, by=laid.HOLDER, asker=carer)


def test_a_closed_dossier_is_copied_on_a_recorded_request_only(ground):
    """D13."""
    dossier = laid.dossier(closed=True)
    laid.lay(dossier)
    with pytest.raises(gate.Refused):
        laid.ask(dossier)
    row = laid.made(laid.ask(dossier, request_id=uuid7(), channel="post"))
    assert row.state == "ready" and len(row.contains) == 1
    assert copies.destroy_ended() == 0


def test_a_copy_is_given_no_more_when_one_of_its_documents_went_away(ground):
    dossier = laid.dossier()
    document = laid.lay(dossier)
    row = laid.made(laid.ask(dossier))
    document.state = "deleted"
    document.save(update_fields=["state"])
    with pytest.raises(copies.Gone):
        laid.given(row)


def test_a_copy_whose_document_cannot_be_read_is_none(ground):
    dossier = laid.dossier()
    document = laid.lay(dossier)
    path = contents.store().path(document.pk)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert laid.made(laid.ask(dossier)).state == "failed"


def test_eight_days_then_nothing(ground, time_machine, django_capture_on_commit_callbacks):
    dossier = laid.dossier()
    laid.lay(dossier)
    row = laid.made(laid.ask(dossier))
    assert copies.store().exists(row.pk)
    assert b"Une note" not in copies.store().path(row.pk).read_bytes()
    time_machine.shift(laid.days(8) - dt.timedelta(seconds=1))
    assert copies.destroy_ended() == 0 and laid.given(row)
    time_machine.shift(2)
    with pytest.raises(copies.Gone):  # whether or not the task has passed
        laid.given(row)
    with django_capture_on_commit_callbacks(execute=True):
        assert copies.destroy_ended() == 1
    assert not copies.store().exists(row.pk) and laid.fresh(row).state == "destroyed"
    assert Trace.objects.filter(dossier_id=dossier.pk, event="copy_destroyed").count() == 1


def test_a_closing_destroys_the_copies_of_the_page(ground, django_capture_on_commit_callbacks):
    dossier = laid.dossier()
    laid.lay(dossier)
    row = laid.made(laid.ask(dossier))
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=laid.HOLDER)
    with pytest.raises(gate.Refused):
        laid.given(row)
    with django_capture_on_commit_callbacks(execute=True):
        assert copies.destroy_ended() == 1
    assert not copies.store().exists(row.pk)


def test_a_copy_that_is_leaving_stops_at_the_segment_where_the_dossier_closes(ground):
    """As a document does (`documents.leaving`): 64 KiB later, and no more."""
    dossier = laid.dossier()
    laid.lay(dossier, content=os.urandom(500_000).hex().encode())
    row = laid.made(laid.ask(dossier))
    assert row.size > 6 * SEGMENT
    leaving = copies.give(row, by=laid.HOLDER)
    assert len(next(leaving)) == SEGMENT
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=laid.HOLDER)
    with pytest.raises(copies.Gone):
        next(leaving)


def test_a_destruction_takes_the_files_of_copies_with_it(ground):
    """Called by `destruction.destroy`, whose other steps are tested where they are."""
    dossier = laid.dossier()
    row = laid.made(laid.ask(dossier))
    other = laid.made(laid.ask(make.DossierFactory()))
    copies.forget(dossier.pk)
    assert not copies.store().exists(row.pk) and copies.store().exists(other.pk)


def test_a_worker_that_died_is_followed_by_another_three_times_at_most(ground, time_machine):
    dossier = laid.dossier()
    row = laid.ask(dossier)
    assert copies.claim(row.dossier_id, row.pk) is not None
    assert copies.claim(row.dossier_id, row.pk) is None  # somebody has it
    for _ in range(2):
        time_machine.shift(601)
        assert [one.pk for one in copies.forgotten(timezone.now())] == [row.pk]
        assert copies.claim(row.dossier_id, row.pk) is not None
    time_machine.shift(601)
    assert copies.claim(row.dossier_id, row.pk) is None and laid.fresh(row).state == "failed"


def test_files_that_a_crash_left_are_swept(ground):
    store = copies.store()
    store.put(uuid7(), [b"x"])
    kept = laid.made(laid.ask(laid.dossier()))
    hour_later = max(written for _, written in store.names()) + 3601
    assert copies.sweep(hour_later) == 1 and store.exists(kept.pk)


def test_one_copy_of_a_kind_at_a_time_three_for_one_who_asks_and_nothing_told_of_others(ground):
    dossier = laid.dossier()
    first = laid.ask(dossier)
    with pytest.raises(ValidationError, match="déjà en préparation"):
        laid.ask(dossier)
    laid.made(first)
    laid.ask(dossier, "paper")
    laid.ask(dossier, "sealed")
    with pytest.raises(ValidationError, match="Vous avez déjà 3 copies"):
        laid.ask(dossier)
    laid.ask(dossier, "paper", role="guardian")
