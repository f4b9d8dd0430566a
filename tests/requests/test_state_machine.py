"""One state machine, held by the database; delays of the law; reminders. Expected values are written by hand."""

import datetime as dt
import io
import itertools
import re

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from access import contests, request_reminders
from access.models import Contest
from patients import deadlines, requests, sealing
from patients.models_requests import STEPS, Request, State
from tests import factories as make

pytestmark = pytest.mark.django_db
UTC = dt.UTC


# -- delays ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "old", "asked", "due"),
    [
        ("rectification", False, "2027-01-31T09:00", "2027-02-28"),
        ("rectification", False, "2028-01-31T09:00", "2028-02-29"),
        ("document", False, "2027-12-15T09:00", "2028-01-15"),
        ("contest", False, "2027-03-10T23:30", "2027-04-11"),  # already the 11th in Paris
        ("closure", False, "2027-06-30T09:00", "2027-07-30"),
        ("destruction", False, "2027-11-30T09:00", "2028-02-29"),
        ("copy", False, "2027-02-25T09:00", "2027-03-05"),
        ("copy", True, "2027-12-31T09:00", "2028-02-29"),
        ("heirs", False, "2027-05-01T09:00", "2027-05-09"),
        ("heirs", True, "2027-05-01T09:00", "2027-07-01"),
    ],
)
def test_each_request_is_due_when_the_law_says(kind, old, asked, due):
    at = dt.datetime.fromisoformat(asked).replace(tzinfo=UTC)
    assert deadlines.due_on(deadlines.of(kind, about_old=old), at).isoformat() == due


@pytest.mark.parametrize(("kind", "hours"), [("copy", 48), ("heirs", 48), ("destruction", 720), ("closure", 0)])
def test_what_needs_thinking_over_waits(kind, hours):
    at = dt.datetime(2027, 3, 1, 9, tzinfo=UTC)
    assert deadlines.not_before(deadlines.of(kind), at) == at + dt.timedelta(hours=hours)


# -- states -----------------------------------------------------------------------------------------------------
@pytest.fixture
def agent():
    return make.UserFactory(kind="agent", is_staff=True, email="karim@cpam.example.org").actor()


def ask(agent, kind="rectification", dossier=None, **more):
    dossier = dossier or make.DossierFactory()
    asked = requests.Asked(
        kind=kind, channel="counter", requester="Antoine Marchand", identity="passeport", said="le nom", **more
    )
    return requests.ask(dossier.pk, asked, by=agent)


ALLOWED = {
    ("received", "in_progress"), ("received", "cancelled"),
    ("in_progress", "incomplete"), ("in_progress", "accepted"), ("in_progress", "refused"),
    ("in_progress", "cancelled"), ("incomplete", "in_progress"), ("incomplete", "refused"),
    ("incomplete", "cancelled"), ("accepted", "done"), ("accepted", "cancelled"),
}  # fmt: skip


def shaped(state):
    """The columns that a row of this state has."""
    now, answered = dt.datetime(2027, 3, 1, tzinfo=UTC), state in ("accepted", "refused", "done")
    return {
        "state": state,
        "owner": "" if state == "received" else "counter:1",
        "missing": "x",
        "answer": "Oui" if answered else "",
        "decided_at": now if answered else None,
        "refusal": "nothing" if state == "refused" else "",
        "done_at": dt.datetime(2099, 1, 1, tzinfo=UTC) if state == "done" else None,
        "cancelled_at": now if state == "cancelled" else None,
    }


def test_the_database_takes_the_eleven_steps_and_no_other(agent):
    model = ask(agent)
    same = {name: getattr(model, name) for name in ("kind", "channel", "asked_at", "first_due_on", "due_on")}
    taken = set()
    for before, after in itertools.permutations(State.values, 2):
        row = Request(dossier=model.dossier, not_before=model.asked_at, number="A", **same | shaped(before))
        wanted = shaped(after)
        if before in ("accepted", "refused", "done"):  # what was answered stays
            wanted = {name: wanted[name] for name in ("state", "done_at", "cancelled_at", "owner")}
        try:
            with transaction.atomic():
                row.save(force_insert=True)
                Request.objects.filter(dossier=model.dossier, pk=row.pk).update(**wanted)
                taken.add((before, after))
                raise ZeroDivisionError  # undo it
        except (IntegrityError, ZeroDivisionError):
            pass
    assert taken == ALLOWED
    assert {(before, after) for before, some in STEPS.items() for after in some} == ALLOWED


def test_the_steps_are_refused_by_the_trigger_itself(agent):
    """A row whose every column makes sense in the new state, and which came there by no step."""
    row = ask(agent)
    for after in ("incomplete", "accepted", "refused", "done"):
        with pytest.raises(IntegrityError, match="no step from received"), transaction.atomic():
            Request.objects.filter(dossier_id=row.dossier_id, pk=row.pk).update(**shaped(after))


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "accepted", "owner": "counter:1"},
        {"state": "in_progress"},
        {"answer": "Oui"},
        {"refusal": "nothing"},
        {"due_on": dt.date(2099, 1, 1)},
        {"quality": "heir"},
        {"state": "unknown"},
        {"number": "AAAAAAAAAA"},
        {"said": "autre chose"},
        {"first_due_on": dt.date(2099, 1, 1)},
    ],
    ids=str,
)
def test_the_database_refuses_a_row_that_makes_no_sense(agent, changed):
    row = ask(agent)
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(dossier_id=row.dossier_id, pk=row.pk).update(**changed)


def test_an_answer_given_is_kept_as_it_is(agent):
    row = ask(agent)
    requests.take(row.dossier_id, row.pk, by=agent)
    requests.refuse(row.dossier_id, row.pk, "nothing", "Rien d'inexact.", by=agent)
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(dossier_id=row.dossier_id, pk=row.pk).update(answer="Autre chose.")
    with pytest.raises(ValidationError):
        requests.accept(row.dossier_id, row.pk, "Oui.", by=agent)


def test_a_complement_comes_and_the_delay_has_not_moved(agent):
    row = ask(agent)
    due = row.due_on
    requests.take(row.dossier_id, row.pk, by=agent)
    requests.lack(row.dossier_id, row.pk, "Une copie lisible de la pièce.", by=agent)
    row = requests.complete(row.dossier_id, row.pk, by=agent)
    assert (row.state, row.due_on) == ("in_progress", due)


def test_an_extension_is_refused_for_a_copy_and_past_the_first_delay(agent, time_machine):
    time_machine.move_to(dt.datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False)
    copy, other = ask(agent, "copy"), ask(agent)
    for row in (copy, other):
        requests.take(row.dossier_id, row.pk, by=agent)
    with pytest.raises(ValidationError):
        requests.extend(copy.dossier_id, copy.pk, "Beaucoup de documents.", by=agent)
    time_machine.move_to(dt.datetime(2027, 4, 2, 9, tzinfo=UTC), tick=False)
    with pytest.raises(ValidationError):
        requests.extend(other.dossier_id, other.pk, "Trop tard.", by=agent)


def test_nobody_seals_a_letter_he_can_open_again():
    master, dossier, paper = b"m" * 32, make.uuid7(), make.uuid7()
    sealed = sealing.seal(sealing.public_of(master), dossier, paper, b"ma lettre")
    assert b"lettre" not in sealed
    assert sealing.unseal(sealing.private_of(master), dossier, paper, sealed) == b"ma lettre"
    for bad in (sealed[:-1], sealed[:20], b"", sealed[:40] + b"\0" + sealed[41:]):
        with pytest.raises(sealing.Unopened):
            sealing.unseal(sealing.private_of(master), dossier, paper, bad)
    with pytest.raises(sealing.Unopened):
        sealing.unseal(sealing.private_of(master), paper, dossier, sealed)


# -- reminders ---------------------------------------------------------------------------------------------------
def test_reminders_go_once_a_step_to_the_owner_then_also_to_the_operator(agent, settings, time_machine):
    settings.OPERATOR_EMAIL = "exploitant@example.org"
    time_machine.move_to(dt.datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False)  # due on 1 April
    row = ask(agent)
    requests.take(row.dossier_id, row.pk, by=agent)
    told = []
    for day in range(20, 36):
        today = dt.date(2027, 3, 1) + dt.timedelta(days=day)
        for _ in range(2):
            request_reminders.remind(today)
        told += [(today.isoformat(), one.to) for one in mail.outbox]
        assert not any("MARCHAND" in one.body or "Antoine" in one.body for one in mail.outbox)
        mail.outbox.clear()
    karim, operator = ["karim@cpam.example.org"], ["exploitant@example.org"]
    expected = [("2027-03-25", karim), ("2027-03-29", karim), ("2027-03-31", karim)]
    assert told == [*expected, ("2027-04-02", operator), ("2027-04-02", karim)]


def test_a_contested_access_is_reminded_and_late_as_a_request_is(agent, settings, time_machine):
    settings.OPERATOR_EMAIL = "exploitant@example.org"
    time_machine.move_to(dt.datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False)
    ask(agent)  # due on 1 April
    odile = make.UserFactory(kind="operator", is_staff=True, email="odile@example.org")
    asked = dt.datetime(2027, 3, 1, 9, tzinfo=UTC)
    row = Contest.objects.create(
        dossier=make.DossierFactory(),
        trace_id=make.uuid7(),
        reason="Je ne connais pas ce médecin.",
        asked_at=asked,
        asked_by="holder:1",
        due_at=asked + dt.timedelta(days=30),  # 31 March
        owner=odile,
    )
    told = []
    for day in range(20, 36):
        today = dt.date(2027, 3, 1) + dt.timedelta(days=day)
        for _ in range(2):
            request_reminders.remind(today)
        mails = [one for one in mail.outbox if "accès contesté le 01/03/2027" in one.body]
        assert not any("médecin" in one.body or row.pk.hex in one.body for one in mails)
        told += [(today.isoformat(), one.to[0]) for one in mails]
        mail.outbox.clear()
    expected = [("2027-03-24", "odile"), ("2027-03-28", "odile"), ("2027-03-30", "odile")]
    expected += [("2027-04-01", "exploitant"), ("2027-04-01", "odile")]
    assert told == [(day, f"{who}@example.org") for day, who in expected]
    time_machine.move_to(dt.datetime(2027, 4, 1, 9, tzinfo=UTC), tick=False)
    with pytest.raises(CommandError, match="1 demandes en retard"):  # the contest alone: the request has today left
        call_command("requests_due", stdout=io.StringIO())
    contests.answer(row, odile, owner=odile, text="C'était votre médecin traitant.")
    assert [one.table for one in request_reminders.due(dt.date(2027, 4, 1))] == [Request]


def test_who_takes_a_contest_over_is_reminded_in_his_turn(agent):
    one, other = (make.UserFactory(kind="operator", is_staff=True) for _ in range(2))
    past = dt.datetime(2027, 3, 1, 9, tzinfo=UTC)
    row = Contest.objects.create(
        dossier=make.DossierFactory(), trace_id=make.uuid7(), reason="x", due_at=past, owner=one, reminded=-1
    )
    contests.answer(row, one, owner=other, text="")
    assert Contest.objects.get(dossier=row.dossier, pk=row.pk).reminded is None


def test_a_destruction_is_recalled_before_its_thirty_days_no_more_fit_in_the_three_months(agent, time_machine):
    time_machine.move_to(dt.datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False)  # due on 1 June
    row = ask(agent, "destruction")
    known = {day: [one.days for one in request_reminders.due(dt.date(2027, 4, day))] for day in (24, 25, 30)}
    assert known == {24: [], 25: [7], 30: [2]}  # to be accepted by 2 May
    requests.take(row.dossier_id, row.pk, by=agent)
    requests.accept(row.dossier_id, row.pk, "Oui.", by=agent)
    assert request_reminders.due(dt.date(2027, 5, 20)) == []
    assert [one.days for one in request_reminders.due(dt.date(2027, 5, 25))] == [7]


def test_the_command_lists_and_sends_nothing_unless_told_to(agent, time_machine, settings):
    settings.OPERATOR_EMAIL = "exploitant@example.org"
    time_machine.move_to(dt.datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False)
    row = ask(agent, "copy")
    out = io.StringIO()
    time_machine.move_to(dt.datetime(2027, 3, 8, 9, tzinfo=UTC), tick=False)
    call_command("requests_due", remind=True, stdout=out)
    assert row.on_paper in out.getvalue()
    assert "1 demandes à traiter sous 7 jours, dont 0 en retard." in out.getvalue()
    assert mail.outbox == []
    call_command("requests_due", remind=True, apply=True, stdout=out)
    assert [one.to for one in mail.outbox] == [["exploitant@example.org"]]  # nobody follows it
    assert re.search(r"D-[A-Z2-9]{5}-[A-Z2-9]{5}", mail.outbox[0].body)
    time_machine.move_to(dt.datetime(2027, 3, 10, 9, tzinfo=UTC), tick=False)
    with pytest.raises(CommandError, match="1 demandes en retard"):
        call_command("requests_due", stdout=out)
