"""Who was at work on a dossier when it is destroyed writes nothing more of it: no trace with a name, no key, no file,
no row. And what a late writer left all the same, a crash between two of its steps, is swept."""

import datetime as dt
import threading
import uuid

import pytest
from django.db import connection, connections
from django.utils import timezone

from access import gate
from access.facts import Act
from archival import copies, destruction, digital, paper, remains, sweep, tombstones
from archival.models import Sweep
from audit import trail
from audit.models import NO_DOSSIER, Trace
from audit.trail import SYSTEM, Actor, ActorKind, Event
from dmp import health
from documents import content, contents, deposits, keys, leaving, own, papers
from documents.models import DataKey
from documents.vault import SEGMENT, MasterKeys, Unreadable
from fhir.problems import Problem
from patients.models import ConsentPaper, Dossier
from tests import factories as make
from tests.archival import laid

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def _ground(code_tables, monkeypatch):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)


def destroy(dossier):
    """By another process, whole: claim, tombstone, key, files, rows."""
    closed = timezone.now() - dt.timedelta(days=4100)
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=closed, closure="DEMANDE_TITULAIRE")

    def work():
        assert destruction.destroy(dossier.pk) is not None
        connections.close_all()

    other = threading.Thread(target=work)
    other.start()
    other.join(20)
    assert not Dossier.objects.filter(pk=dossier.pk).exists()


def gone(dossier):
    """Nothing of it anywhere, files included; and nobody's name in the traces of no dossier."""
    assert {table: count for table, count in remains.rows_of(dossier.pk).items() if count} == {}
    assert not remains.has_key(dossier.pk)
    assert list(contents.store().names()) == list(copies.store().names()) == []
    for trace in Trace.objects.about(NO_DOSSIER):
        said = (trace.actor_name, trace.actor_id, trace.object_title, trace.object_id, trace.reason, trace.detail)
        assert trace.actor_kind in ("professional", "system") or said == ("", "", "", None, "", {})
    return True


# -- each of them caught in the middle -----------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["digital", "paper"])
def test_a_copy_in_the_making_is_no_more(kind, monkeypatch):
    dossier = laid.dossier()
    laid.lay(dossier)

    def pieces(chosen, progress):
        destroy(dossier)
        yield b"quetsche"

    monkeypatch.setattr(digital if kind == "digital" else paper, "pieces", pieces)
    laid.ask(dossier, kind)  # made at once
    assert gone(dossier)


def test_a_copy_that_fails_because_its_documents_went_fails_in_silence(monkeypatch):
    dossier = laid.dossier()
    document = laid.lay(dossier)

    def pieces(chosen, progress):
        destroy(dossier)
        yield from contents.pieces(document)

    monkeypatch.setattr(digital, "pieces", pieces)
    laid.ask(dossier)
    assert gone(dossier)


def test_a_download_leaves_a_trace_without_dossier_nor_name():
    dossier = make.DossierFactory()
    document = laid.lay(dossier, content=b"x" * 2 * SEGMENT)
    caller = make.holder(dossier)
    with gate.enter(caller, Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
        entry.trace(object_id=document.pk)
    leaves = leaving.guarded(contents.pieces(document), entry, document)
    next(leaves)
    destroy(dossier)
    with pytest.raises(leaving.Ended):
        next(leaves)
    assert gone(dossier)
    assert Trace.objects.about(NO_DOSSIER).get().ground == "absent"


@pytest.mark.parametrize("ending", ["well", "refused"])
def test_a_deposit_caught_by_the_destruction_leaves_no_key_no_file_no_trace(ending, monkeypatch):
    dossier = make.DossierFactory()
    real = deposits.examine

    def examine(submission):
        destroy(dossier)
        if ending == "refused":
            raise Problem(422, "invalid", "Refusé.")
        return real(submission)

    monkeypatch.setattr(deposits, "examine", examine)
    with pytest.raises(gate.Absent if ending == "well" else own.NotTaken):
        own.deposit(
            make.holder(dossier), dossier.pk, content=b"quetsche", media_type="text/plain", title="Lettre",
            type_code="EXPPAT_2", sending=uuid.uuid4(),
        )  # fmt: skip
    assert gone(dossier)


def test_a_letter_being_sealed_is_sealed_for_nobody(monkeypatch):
    dossier = make.DossierFactory()
    papers.publish()
    ConsentPaper.objects.create(
        dossier=dossier, consent_id=dossier.opening_consent_id, media_type="text/plain", size=1, key_version=1,
        sealed=b"x",
    )  # fmt: skip
    closed = timezone.now() - dt.timedelta(days=4100)
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=closed, closure="DEMANDE_TITULAIRE")
    other = threading.Thread(target=lambda: (destruction.destroy(dossier.pk), connections.close_all()))

    def unseal(*args):
        other.start()
        until = timezone.now() + dt.timedelta(seconds=10)
        while DataKey.objects.exists() or Dossier.objects.get(pk=dossier.pk).state != "destroyed":
            assert timezone.now() < until
        return b"quetsche"

    monkeypatch.setattr(papers.sealing, "unseal", unseal)
    monkeypatch.setattr(content, "inspect", lambda letter, media_type: None)
    papers.reseal()
    other.join(20)
    assert not other.is_alive()
    assert papers.reseal() == 0
    assert gone(dossier)


@pytest.mark.parametrize("state", ["destroyed", "gone"])
def test_no_key_is_made_for_a_dossier_that_is_destroyed(state):
    dossier = make.DossierFactory(closed=True)
    Dossier.objects.filter(pk=dossier.pk).update(state="destroyed")
    if state == "gone":
        destruction.destroy(dossier.pk)
    with pytest.raises(Unreadable):
        keys.make(dossier.pk)
    assert not DataKey.objects.exists()


def test_a_key_being_made_is_waited_for_and_goes_with_the_others(monkeypatch):
    """The first deposit of a dossier: its destruction comes after the key, or before, and there is none."""
    dossier = make.DossierFactory()
    real, claimed = MasterKeys.wrap, []
    closed = timezone.now() - dt.timedelta(days=4100)
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=closed, closure="DEMANDE_TITULAIRE")

    def other(*args):
        thread = threading.Thread(
            target=lambda: (claimed.append(destruction._claim(dossier.pk)), connections.close_all())
        )
        thread.start()
        thread.join(20)
        return real(*args)

    monkeypatch.setattr(MasterKeys, "wrap", other)
    keys.make(dossier.pk)
    assert claimed == [False]
    assert destruction.destroy(dossier.pk) is not None
    assert gone(dossier)


@pytest.mark.parametrize("kind", [ActorKind.HOLDER, ActorKind.REPRESENTATIVE, ActorKind.CARER])
def test_the_trail_names_no_person_where_there_is_no_dossier_any_more(kind):
    dossier = make.DossierFactory(closed=True)
    Dossier.objects.filter(pk=dossier.pk).update(state="destroyed")
    by = Actor(kind, "compte", "Zébulon Quetsche", on_behalf_of="compte")
    for number in (dossier.pk, uuid.uuid4()):
        trail.record(Event.DOCUMENT_READ, by=by, dossier_id=number, object_id=uuid.uuid4(), object_title="Lettre")
    assert not Trace.objects.about(dossier.pk).exists()
    for trace in Trace.objects.about(NO_DOSSIER):
        assert (trace.actor_id, trace.actor_name, trace.on_behalf_of, trace.object_title) == ("", "", "", "")
        assert trail.leaf_of(trace) == bytes(trace.leaf)


# -- what a crash left all the same --------------------------------------------------------------------------------
def left_behind(dossier_id):
    """A trace, a history row and a key of a dossier that is nowhere."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_tracehead (dossier_id, seq) VALUES (%s, 1)", [dossier_id])
        cursor.execute(
            "INSERT INTO audit_trace SELECT (jsonb_populate_record(t, jsonb_build_object('dossier_id', %s::text, "
            "'id', gen_random_uuid(), 'seq', 1))).* FROM audit_trace t LIMIT 1",
            [str(dossier_id)],
        )
    before = timezone.now() - dt.timedelta(hours=2)
    DataKey.objects.create(dossier_id=dossier_id, version=1, wrapped=b"x", created_at=before)


def told():
    return next(answer for answer in health.answers() if answer.name == "restes")


def test_what_is_left_of_a_destroyed_dossier_is_swept_and_what_was_never_destroyed_is_told():
    kept = make.DossierFactory()
    keys.make(kept.pk)
    trail.record(Event.SHEET_READ, by=SYSTEM, dossier_id=kept.pk)
    before = remains.rows_of(kept.pk)
    trail.record(Event.SIGN_IN_REFUSED, by=SYSTEM, dossier_id=None)
    destroyed, unheard = uuid.uuid4(), uuid.uuid4()
    for one in (destroyed, unheard):
        left_behind(one)
    tombstones.lay(destroyed)
    sweep.run()
    assert not any(remains.rows_of(destroyed).values()) and not remains.has_key(destroyed)
    # Without a tombstone nothing is removed: an older database may be the reason, and the key may open a backup.
    assert remains.rows_of(unheard)["audit_trace"] == 1 and remains.has_key(unheard)
    assert remains.rows_of(kept.pk) == before and remains.has_key(kept.pk)
    assert Trace.objects.about(NO_DOSSIER).count() == 1
    row = Sweep.objects.get()
    assert (row.swept, row.unknown) == (1, 1)
    assert "1 dossiers" in told().said and not told().well
    tombstones.lay(unheard)
    sweep.run()
    assert told().well


def test_a_dossier_that_a_backup_brought_back_goes_in_the_night_at_the_latest():
    dossier = make.DossierFactory()
    tombstones.lay(dossier.pk)
    sweep.run()
    assert gone(dossier)


def test_a_sweep_that_does_not_come_is_told(time_machine):
    sweep.run()
    assert told().well
    time_machine.move_to(timezone.now() + dt.timedelta(days=3))
    assert not told().well


def test_the_application_s_role_still_removes_no_trace_of_no_dossier():
    trail.record(Event.SIGN_IN_REFUSED, by=SYSTEM, dossier_id=None)
    with pytest.raises(Exception, match="only the traces of a destroyed dossier"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_forget_dossier(%s)", [NO_DOSSIER])
    assert Trace.objects.count() == 1
