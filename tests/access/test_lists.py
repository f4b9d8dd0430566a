"""What a list costs does not grow with it; what is told first at the same moment, and past its end, is decided."""

import datetime as dt
import io
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from access import (
    attestations,
    counter_history,
    directory,
    emergencies_seen,
    holder,
    overview,
    persons,
    recovery,
    request_queue,
    request_reminders,
    teams,
)
from access.models import CareTeam, Contest, EmergencyAccess, Invitation, Professional, Representation, User
from audit import trail
from audit.scoped import uuid7
from audit.trail import SYSTEM, Event
from patients import requests
from patients.models import Channel, OpeningRule, Patient, Regime
from patients.models_requests import Request
from tests import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office", "code_tables")]

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 23)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def dossier():
    return make.DossierFactory()


def operator(name):
    return User.objects.create_user(f"{name}@example.org", "x", kind="operator", is_staff=True, first_name=name)


def contested(owner, **more):
    fields = {"trace_id": uuid7(), "reason": "x", "asked_by": "holder:1", "asked_at": NOW - DAY, "due_at": NOW}
    return Contest.objects.create(dossier=make.DossierFactory(), owner=owner, **fields | more)


def broke(dossier, hours, who=None):
    since, user = NOW - hours * HOUR, make.account(who or make.ProfessionalFactory())
    return EmergencyAccess.objects.create(
        dossier=dossier, user=user, kind="break_glass", reason="x", since=since, until=since + 4 * HOUR
    )


def guardians(dossier):
    for _ in range(2):
        Representation.objects.create(dossier=dossier, user=make.UserFactory(), role="guardian", recorded_by="x")


def rights(dossier):
    for _ in range(2):
        make.permit(dossier, make.ProfessionalFactory())
        make.forbid(dossier, make.ProfessionalFactory())
    return lambda: overview.of(dossier.pk)


def came(dossier):
    for _ in range(2):
        broke(dossier, 30)
    return lambda: emergencies_seen.came(dossier.pk)


def not_attested(dossier):
    came(dossier)
    return lambda: attestations.missing(NOW)


def alerts(dossier):
    doctor = make.ProfessionalFactory()
    make.treat(dossier, doctor)
    came(dossier)
    user = make.account(doctor)
    return lambda: emergencies_seen.alerts(user, NOW - 9 * DAY)


def contests_due(dossier):
    for name in ("odile", "lea"):
        contested(operator(name))
    return lambda: request_reminders.due(TODAY)


def contests_listed(view):
    def build(dossier):
        user = operator("odile")
        answered = {"answered_at": NOW, "answer": "Vu."} if view == request_queue.OVER else {}
        for _ in range(2):
            contested(user, **answered)
        return lambda: request_queue.lines(user, view)

    return build


def representatives(dossier):
    guardians(dossier)
    return lambda: [str(row.user) for row in persons.running(dossier.pk, "guardian")]


def accounts(dossier):
    guardians(dossier)
    return lambda: [str(row.user) for row in recovery.accounts_of(dossier.pk)]


def spoken_for(dossier):
    user = make.holder_of(dossier)
    Representation.objects.create(dossier=make.DossierFactory(), user=user, role="guardian", recorded_by="x")
    return lambda: holder.choices(user)


def found(dossier):
    for _ in range(2):
        make.ProfessionalFactory(family="LENOIR")
    return lambda: directory.search("Lenoir")


def members(dossier):
    team = CareTeam.objects.create(dossier=dossier, name="x", until=NOW + DAY)
    for _ in range(2):
        make.permit(dossier, make.ProfessionalFactory(), until=NOW + DAY, team=team.pk)
    entry = SimpleNamespace(dossier=dossier)
    return lambda: [grant.user.professional.name for grant in teams.members_of(entry, team)]


def staff(dossier):
    for name in ("odile", "lea"):
        operator(name).groups.add(Group.objects.create(name=name))
    return lambda: call_command("staff", "list", stdout=io.StringIO())


def rules(dossier):
    for code in ("01", "02"):
        regime = Regime.objects.get_or_create(code=code, defaults={"name": code})[0]
        OpeningRule.objects.create(regime=regime, channel="web", allowed=False, since=TODAY)
    return lambda: call_command("pilot_rules", "list", stdout=io.StringIO())


@pytest.mark.parametrize(
    ("build", "statements"),
    [
        (rights, 2),
        (came, 1),
        (not_attested, 1),
        (alerts, 4),
        (contests_due, 2),
        *[(contests_listed(view), 2) for view in (request_queue.ALL, request_queue.MINE, request_queue.OVER)],
        (representatives, 1),
        (accounts, 1),
        (spoken_for, 1),
        (found, 3),  # who, where, in which structure
        (members, 1),
        (staff, 2),  # and their groups
        (rules, 1),
    ],
)
def test_a_list_costs_the_same_whatever_its_length(dossier, build, statements, django_assert_num_queries):
    read = build(dossier)
    read()  # words, once a process
    with django_assert_num_queries(statements):
        read()


def test_a_history_without_representatives_looks_for_no_account(dossier, django_assert_num_queries):
    with django_assert_num_queries(3):  # what became of the dossier, of the person, of who represents her
        counter_history.steps(dossier.pk)


def test_no_address_is_looked_for_when_nobody_follows_what_is_due(django_assert_num_queries):
    contested(None)
    with django_assert_num_queries(2):
        request_reminders.letters(TODAY)


# -- in which order ------------------------------------------------------------------------------------------
MOMENTS = [NOW - days * DAY for days in (3, 5, 2, 4)]
OLDEST, LATEST = sorted(MOMENTS), sorted(MOMENTS)[::-1]


def guardians_at(dossier):
    for at in MOMENTS:
        Representation.objects.create(
            dossier=dossier, user=make.UserFactory(), role="guardian", recorded_by="x", since=at
        )


def represented(dossier):
    guardians_at(dossier)
    return [row.since for row in persons.running(dossier.pk, "guardian")]


def reached(dossier):
    guardians_at(dossier)
    return [row.since for row in recovery.accounts_of(dossier.pk)]


def invited(dossier):
    for number, at in enumerate(MOMENTS):
        Invitation.objects.create(
            dossier=dossier, role="carer", email=f"x{number}@example.org", digest=b"x" * 32, invited_by="x",
            created_at=at, expires_at=NOW + DAY,
        )  # fmt: skip
    return [row.created_at for row in persons.waiting(dossier.pk)]


def emergencies_at(dossier):
    for at in MOMENTS:
        broke(dossier, (NOW - at) // HOUR)


def came_at(dossier):
    emergencies_at(dossier)
    return [one.since for one in emergencies_seen.came(dossier.pk)]


def late_at(dossier):
    emergencies_at(dossier)
    return [one.since for one in attestations.missing(NOW + DAY)]


def told_at(dossier):
    doctor = make.ProfessionalFactory()
    make.treat(dossier, doctor)
    emergencies_at(dossier)
    return [one.at for one in emergencies_seen.alerts(make.account(doctor), NOW - 9 * DAY)]


def contested_at(dossier):
    for at in MOMENTS:
        contested(None, due_at=at)
    return [row.due_at for row in request_queue._contests(operator("odile"), request_queue.ALL)]


def answered_at(dossier):
    for at in MOMENTS:
        contested(None, due_at=at, answered_at=NOW, answer="Vu.")
    return [row.due_at for row in request_queue._contests(operator("odile"), request_queue.OVER)]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (represented, OLDEST),
        (reached, OLDEST),
        (invited, OLDEST),
        (came_at, LATEST),
        (late_at, OLDEST),
        (told_at, OLDEST),
        (contested_at, OLDEST),
        (answered_at, LATEST),
    ],
)
def test_the_oldest_is_first_where_something_is_to_be_done_and_the_latest_where_it_is_over(dossier, read, expected):
    assert read(dossier) == expected


@pytest.mark.parametrize("read", [came_at, told_at])
def test_past_its_end_an_emergency_list_keeps_what_it_would_tell_first(dossier, monkeypatch, read):
    assert (emergencies_seen.SHOWN, emergencies_seen.REGULATION_SHOWN) == (50, 200)
    monkeypatch.setattr(emergencies_seen, "SHOWN", 2)
    monkeypatch.setattr(emergencies_seen, "REGULATION_SHOWN", 2)
    assert read(dossier) == (LATEST if read is came_at else OLDEST)[:2]


# -- at the same moment, and past the end --------------------------------------------------------------------
def test_of_what_is_due_together_the_first_asked_is_looked_at_first(monkeypatch):
    monkeypatch.setattr(request_reminders, "MOST", 2)
    asked = [contested(None, asked_at=NOW - days * DAY).pk for days in (1, 3, 2)]
    assert {one.id for one in request_reminders.due(TODAY)} == {asked[1], asked[2]}
    Contest.objects.all().delete()
    by = operator("odile").actor()
    rows = []
    for days in (1, 3, 2):
        wanted = requests.Asked(kind="rectification", channel="post", requester="x", identity="copie", said="x")
        row = requests.ask(make.DossierFactory().pk, wanted, by=by)
        row.asked_at, row.due_on, row.first_due_on = NOW - days * DAY, TODAY, TODAY
        rows.append(row)
    Request.objects.all().delete()  # the database lets nobody move their dates
    Request.objects.bulk_create(rows)
    assert {one.id for one in request_reminders.due(TODAY)} == {rows[1].pk, rows[2].pk}


def test_what_is_due_earlier_comes_before_what_was_asked_earlier(monkeypatch):
    monkeypatch.setattr(request_reminders, "MOST", 1)
    contested(None, asked_at=NOW - 9 * DAY, due_at=NOW + 2 * DAY)
    first = contested(None, asked_at=NOW - DAY, due_at=NOW + DAY)
    assert [one.id for one in request_reminders.due(TODAY)] == [first.pk]


def test_rules_are_listed_by_scheme_then_department_then_channel():
    one, two = (Regime.objects.get_or_create(code=code, defaults={"name": f"R{code}"})[0] for code in ("01", "02"))
    places = [
        (two, "01", "web"),
        (one, "69", "web"),
        (one, "35", "web"),
        (one, "35", "counter"),
        (one, "69", "pharmacy"),
    ]
    for regime, department, channel in places:
        OpeningRule.objects.create(regime=regime, department=department, channel=channel, allowed=False, since=TODAY)
    out = io.StringIO()
    call_command("pilot_rules", "list", stdout=out)
    said = [line.partition(", depuis")[0].split(None, 1)[1] for line in out.getvalue().splitlines()[:-1]]
    expected = [places[number] for number in (3, 2, 4, 1, 0)]
    assert said == [f"{regime}, {department}, {Channel(channel).label}" for regime, department, channel in expected]


def test_namesakes_are_listed_by_given_name():
    people = {given: make.ProfessionalFactory(family="LENOIR", given=given) for given in ("Zoé", "Anne", "Marc")}
    people["x"] = make.ProfessionalFactory(family="LENOIRE", given="Aline")
    ids = [card.id for card in directory.search("Lenoir")]
    assert ids == [people[given].pk for given in ("Anne", "Marc", "Zoé", "x")]
    twins = sorted(make.ProfessionalFactory(family="LEROUX", given="Jean").pk for _ in range(4))
    Professional.objects.filter(pk=twins[0]).update(active=True)  # moved to the end of its table
    assert [card.id for card in directory.search("Leroux")] == twins


def test_changes_of_one_moment_are_told_in_the_order_they_were_made(dossier, time_machine):
    row = Patient.objects.get(dossier=dossier)
    phones = ["0612345674", "0612345672", "0612345673", "0612345671"]
    for phone in phones:
        time_machine.shift(dt.timedelta(milliseconds=1))
        row.phone, row._history_user = phone, SYSTEM
        row.save(update_fields=["phone"])
    past = Patient.history.filter(dossier_id=dossier.pk)
    for key in sorted(past.values_list("history_id", flat=True), reverse=True):
        past.filter(history_id=key).update(history_date=NOW)  # written backwards in its table
    told = [step.changes[0].new for step in counter_history._patient(dossier.pk)]
    assert told == phones


# -- the Centre 15 ---------------------------------------------------------------------------------------------
def test_a_day_of_calls_is_one_line_at_the_first_for_the_doctor_and_at_the_last_for_the_holder(dossier, time_machine):
    doctor, regulator = make.ProfessionalFactory(), make.ProfessionalFactory(family="FERRAND", given="Paul")
    make.treat(dossier, doctor)
    for hours in (26, 25, 2, 1):
        time_machine.move_to(NOW - hours * HOUR, tick=False)
        by = make.caller(regulator).actor
        trail.record(Event.DOCUMENT_LISTED, by=by, dossier_id=dossier.pk, mode="regulation")
    time_machine.move_to(NOW, tick=False)
    broken = broke(dossier, 3)
    told = emergencies_seen.alerts(make.account(doctor), NOW - 9 * DAY)
    who, other = "Dr Paul Ferrand", overview.polite(broken.user.professional.name)
    assert [(one.kind, one.dossier, one.at, one.until, one.who) for one in told] == [
        ("regulation", dossier.pk.hex, NOW - 26 * HOUR, None, who),
        ("break_glass", dossier.pk.hex, NOW - 3 * HOUR, NOW + HOUR, other),
        ("regulation", dossier.pk.hex, NOW - 2 * HOUR, None, who),
    ]
    assert [(one.at, one.who) for one in emergencies_seen.called(dossier.pk)] == [
        (NOW - HOUR, who),
        (NOW - 25 * HOUR, who),
    ]
