"""One dossier that cannot be destroyed keeps no other from it, and is told; what waits for a second person too."""

import datetime as dt

import pytest
from django.db import IntegrityError

from archival import carry_out, copies, destruction, holds, overdue
from audit.trail import Actor, ActorKind
from dmp import health
from patients import dossiers, requests
from patients.models import Channel, Dossier
from patients.models_requests import Kind
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
CLOSED = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)
AFTER = dt.datetime(2036, 3, 6, 0, 0, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ONE, TWO = (Actor(ActorKind.OPERATOR, name) for name in ("un", "deux"))


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch, code_tables):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)


def told(point):
    return next(one for one in health.answers() if one.name == point)


@pytest.mark.parametrize("failure", [OSError("disque"), IntegrityError("clé"), KeyError("x")])
@pytest.mark.parametrize("begun", [True, False])
def test_one_that_fails_keeps_no_other_waiting_and_is_told(time_machine, monkeypatch, caplog, failure, begun):
    time_machine.move_to(CLOSED, tick=False)
    bad, *_ = [make.DossierFactory(closed=True) for _ in range(3)]
    if begun:
        Dossier.objects.filter(pk=bad.pk).update(state="destroyed")
    time_machine.move_to(AFTER, tick=False)
    real = copies.forget

    def forget(dossier_id):
        if dossier_id == bad.pk:
            raise failure
        return real(dossier_id)

    monkeypatch.setattr(copies, "forget", forget)
    assert destruction.run() == 2
    assert list(Dossier.objects.values_list("pk", flat=True)) == [bad.pk]
    assert type(failure).__name__ in caplog.text and bad.pk.hex[-8:] not in caplog.text
    assert told("échéances").well  # due the day after, done within 24 hours
    time_machine.shift(DAY + dt.timedelta(hours=1))
    assert "1 dossiers devaient" in told("échéances").said
    monkeypatch.setattr(copies, "forget", real)
    assert destruction.run() == 1
    assert told("échéances").well


def test_a_run_stops_at_its_hour_and_the_next_goes_on(time_machine):
    time_machine.move_to(CLOSED, tick=False)
    make.DossierFactory.create_batch(3, closed=True)
    time_machine.move_to(AFTER, tick=False)
    assert destruction.run(seconds=0) == 1
    assert destruction.run(limit=1) == 1
    assert destruction.run() == 1


def early(dossier):
    asked = requests.Asked(kind=Kind.DESTRUCTION, channel=Channel.POST, requester="X", identity="lettre")
    row = requests.ask(dossier.pk, asked, by=ONE)
    requests.take(dossier.pk, row.pk, by=ONE)
    return requests.accept(dossier.pk, row.pk, "Oui.", by=ONE)


def test_an_early_destruction_that_fails_keeps_no_other_waiting_and_is_told(time_machine, monkeypatch):
    time_machine.move_to(CLOSED, tick=False)
    bad, good, held = make.DossierFactory.create_batch(3)
    for one in (bad, good, held):
        early(one)
    holds.put(held.pk, reason="plainte", evidence="PV 12", by=ONE)
    time_machine.shift(30 * DAY)

    def destroy(row, by):
        if row.dossier_id == bad.pk:
            raise KeyError("x")
        carry_out.destroy(row, by)

    monkeypatch.setitem(carry_out.CARRIERS, Kind.DESTRUCTION, destroy)
    assert carry_out.carry_out() == (1, 1)  # what is held is not tried
    assert Dossier.objects.get(pk=good.pk).state == "destroyed"
    assert overdue.dossiers(dt.datetime.now(dt.UTC)) == 0
    time_machine.shift(DAY + dt.timedelta(hours=1))
    assert overdue.dossiers(dt.datetime.now(dt.UTC)) == 2  # one not begun, one not ended


def test_a_hold_that_one_operator_set_is_recalled_after_a_week_and_goes_on_keeping(time_machine):
    time_machine.move_to(CLOSED, tick=False)
    dossier = make.DossierFactory()
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=ONE)
    hold = holds.put(dossier.pk, reason="plainte", evidence="PV 12", by=ONE)
    time_machine.shift(7 * DAY)
    assert told("gels").well
    time_machine.shift(dt.timedelta(hours=1))
    assert "1 gels attendent" in told("gels").said
    time_machine.move_to(AFTER, tick=False)
    assert destruction.run() == 0  # kept too long can be mended
    holds.confirm(dossier.pk, hold.pk, by=TWO)
    assert told("gels").well
    holds.ask_lift(dossier.pk, hold.pk, reason="classée", by=ONE)
    time_machine.shift(8 * DAY)
    assert not told("gels").well
