"""By a clock that is wrong nothing is dated nor destroyed: two that disagree, one that jumped, one that went back."""

import datetime as dt
import io

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from archival import carry_out, destruction
from audit.models import Trace
from audit.trail import Actor, ActorKind
from dmp import health
from patients import clocks, dossiers
from patients.models import Clock, Dossier
from tests import factories as make
from tests.archival.test_operators_lifecycle import operators  # noqa: F401 (a fixture)

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
BY = Actor(ActorKind.HOLDER, "titulaire")
DAY = dt.timedelta(days=1)


@pytest.fixture
def dossier(code_tables):
    """As production: no clock but the database's is believed."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dmp.any_clock = 'off'")
    Clock.objects.all().delete()
    return make.DossierFactory()


def close(dossier):
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=BY)


def remembered(ago):
    """The service last believed the hour so long ago; it believes three days more."""
    at = dt.datetime.now(dt.UTC) - ago
    Clock.objects.update_or_create(id=1, defaults={"seen_at": at, "good_until": at + 3 * DAY})


@pytest.mark.parametrize("shift", [-20 * 365 * DAY, dt.timedelta(minutes=-6), dt.timedelta(minutes=6), 3650 * DAY])
def test_a_closing_is_dated_by_the_hour_of_the_database_or_is_not_done(dossier, shift, time_machine):
    time_machine.move_to(dt.datetime.now(dt.UTC) + shift)
    with pytest.raises(ValidationError) as said:
        close(dossier)
    assert said.value.code == "clock"
    assert Dossier.objects.get(pk=dossier.pk).is_open
    assert not Trace.objects.about(dossier.pk).filter(event="dossier_closed").exists()
    time_machine.move_to(dt.datetime.now(dt.UTC) - shift)
    close(dossier)


@pytest.mark.parametrize(
    ("ago", "believed"),
    [
        (dt.timedelta(minutes=10), True),
        (2 * DAY, True),
        (4 * DAY, False),  # a jump, or a long rest: nobody can tell
        (20 * 365 * DAY, False),
        (-20 * 365 * DAY, False),  # back at the year of the battery
        (dt.timedelta(minutes=-6), False),
    ],
    ids=str,
)
def test_two_clocks_of_one_machine_that_are_wrong_together_are_seen_by_what_is_remembered(dossier, ago, believed):
    remembered(ago)
    if believed:
        close(dossier)
        clocks.note()
        return
    for act in (lambda: destruction.run(limit=1), carry_out.carry_out, clocks.note):
        with pytest.raises(clocks.ClocksApart):
            act()
    with pytest.raises(ValidationError):
        close(dossier)
    told = next(one for one in health.answers() if one.name == "horloges")
    assert not told.well and "ni détruit" in told.said


def test_what_is_believed_goes_on_being_so_and_never_backwards(dossier):
    remembered(2 * DAY)
    clocks.note()
    row = Clock.objects.get()
    assert dt.datetime.now(dt.UTC) - row.seen_at < dt.timedelta(minutes=1)
    assert row.good_until - row.seen_at == 3 * DAY
    remembered(dt.timedelta(minutes=-4))
    later = Clock.objects.get().seen_at
    clocks.note()
    assert Clock.objects.get().seen_at == later


def test_the_earlier_of_the_two_decides(dossier, time_machine):
    for shift in (dt.timedelta(minutes=-4), dt.timedelta(minutes=4)):
        now = dt.datetime.now(dt.UTC)
        time_machine.move_to(now + shift, tick=False)
        at = clocks.believed()
        assert abs(at - now - min(shift, dt.timedelta())) < dt.timedelta(seconds=20)
        time_machine.move_to(now, tick=True)


def test_a_machine_some_minutes_ahead_of_midnight_destroys_nothing(dossier, time_machine, monkeypatch):
    time_machine.move_to(dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC), tick=False)
    closed = make.DossierFactory(closed=True)
    last = dt.datetime(2036, 3, 5, 22, 58, tzinfo=dt.UTC)  # 23.58 in Paris, says the database
    time_machine.move_to(last + dt.timedelta(minutes=4), tick=False)
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: last)
    assert destruction.run(limit=10) == 0
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: last + dt.timedelta(minutes=3))
    assert destruction.run(limit=10) == 1
    assert not Dossier.objects.filter(pk=closed.pk).exists()


def test_an_operator_avows_the_hour_and_that_is_traced(dossier, operators):  # noqa: F811
    remembered(40 * DAY)
    with pytest.raises(CommandError, match="Lancez clock"):
        call_command("clock", stdout=io.StringIO())
    with pytest.raises(CommandError, match="qui l'affirme"):
        call_command("clock", "--apply", stdout=io.StringIO())
    call_command("clock", "--apply", "--by", operators[0], stdout=io.StringIO())
    call_command("clock", stdout=io.StringIO())
    close(dossier)
    assert Trace.objects.filter(event="clock_avowed", actor_kind="operator").count() == 1
