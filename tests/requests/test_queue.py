"""The list of work: who sees which request, in which order, under which view."""

import datetime as dt
import io

import pytest
from celery.schedules import crontab
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access import request_queue, request_reminders
from access.models import CaisseGroupGrant, Contest, User
from audit.scoped import uuid7
from dmp.celery import app
from fhir import ids
from patients import requests
from patients.models_requests import Request
from tests import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]

NOW = dt.datetime(2027, 3, 10, 11, tzinfo=dt.UTC)
TODAY = dt.date(2027, 3, 10)
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


def staff(name, kind="agent", caisse=None, **more):
    user = User.objects.create_user(
        f"{name}@example.org", "x", kind=kind, is_staff=True, first_name=name.title(), last_name="B", **more
    )
    if caisse:
        group = Group.objects.create(name=name)
        user.groups.add(group)
        permission = Permission.objects.get(codename="serve_caisse")
        CaisseGroupGrant.objects.create(group=group, permission=permission, content_object=caisse)
    return user


@pytest.fixture
def agent():
    return staff("karim", caisse=make.CaisseFactory())


@pytest.fixture
def operator():
    return staff("odile", kind="operator")


def ask(agent, dossier=None, kind="rectification", due=None, **changes):
    """A request as it would be some days later: the database lets nobody move its dates."""
    asked = requests.Asked(kind=kind, channel="post", requester="Antoine Marchand", identity="copie", said="le nom")
    row = requests.ask((dossier or make.DossierFactory()).pk, asked, by=agent.actor())
    if due:
        changes |= {"due_on": due, "first_due_on": due}
    Request.objects.filter(dossier_id=row.dossier_id, pk=row.pk).delete()
    for name, value in changes.items():
        setattr(row, name, value)
    Request.objects.bulk_create([row])
    return Request.objects.get(dossier_id=row.dossier_id, pk=row.pk)


def numbers(user, view=request_queue.ALL):
    return [line.number for line in request_queue.lines(user, view)]


def test_a_line_says_what_is_administrative(agent):
    row = ask(agent, due=TODAY + 5 * DAY)
    requests.take(row.dossier_id, row.pk, by=agent.actor())
    (line,) = request_queue.lines(agent)
    assert (line.number, line.kind, line.state) == (row.on_paper, "Correction d'une information", "en cours d'examen")
    assert (line.asked, line.due, line.days, line.late, line.running) == (TODAY, TODAY + 5 * DAY, 5, False, True)
    assert (line.channel, line.owner) == (row.get_channel_display(), str(agent))
    assert line.address.endswith(f"/demandes/{ids.join(row.dossier_id, row.pk)}/")


def test_the_day_of_asking_is_that_of_paris(agent):
    row = ask(agent, asked_at=dt.datetime(2027, 3, 9, 23, 30, tzinfo=dt.UTC))
    assert [line.asked for line in request_queue.lines(agent)] == [TODAY]
    assert row.is_running


@pytest.mark.parametrize(("days", "late"), [(-1, True), (0, False), (1, False)])
def test_a_request_is_late_the_day_after_its_deadline(agent, days, late):
    ask(agent, due=TODAY + days * DAY)
    (line,) = request_queue.lines(agent)
    assert (line.days, line.late) == (days, late)
    assert request_queue.late(agent) == int(late)
    assert len(numbers(agent, request_queue.LATE)) == int(late)


def test_what_is_over_is_never_late(agent):
    ask(agent, due=TODAY - DAY, state="cancelled", cancelled_at=NOW)
    (line,) = request_queue.lines(agent, request_queue.OVER)
    assert (line.running, line.late, request_queue.late(agent)) == (False, False, 0)


def test_the_most_urgent_first_and_of_what_is_over_the_latest(agent):
    rows = [ask(agent, due=TODAY + days * DAY) for days in (9, -2, 4)]
    assert numbers(agent) == [rows[1].on_paper, rows[2].on_paper, rows[0].on_paper]
    over = [ask(agent, due=TODAY + days * DAY, state="cancelled", cancelled_at=NOW) for days in (9, -2, 4)]
    assert numbers(agent, request_queue.OVER) == [over[0].on_paper, over[2].on_paper, over[1].on_paper]
    assert len(numbers(agent)) == 3


def test_views_are_of_mine_of_nobody_s_and_of_what_is_late(agent):
    other = staff("lea", caisse=make.CaisseFactory())
    mine, theirs, free = ask(agent), ask(agent), ask(agent, due=TODAY - DAY)
    requests.take(mine.dossier_id, mine.pk, by=agent.actor())
    requests.take(theirs.dossier_id, theirs.pk, by=other.actor())
    assert numbers(agent, request_queue.MINE) == [mine.on_paper]
    assert numbers(other, request_queue.MINE) == [theirs.on_paper]
    assert numbers(agent, request_queue.FREE) == [free.on_paper]
    assert numbers(agent, request_queue.LATE) == [free.on_paper]
    assert set(numbers(agent)) == {mine.on_paper, theirs.on_paper, free.on_paper}


def test_an_agent_sees_the_funds_he_serves_and_an_operator_all(agent, operator):
    here = ask(agent)
    paris = make.CaisseFactory(code="751", department="75")
    there = ask(agent, make.DossierFactory(caisse=paris))
    assert numbers(agent) == [here.on_paper]
    assert set(numbers(operator)) == {here.on_paper, there.on_paper}
    assert request_queue.by_number(agent, there.on_paper) is None
    assert request_queue.by_number(operator, there.on_paper) == there
    assert numbers(staff("nobody")) == []


def test_a_number_is_found_as_printed_or_as_kept(agent):
    row = ask(agent)
    ask(agent)
    for typed in (row.on_paper, row.on_paper.lower(), row.on_paper.replace("-", " "), row.number):
        assert request_queue.by_number(agent, typed) == row, typed
    assert request_queue.by_number(agent, "") is None
    own = ask(agent, number="D23456789A")  # a number that begins as the printed ones do
    for typed in ("D23456789A", "DD23456789A", "D-D2345-6789A"):
        assert request_queue.by_number(agent, typed) == own, typed
    assert request_queue.by_number(agent, "D" + row.number[1:]) in (None, row)


def test_two_hundred_lines_are_shown(agent, monkeypatch):
    assert request_queue.SHOWN == 200
    monkeypatch.setattr(request_queue, "SHOWN", 2)
    rows = [ask(agent, due=TODAY + days * DAY) for days in (3, 1, 2)]
    assert numbers(agent) == [rows[1].on_paper, rows[2].on_paper]
    over = [ask(agent, due=TODAY + days * DAY, state="cancelled", cancelled_at=NOW) for days in (3, 1, 2)]
    assert numbers(agent, request_queue.OVER) == [over[0].on_paper, over[2].on_paper]


# -- reminders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "step"), [(7, 7), (4, 7), (3, 3), (2, 3), (1, 1), (0, 1), (-1, -1), (-30, -1), (8, None)]
)
def test_a_reminder_has_a_step_by_the_days_that_are_left(agent, days, step):
    row = ask(agent, due=TODAY + days * DAY)
    found = request_reminders.due(TODAY)
    assert [(one.step, one.days) for one in found] == ([] if step is None else [(step, days)])
    for one in found:
        assert (one.dossier_id, one.id, one.number, one.due_on) == (row.dossier_id, row.pk, row.on_paper, row.due_on)
        assert (one.kind, one.state) == ("Correction d'une information", "reçue")
        assert (one.owner, one.owner_name, one.reminded) == ("", "", None)


@pytest.mark.parametrize(("reminded", "wants"), [(None, True), (7, True), (3, False), (1, False), (-1, False)])
def test_a_step_is_reminded_once(agent, reminded, wants):
    ask(agent, due=TODAY + 2 * DAY, reminded=reminded)
    assert [one.wants_reminder for one in request_reminders.due(TODAY)] == [wants]


def test_the_days_looked_at_are_asked_for_and_what_is_over_is_not(agent):
    first = ask(agent, due=TODAY + 20 * DAY)
    second = ask(agent, due=TODAY + 19 * DAY)
    ask(agent, due=TODAY + 21 * DAY)
    ask(agent, due=TODAY, state="cancelled", cancelled_at=NOW)
    assert [one.id for one in request_reminders.due(TODAY, within=20)] == [second.pk, first.pk]


def test_who_follows_it_is_written_to_else_the_operator_and_both_when_late(agent, settings):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    followed, free, late = (ask(agent, due=TODAY + days * DAY) for days in (2, 2, -1))
    for one in (followed, late):
        requests.take(one.dossier_id, one.pk, by=agent.actor())
    gone = staff("parti", is_active=False)
    left = ask(agent, due=TODAY + 2 * DAY, owner=gone.actor().reference, state="in_progress")
    found = request_reminders.letters(TODAY)
    assert {address: {one.id for one in some} for address, some in found.items()} == {
        "karim@example.org": {followed.pk, late.pk},
        "exploitation@example.org": {free.pk, late.pk, left.pk},
    }


def test_without_an_operator_nobody_else_is_written_to(agent, settings):
    settings.OPERATOR_EMAIL = ""
    ask(agent, due=TODAY)
    assert request_reminders.letters(TODAY) == {}


def test_a_reminder_is_sent_noted_and_not_sent_again(agent, settings, mailoutbox, caplog):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    row, late = ask(agent, due=TODAY + 3 * DAY), ask(agent, due=TODAY - DAY)
    requests.take(row.dossier_id, row.pk, by=agent.actor())
    assert request_reminders.remind(TODAY) == 2
    assert [(one.subject, one.to) for one in mailoutbox] == [
        ("Demandes à traiter", ["exploitation@example.org"]),
        ("Demandes à traiter", ["karim@example.org"]),
    ]
    assert row.on_paper in mailoutbox[1].body and late.on_paper in mailoutbox[0].body
    assert settings.BACKOFFICE_URL in mailoutbox[0].body
    row.refresh_from_db()
    late.refresh_from_db()
    assert (row.reminded, late.reminded) == (3, -1)
    assert "requests past their deadline: 1" in caplog.text
    assert request_reminders.remind(TODAY) == 0
    assert len(mailoutbox) == 2


def test_what_a_person_wrote_is_not_read_for_a_list(agent, operator):
    ask(agent, due=TODAY)
    words = {"said", "answer", "missing", "address", "extension"}
    assert words <= request_queue.seen_by(agent).get().get_deferred_fields()
    with CaptureQueriesContext(connection) as queries:
        request_reminders.due(TODAY)
        for view in request_queue.VIEWS:
            request_queue.lines(operator, view)
    columns = " ".join(one["sql"].partition(" FROM ")[0] for one in queries)
    assert [name for name in (*words, "reason") if f'"{name}"' in columns] == []


def test_the_morning_s_task_reminds_who_follows_a_request(agent, settings, mailoutbox):
    row = ask(agent, due=TODAY + 3 * DAY)
    requests.take(row.dossier_id, row.pk, by=agent.actor())
    morning = settings.CELERY_BEAT_SCHEDULE["remind-requests"]
    assert morning["schedule"] == crontab(hour=7, minute=5)
    assert app.tasks[morning["task"]].delay().get() == 1
    assert [one.to for one in mailoutbox] == [["karim@example.org"]]
    assert app.tasks[morning["task"]].delay().get() == 0


def test_a_mail_that_fails_is_tried_again_and_the_others_leave(agent, settings, monkeypatch, caplog):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    row, free = ask(agent, due=TODAY + 3 * DAY), ask(agent, due=TODAY + 3 * DAY)
    requests.take(row.dossier_id, row.pk, by=agent.actor())
    sent = []

    def send(subject, body, sender, to):
        if to == ["exploitation@example.org"]:
            raise OSError
        sent.append((subject, sender, to))

    monkeypatch.setattr(request_reminders, "send_mail", send)
    assert request_reminders.remind(TODAY) == 1
    assert sent == [("Demandes à traiter", None, ["karim@example.org"])]
    free.refresh_from_db()
    assert free.reminded is None
    assert "requests: a reminder could not be sent" in caplog.text
    assert "past their deadline" not in caplog.text


# -- contested accesses: the operator's ---------------------------------------------------------------------


def contested(due, **more):
    dossier = make.DossierFactory()
    fields = {"trace_id": uuid7(), "reason": "je ne le connais pas", "asked_by": "holder:1", "due_at": due}
    return Contest.objects.create(dossier=dossier, asked_at=NOW - DAY, **fields | more)


def test_a_contested_access_is_an_operator_s_to_answer(agent, operator):
    row = contested(NOW + 3 * DAY)
    assert numbers(agent) == []
    (line,) = request_queue.lines(operator)
    assert (line.number, line.kind, line.state) == ("accès contesté", "Contestation d'un accès", "reçue")
    assert (line.channel, line.owner, line.running) == ("en ligne", "", True)
    assert (line.asked, line.due, line.days) == (TODAY - DAY, TODAY + 3 * DAY, 3)
    assert line.address == f"/admin/access/contest/{row.pk}/change/"


def test_a_contested_access_is_reminded_to_who_follows_it(operator, settings):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    row, free = contested(NOW + 2 * DAY, owner=operator), contested(NOW + 2 * DAY, reminded=7)
    found = {one.id: one for one in request_reminders.due(TODAY)}
    assert found[row.pk] == request_reminders.Due(
        table=Contest,
        dossier_id=row.dossier_id,
        id=row.pk,
        number="accès contesté le 09/03/2027",
        kind="Contestation d'un accès",
        state="en cours d'examen",
        due_on=TODAY + 2 * DAY,
        days=2,
        owner=f"operator:{operator.pk}",
        owner_name="Odile B",
        reminded=None,
    )
    other = found[free.pk]
    assert (other.state, other.owner, other.owner_name, other.reminded) == ("reçue", "", "", 7)
    letters = request_reminders.letters(TODAY)
    assert {address: [one.id for one in some] for address, some in letters.items()} == {
        "odile@example.org": [row.pk],
        "exploitation@example.org": [free.pk],
    }


def test_its_state_is_whether_it_is_followed_and_answered(operator):
    contested(NOW, owner=operator)
    (line,) = request_queue.lines(operator)
    assert (line.state, line.owner) == ("en cours d'examen", str(operator))
    Contest.objects.update(answered_at=NOW, answer="Vu.")
    (line,) = request_queue.lines(operator, request_queue.OVER)
    assert (line.state, line.running) == ("répondue", False)
    assert numbers(operator) == []


def test_the_views_are_the_same_for_contested_accesses(operator):
    other = staff("lea", kind="operator")
    late = contested(NOW - dt.timedelta(seconds=1), owner=operator)
    free = contested(NOW)
    answered = contested(NOW + 9 * DAY, owner=operator, answered_at=NOW, answer="Vu.")

    def found(view, user=operator):
        return [line.address.split("/")[-3] for line in request_queue.lines(user, view)]

    assert found(request_queue.ALL) == [str(late.pk), str(free.pk)]
    assert found(request_queue.MINE) == [str(late.pk)]
    assert found(request_queue.MINE, other) == []
    assert found(request_queue.FREE) == [str(free.pk)]
    assert found(request_queue.LATE) == [str(late.pk)]
    assert found(request_queue.OVER) == [str(answered.pk)]
    second = contested(NOW + 8 * DAY, answered_at=NOW, answer="Vu.")
    assert found(request_queue.OVER) == [str(answered.pk), str(second.pk)]


def test_the_command_lists_what_is_near_or_late_and_fails_when_one_is_late(agent):
    near, free = ask(agent, due=TODAY + 3 * DAY), ask(agent, due=TODAY + 7 * DAY)
    ask(agent, due=TODAY + 8 * DAY)
    requests.take(near.dossier_id, near.pk, by=agent.actor())
    out = io.StringIO()
    call_command("requests_due", stdout=out)
    kind = "Correction d'une information"
    assert out.getvalue().splitlines() == [
        f"  13/03/2027  {near.on_paper}  {kind}, en cours d'examen  suivie par {agent}",
        f"  17/03/2027  {free.on_paper}  {kind}, reçue  suivie par personne",
        "2 demandes à traiter sous 7 jours, dont 0 en retard.",
    ]
    late = ask(agent, due=TODAY - DAY)
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 demandes en retard") as error:
        call_command("requests_due", days=0, stdout=out)
    assert error.value.returncode == 1
    assert out.getvalue().splitlines() == [
        f"! 09/03/2027  {late.on_paper}  {kind}, reçue  suivie par personne",
        "1 demandes à traiter sous 0 jours, dont 1 en retard.",
    ]


def test_the_command_says_who_would_be_reminded_and_reminds(agent, settings, mailoutbox):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    for days in (1, 3):
        row = ask(agent, due=TODAY + days * DAY)
        requests.take(row.dossier_id, row.pk, by=agent.actor())
    ask(agent, due=TODAY + 3 * DAY)
    out = io.StringIO()
    call_command("requests_due", remind=True, stdout=out)
    assert "Rappels à envoyer : 2 personnes. Ajoutez --apply pour les envoyer." in out.getvalue()
    assert mailoutbox == []
    call_command("requests_due", remind=True, apply=True, stdout=out)
    assert "Rappels envoyés : 2 personnes, 3 demandes." in out.getvalue()
    assert len(mailoutbox) == 2
