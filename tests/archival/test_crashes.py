"""Killed at every statement, commit and file operation of its life: a dossier is as before, or as after; and the next
run ends what was begun. Never between, never twice."""

import datetime as dt

import pytest
from django.conf import settings

from archival import carry_out, copies, destruction, holds, reopening, restored, tombstones
from archival.copies_models import Copy
from archival.models import Certificate, Tombstone
from audit.models import Trace
from audit.trail import Actor, ActorKind
from documents import contents, keys, vault
from documents.models import DataKey
from patients import dossiers, letters, requests
from patients.dossiers import Agreement
from patients.models import Channel, Consent, Dossier, Notice
from patients.models_requests import Kind, Request
from tests import factories as make
from tests.archival.fuse import burning, bury

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
HOLDER = Actor(ActorKind.HOLDER, "titulaire")
AGENT = Actor(ActorKind.COUNTER, "agent")
ONE, OTHER = Actor(ActorKind.OPERATOR, "un"), Actor(ActorKind.OPERATOR, "autre")
AGREED = Agreement("holder", "formulaire n° 7", Channel.COUNTER)
NOW = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)
AFTER = dt.datetime(2036, 3, 6, 11, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _ground(code_tables, time_machine, monkeypatch):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    time_machine.move_to(NOW, tick=False)


def small():
    """A dossier with a document, its file, its key, a right and an account; a copy that is ready, a letter to post, a
    hold that was lifted."""
    dossier = make.DossierFactory()
    make.holder_of(dossier)
    make.permit(dossier, make.ProfessionalFactory())
    document = make.DocumentFactory(dossier=dossier, size=3)
    contents.put(dossier.pk, document.pk, b"abc")
    row = Copy.objects.create(
        dossier=dossier, kind="digital", channel=Channel.WEB, asked_by="holder:x", state="ready", size=1, sha256=b"x",
        ready_at=NOW, expires_at=NOW + dt.timedelta(days=8),
    )  # fmt: skip
    copies.store().put(row.pk, vault.seal(keys.of(dossier.pk), row.pk, [b"abc"]))
    letters.folder().mkdir(exist_ok=True)
    (letters.folder() / f"acces-{make.holder_of(dossier).pk.hex}-1.pdf").touch()
    hold = holds.put(dossier.pk, reason="plainte", evidence="PV 12", by=ONE)
    holds.ask_lift(dossier.pk, hold.pk, reason="jugée", by=ONE)
    holds.lift(dossier.pk, hold.pk, by=OTHER)
    return dossier


def small_closed():
    dossier = small()
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=HOLDER)
    return dossier


def fate(dossier):
    """What is left of it, in every place: state, rows that the act writes, file, key."""
    keys = Dossier.objects.filter(pk=dossier.pk)
    document_id, copy_id = dossier.known_files
    return (
        keys.values_list("state", flat=True).first(),
        Trace.objects.about(dossier.pk).count(),
        Dossier.history.filter(id=dossier.pk).count(),
        Consent.objects.filter(dossier_id=dossier.pk).count(),
        Notice.objects.filter(dossier_id=dossier.pk).count(),
        tuple(Request.objects.filter(dossier_id=dossier.pk).values_list("state", flat=True)),
        contents.store().exists(document_id),
        copies.store().exists(copy_id),
        letters.folder().joinpath(dossier.known_letter).exists(),
        DataKey.objects.filter(dossier_id=dossier.pk).exists(),
    )


def everywhere(make_one, act):
    """Kills `act` at each of its steps, on a new dossier each time; yields (fate before, at the kill, dossier)."""
    at = 0
    while True:
        dossier = make_one()
        (copy,) = Copy.objects.filter(dossier=dossier).values_list("pk", flat=True)
        dossier.known_files = dossier.documents.get().pk, copy
        dossier.known_letter = f"acces-{make.holder_of(dossier).pk.hex}-1.pdf"
        before = fate(dossier)
        with burning(at) as fuse:
            try:
                act(dossier)
            except BaseException:
                if not fuse.is_blown:
                    raise
        if fuse.is_blown:
            bury()
        yield before, fate(dossier), dossier
        if not fuse.is_blown:
            assert fuse.steps == at  # each of its steps was the last of one run
            return
        at += 1


def close(dossier):
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=HOLDER)


def reopen(dossier):
    reopening.reopen(dossier.pk, agreement=AGREED, by=HOLDER)


@pytest.mark.parametrize(
    ("make_one", "act", "one", "other"), [(small, close, "open", "closed"), (small_closed, reopen, "closed", "open")]
)
def test_closing_and_reactivating_are_whole_or_nothing(make_one, act, one, other):
    kills, after = 0, set()
    for before, then, dossier in everywhere(make_one, act):
        kills += 1
        if then[0] == one:
            assert then == before  # nothing of it: no history, no trace, no consent, no notice
            act(dossier)
            then = fate(dossier)
        assert then[0] == other
        after.add(then)
    assert len(after) == 1  # killed anywhere and done again, or never killed: the same
    assert kills > 6


def accepted(kind=Kind.DESTRUCTION, made=small_closed):
    dossier = made()
    asked = requests.Asked(kind=kind, channel=Channel.POST, requester="X", identity="lettre")
    row = requests.ask(dossier.pk, asked, by=AGENT)
    requests.take(dossier.pk, row.pk, by=AGENT)
    requests.accept(dossier.pk, row.pk, "Oui.", by=AGENT)
    return dossier


def test_an_early_destruction_begins_with_its_request_done_or_not_at_all(time_machine):
    def make_one():
        time_machine.move_to(NOW, tick=False)
        dossier = accepted()
        time_machine.move_to(NOW + dt.timedelta(days=31), tick=False)
        return dossier

    for before, then, dossier in everywhere(make_one, lambda dossier: carry_out.carry_out()):
        if then[0] == "closed":
            assert then == before
            assert carry_out.carry_out() == (1, 0)
            then = fate(dossier)
        assert (then[0], then[5]) == ("destroyed", ("done",))


@pytest.mark.parametrize(
    ("kind", "made", "one", "other"),
    [(Kind.CLOSURE, small, "open", "closed"), (Kind.REOPENING, small_closed, "closed", "open")],
)
def test_what_was_asked_for_is_done_with_its_request_or_not_at_all(kind, made, one, other):
    for before, then, _ in everywhere(lambda: accepted(kind, made), lambda dossier: carry_out.carry_out()):
        if then[0] == one:
            assert then == before
            assert carry_out.carry_out() == (1, 0)
        else:
            assert (then[0], then[5]) == (other, ("done",))


GONE = (None, 0, 0, 0, 0, (), False, False, False, False)


def test_what_a_backup_brought_back_goes_whole_or_stays_for_the_next_start():
    """Opened, as the backup had it; the journal alone knows that it was destroyed."""

    def make_one():
        dossier = small()
        tombstones.lay(dossier.pk)
        Tombstone.objects.all().delete()
        return dossier

    done = 0
    for before, then, dossier in everywhere(make_one, lambda dossier: list(restored.replay(restored.come_back()))):
        assert then[0] in ("open", "destroyed", None)
        if then[0] == "open":
            assert then == before
        list(restored.replay(restored.come_back()))
        assert fate(dossier) == GONE and tombstones.unknown() == set()
        done += 1
        assert Certificate.objects.count() == done
        Tombstone.objects.all().delete()
        for path in settings.TOMBSTONES:
            path.unlink()
    assert done > 40


def test_a_destruction_killed_anywhere_is_not_begun_or_ends_at_the_next_run(time_machine):
    def make_one():
        time_machine.move_to(NOW, tick=False)
        dossier = small_closed()
        time_machine.move_to(AFTER, tick=False)
        return dossier

    done = 0
    for before, then, dossier in everywhere(make_one, lambda dossier: destruction.run(limit=10)):
        state = then[0]
        if state == "closed":
            assert then == before
        elif state == "destroyed":
            assert then[1:6] == before[1:6]  # its rows, histories and traces leave all together
        else:
            assert then == GONE
        destruction.run(limit=10)
        assert fate(dossier) == GONE
        done += 1
        assert Certificate.objects.count() == Tombstone.objects.count() == done  # once each, never twice
    assert done > 40
