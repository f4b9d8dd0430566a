"""Two at once: a reactivation and a destruction, two destructions, a hold and a destruction. One of them finds the
state that the other left; nothing is done twice, nothing by halves."""

import datetime as dt
import threading
from contextlib import contextmanager

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction

from archival import destruction, holds, reopening
from archival.models import Certificate, Tombstone
from audit.trail import Actor, ActorKind
from documents import contents
from documents.vault import Unreadable
from patients.dossiers import Agreement
from patients.models import Channel, Dossier
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


def test_a_backup_of_the_files_does_not_open_without_the_key(due):
    document = due.documents.get()
    path = contents.store().path(document.pk)
    kept = path.read_bytes()
    assert destruction.run(limit=10) == 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(kept)  # an older backup brings the file back, and its row
    with pytest.raises(Unreadable):
        contents.read(document)
