"""Two at once: a reactivation and a destruction, two destructions, a hold and a destruction. One of them finds the
state that the other left; nothing is done twice, nothing by halves."""

import datetime as dt
import re
import threading
import uuid
from contextlib import contextmanager

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction

from access import gate
from archival import carry_out, destruction, holds, reopening
from archival.models import Certificate, Tombstone
from audit import trail
from audit.trail import Actor, ActorKind, Event
from documents import contents, own
from documents.vault import Unreadable
from patients import dossiers, notices, requests
from patients.dossiers import Agreement
from patients.models import Channel, Dossier, Notice
from patients.models_requests import Kind
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BY = Actor(ActorKind.OPERATOR, "un")
AGREED = Agreement("holder", "formulaire n° 7", Channel.COUNTER)
CLOSED = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)
LAST_DAY = dt.datetime(2036, 3, 5, 22, 30, tzinfo=dt.UTC)
AFTER = LAST_DAY + dt.timedelta(hours=2)


@pytest.fixture
def due(code_tables, time_machine, monkeypatch):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    time_machine.move_to(CLOSED, tick=False)
    dossier = make.DossierFactory(closed=True)
    document = make.DocumentFactory(dossier=dossier, size=3)
    contents.put(dossier.pk, document.pk, b"abc")
    time_machine.move_to(AFTER, tick=False)
    return dossier


@contextmanager
def under_way(act):
    """`act` is done by somebody else, whose transaction stays open until the body is through."""
    begun, over = threading.Event(), threading.Event()

    def work():
        with transaction.atomic():
            act()
            begun.set()
            over.wait(10)
        connections.close_all()

    other = threading.Thread(target=work)
    other.start()
    assert begun.wait(10)
    yield
    over.set()
    other.join()


def test_a_destruction_leaves_alone_what_is_being_reactivated(due, time_machine):
    def reactivate():
        time_machine.move_to(LAST_DAY, tick=False)
        reopening.reopen(due.pk, agreement=AGREED, by=BY)
        time_machine.move_to(AFTER, tick=False)

    with under_way(reactivate):
        assert destruction.run(limit=10) == 0
    assert Dossier.objects.get(pk=due.pk).is_open
    assert destruction.run(limit=10) == 0
    assert contents.read(due.documents.get()) == b"abc"


def test_what_is_being_destroyed_is_not_reactivated_nor_held(due, time_machine):
    assert destruction._claim(due.pk)
    time_machine.move_to(LAST_DAY, tick=False)
    with pytest.raises(ValidationError):
        reopening.reopen(due.pk, agreement=AGREED, by=BY)
    with pytest.raises(ValidationError):
        holds.put(due.pk, reason="plainte", evidence="PV 12", by=BY)


def test_a_hold_being_set_is_waited_for_or_left_to_the_next_run(due):
    with under_way(lambda: holds.put(due.pk, reason="plainte", evidence="PV 12", by=BY)):
        assert destruction.run(limit=10) == 0
    assert destruction.run(limit=10) == 0
    assert Dossier.objects.get(pk=due.pk).state == "closed"


def test_two_runs_at_once_destroy_each_dossier_once(due, time_machine):
    time_machine.move_to(CLOSED, tick=False)
    make.DossierFactory.create_batch(5, closed=True)
    time_machine.move_to(AFTER, tick=False)
    done = []

    def run():
        done.append(destruction.run(limit=10))
        connections.close_all()

    runs = [threading.Thread(target=run) for _ in range(3)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    destruction.run(limit=10)  # what each left to the others
    assert not Dossier.objects.exists()
    assert Certificate.objects.count() == Tombstone.objects.count() == 6


# -- who waits for whom: never each for the other --------------------------------------------------------------------
def asked(dossier, kind):
    said = requests.Asked(kind=kind, channel=Channel.POST, requester="X", identity="lettre")
    row = requests.ask(dossier.pk, said, by=BY)
    requests.take(dossier.pk, row.pk, by=BY)
    return requests.accept(dossier.pk, row.pk, "Oui.", by=BY)


@pytest.fixture
def early(code_tables, time_machine, monkeypatch):
    """Its early destruction may be carried out."""
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    time_machine.move_to(CLOSED, tick=False)
    dossier = make.DossierFactory(closed=True)
    dossier.request = asked(dossier, Kind.DESTRUCTION)
    time_machine.shift(dt.timedelta(days=31))
    return dossier


def hold(dossier):
    holds.put(dossier.pk, reason="plainte", evidence="PV 12", by=BY)


CROSSED = {
    "reopen": lambda dossier: reopening.reopen(dossier.pk, agreement=AGREED, by=BY),
    "cancel": lambda dossier: requests.cancel(dossier.pk, dossier.request.pk, by=BY),
    "hold": hold,
    "carry out": lambda dossier: carry_out.carry_out(),
}


@pytest.mark.parametrize("one", CROSSED)
@pytest.mark.parametrize("other", CROSSED)
def test_an_early_destruction_and_what_stops_it_come_one_after_the_other(early, one, other):
    """The second begins when the first has its first lock: one of them is refused, or both are done."""
    failed = crossed(early, CROSSED[one], CROSSED[other])
    assert [error for error in failed if not isinstance(error, ValidationError)] == []
    state = Dossier.objects.values_list("state", flat=True).get(pk=early.pk)
    request = requests.of(early.pk, early.request.pk).state
    kept = holds.keeps(early.pk)
    assert (state, request, kept) in {
        ("open", "cancelled", False), ("open", "cancelled", True), ("closed", "cancelled", False),
        ("closed", "cancelled", True), ("closed", "accepted", True), ("destroyed", "done", False),
    }  # fmt: skip


def crossed(dossier, one, other):
    """What each of the two raised. `one` stops after its first lock, until `other` waits for it, or has ended."""
    failed, begun, over = [], threading.Event(), threading.Event()

    def stopping(execute, sql, *rest):
        answer = execute(sql, *rest)
        if re.search(r"FOR (NO KEY )?UPDATE", sql) and not begun.is_set():
            begun.set()
            waited_for(over)
        return answer

    def first():
        with connection.execute_wrapper(stopping):
            one(dossier)

    def second():
        begun.wait(10)
        try:
            other(dossier)
        finally:
            over.set()

    def guarded(act):
        try:
            act()
        except Exception as error:  # noqa: BLE001 (judged by the test)
            failed.append(error)
        finally:
            begun.set()
            connections.close_all()

    threads = [threading.Thread(target=guarded, args=[act]) for act in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return failed


def waited_for(over):
    """Until somebody waits for a lock of this transaction, or nobody will."""
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] or over.is_set():
                return
        over.wait(0.01)


def test_who_traces_then_tells_and_who_closes_do_not_wait_for_each_other(code_tables):
    """The head of the trail, then a row under the dossier; the dossier, then the head of its trail."""
    dossier = make.DossierFactory()

    told, over = threading.Event(), threading.Event()

    def reader():
        with transaction.atomic():
            trail.record(Event.DOCUMENT_READ, by=BY, dossier_id=dossier.pk)
            told.set()
            waited_for(over)
            notices.tell(dossier.pk, Notice.Kind.ACCESS)
        connections.close_all()

    thread = threading.Thread(target=reader)
    thread.start()
    assert told.wait(10)
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=BY)
    over.set()
    thread.join(20)
    assert Notice.objects.filter(dossier=dossier, kind="access").exists()


def test_a_deposit_under_way_ends_before_the_closing_or_is_refused_by_it(code_tables):
    dossier = make.DossierFactory()
    caller = make.holder(dossier)

    def deposit(dossier):
        own.deposit(
            caller, dossier.pk, content=b"abc", media_type="text/plain", title="x", type_code="EXPPAT_2",
            sending=uuid.uuid4(),
        )  # fmt: skip

    def close(dossier):
        dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=BY)

    failed = crossed(dossier, close, deposit)
    assert [type(error) for error in failed] == [gate.Refused]
    assert not Dossier.objects.get(pk=dossier.pk).is_open and not dossier.documents.exists()


def test_a_backup_of_the_files_does_not_open_without_the_key(due):
    document = due.documents.get()
    path = contents.store().path(document.pk)
    kept = path.read_bytes()
    assert destruction.run(limit=10) == 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(kept)  # an older backup brings the file back, and its row
    with pytest.raises(Unreadable):
        contents.read(document)
