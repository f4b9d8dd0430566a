"""Carers, a second parent, representatives: what is kept, what is traced, and each refusal, at its limit."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from access import gate, persons
from access.facts import Act
from access.models import Invitation, Representation
from audit.scoped import uuid7
from audit.trail import Actor, ActorKind, Event
from patients import codes
from patients.models import Dossier, Notice, Patient
from tests import factories as make
from tests.told import acts, last_told

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
AGENT = Actor(ActorKind.COUNTER, "agent-7", "Agent 7", means="password")


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def child(code_tables):
    return make.DossierFactory(minor=True)


def inside(dossier, act, caller=None):
    caller = caller or make.holder(dossier)
    with gate.enter(caller, Act.MANAGE, Event.INVITED, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def invite(dossier, email="paul@example.org", caller=None, **more):
    asked = {"rights": ["read"], "until": NOW + 30 * DAY} | more
    return inside(dossier, lambda entry: persons.invite_carer(entry, email, **asked), caller)


def second_parent(child, email="paul@example.org", role="parent"):
    caller = make.holder(child, role)
    return inside(child, lambda entry: persons.invite_parent(entry, email), caller)


def speaks(dossier, role="carer", email=None, **more):
    user = make.UserFactory(**({"email": email} if email else {}))
    fields = {"rights": ["read"] if role == "carer" else [], "recorded_by": "test", "since": NOW - DAY}
    return Representation.objects.create(dossier=dossier, user=user, role=role, **fields | more)


def refused(code, words, act, *args, **more):
    with pytest.raises(ValidationError) as error:
        act(*args, **more)
    assert (error.value.code, error.value.message) == (code, words)


# -- inviting a carer -----------------------------------------------------------------------------------------


def test_an_invitation_is_kept_without_its_code(dossier):
    holder = make.holder_of(dossier)
    row, code = invite(dossier, "Paul@Example.org", rights={"trail", "read"}, relation="frère")
    kept = Invitation.objects.get()
    assert kept == row
    assert (kept.dossier, kept.role, kept.email, kept.relation) == (dossier, "carer", "paul@example.org", "frère")
    assert (kept.rights, kept.until, kept.invited_by) == (["read", "trail"], NOW + 30 * DAY, f"holder:{holder.pk}")
    assert kept.expires_at == NOW + 7 * DAY
    assert bytes(kept.digest) == codes.digest(kept.pk, code)
    assert last_told(dossier) == {
        "event": "invited",
        "allowed": True,
        "ground": "holder",
        "mode": "normal",
        "actor_kind": "holder",
        "actor_id": str(holder.pk),
        "actor_name": str(holder),
        "means": "test",
        "object_kind": "person",
        "object_id": row.pk,
        "detail": {"role": "carer", "rights": ["read", "trail"]},
    }


def test_a_relation_may_be_left_unsaid(dossier):
    assert invite(dossier)[0].relation == ""


@pytest.mark.parametrize("rights", [[], ["all"], ["read", "all"]])
def test_a_carer_is_given_something_that_exists(dossier, rights):
    words = "Cochez au moins une chose que cette personne pourra faire."
    refused("rights", words, invite, dossier, rights=rights)


def test_what_is_masked_goes_with_reading(dossier):
    words = "Pour voir ce qui est masqué, il faut d'abord pouvoir lire."
    refused("rights", words, invite, dossier, rights=["masked", "trail"])
    assert invite(dossier, rights=["masked", "read"])[0].rights == ["masked", "read"]
    assert invite(dossier, "b@example.org", rights=["deposit"])[0].rights == ["deposit"]


FULL = "Un dossier a 3 aidants au plus, invitations comprises. Retirez-en un d'abord."


def test_three_carers_at_most_invitations_counted(dossier):
    speaks(dossier)
    speaks(dossier, until=NOW - dt.timedelta(seconds=1))  # over
    speaks(dossier, "guardian")
    speaks(make.DossierFactory())
    invite(dossier, "a@example.org")
    invite(dossier, "b@example.org")
    refused("full", FULL, invite, dossier, "c@example.org")


def test_an_invitation_that_opens_nothing_any_more_holds_no_place(dossier, clock):
    for number in range(3):
        invite(dossier, f"a{number}@example.org")
    rows = list(Invitation.objects.order_by("created_at"))
    refused("full", FULL, invite, dossier, "c@example.org")
    for number, change in enumerate(
        [{"withdrawn_at": NOW}, {"accepted_at": NOW}, {"attempts": 5}, {"expires_at": NOW}]
    ):
        Invitation.objects.filter(pk=rows[0].pk).update(**change)
        assert invite(dossier, f"d{number}@example.org")
        rows = list(persons.waiting(dossier.pk))
        assert len(rows) == 3


def test_who_has_rights_already_is_not_invited(dossier):
    make.holder_of(dossier)
    words = "La personne qui a cette adresse a déjà des droits sur ce dossier."
    for role in ("carer", "guardian", "parent"):
        speaks(dossier, role, f"{role}@Example.org")
        refused("known", words, invite, dossier, f"{role.upper()}@example.org")
    holder = Representation.objects.get(dossier=dossier, role="holder").user
    refused("known", words, invite, dossier, holder.email)


def test_an_address_is_invited_once(dossier):
    invite(dossier)
    words = "Cette adresse est déjà invitée. Annulez d'abord l'invitation."
    refused("known", words, invite, dossier, "PAUL@example.org")
    assert invite(make.DossierFactory())


def test_nobody_more_enters_a_closed_dossier(dossier):
    caller = make.holder(dossier)
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=NOW, closure="DEMANDE_TITULAIRE")
    refused("closed", "Ce dossier est fermé : personne de plus ne peut y entrer.", invite, dossier, caller=caller)


# -- inviting the other parent ------------------------------------------------------------------------------

TWO = "Le deuxième parent est déjà enregistré, déjà invité, ou ne peut pas l'être ici."


def test_a_parent_invites_the_other_one(child):
    row, _ = second_parent(child)
    assert (row.role, row.rights, row.until, row.relation) == ("parent", [], None, "")
    assert last_told(child)["detail"] == {"role": "parent", "rights": []}
    refused("full", TWO, second_parent, child, "b@example.org")  # one is invited already


def test_there_are_two_parents_at_most(child):
    make.holder_of(child, "parent")
    speaks(child, "parent")
    refused("full", TWO, second_parent, child)


def test_neither_a_guardian_nor_a_carer_invites_a_parent(child):
    refused("full", TWO, second_parent, child, role="guardian")


def test_nobody_invites_a_parent_of_a_grown_up(dossier):
    refused("full", TWO, second_parent, dossier, role="holder")


def test_nobody_invites_a_parent_to_a_closed_dossier(child):
    make.holder_of(child, "parent")
    Dossier.objects.filter(pk=child.pk).update(state="closed", closed_at=NOW, closure="DEMANDE_TITULAIRE")
    refused("full", TWO, second_parent, child)


# -- taking back ----------------------------------------------------------------------------------------------


def test_an_invitation_is_taken_back_once(dossier):
    row, _ = invite(dossier)
    kept, _ = invite(dossier, "b@example.org")
    assert inside(dossier, lambda entry: persons.cancel(entry, row.pk)) is True
    row.refresh_from_db()
    assert row.withdrawn_at == NOW
    said = last_told(dossier)
    assert (said["event"], said["object_kind"], said["object_id"]) == ("representation_ended", "person", row.pk)
    assert said["detail"] == {"invitation": True}
    assert list(persons.waiting(dossier.pk)) == [kept]


def test_an_invitation_that_is_not_there_is_not_taken_back(dossier):
    def act(entry):
        answer = persons.cancel(entry, uuid7())
        entry.trace()
        return answer

    invite(dossier)
    assert inside(dossier, act) is False
    assert [one.event for one in acts(dossier)] == ["invited", "invited"]
    assert persons.waiting(dossier.pk).count() == 1


def test_a_carer_is_withdrawn_at_once(dossier):
    row, other = speaks(dossier), speaks(dossier)
    holder = make.holder_of(dossier)
    assert inside(dossier, lambda entry: persons.withdraw_carer(entry, other.pk)) == other
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.until, other.until) == (None, NOW)
    assert other.history.filter(until=NOW).get().history_user_id == f"holder:{holder.pk}"
    said = last_told(dossier)
    assert (said["event"], said["object_kind"], said["object_id"], said["detail"]) == (
        "representation_ended",
        "person",
        other.user_id,
        {"role": "carer"},
    )


@pytest.mark.parametrize("role", ["guardian", "parent"])
def test_a_representative_is_no_carer_to_be_withdrawn(dossier, role):
    row = speaks(dossier, role)

    def act(entry):
        entry.trace()
        return persons.withdraw_carer(entry, row.pk)

    assert inside(dossier, act) is None
    assert Representation.objects.get(pk=row.pk).until is None


# -- accepting ------------------------------------------------------------------------------------------------


def accept(dossier, row, code, email="paul@example.org"):
    user = make.UserFactory(email=email)
    return persons.accept(user, dossier.pk, row.pk, code)


def not_accepted(words, *args, **more):
    with pytest.raises(persons.NotAccepted) as error:
        accept(*args, **more)
    assert error.value.args == (words,)


def test_accepting_gives_what_the_invitation_says(dossier):
    row, code = invite(dossier, rights=["trail", "read"])
    Notice.objects.all().delete()
    user = make.UserFactory(email="PAUL@example.org")
    held = persons.accept(user, dossier.pk, row.pk, f"{code[:5]}-{code[5:].lower()}")
    kept = Representation.objects.get(user=user)
    assert kept == held
    assert (kept.dossier, kept.role, kept.rights) == (dossier, "carer", ["read", "trail"])
    assert (kept.since, kept.until) == (NOW, NOW + 30 * DAY)
    assert (kept.evidence, kept.recorded_by) == ("invitation", f"carer:{user.pk}")
    assert kept.history.get().history_user_id == f"carer:{user.pk}"
    row.refresh_from_db()
    assert row.accepted_at == NOW
    assert last_told(dossier) == {
        "event": "representation_added",
        "allowed": True,
        "mode": "normal",
        "actor_kind": "carer",
        "actor_id": str(user.pk),
        "actor_name": str(user),
        "means": "code",
        "object_kind": "person",
        "object_id": user.pk,
        "detail": {"role": "carer", "rights": ["read", "trail"], "changes": ["accepted"]},
    }
    assert [one.kind for one in Notice.objects.all()] == ["carer"]
    not_accepted(persons.WRONG, dossier, row, code, email="other@example.org")


def test_a_second_parent_has_the_rights_of_the_first(child):
    row, code = second_parent(child)
    held = accept(child, row, code)
    assert (held.role, held.rights, held.until) == ("parent", [], None)
    assert held.evidence == "invitation de l'autre parent"
    assert held.recorded_by == f"representative:{held.user_id}"


def test_a_wrong_code_is_counted_and_five_end_the_invitation(dossier):
    row, code = invite(dossier)
    for tries in range(1, 6):
        not_accepted(persons.WRONG, dossier, row, "AAAAA AAAAA", email=f"p{tries}@example.org")
        row.refresh_from_db()
        assert row.attempts == tries
    not_accepted(persons.WRONG, dossier, row, code)


def test_a_right_code_from_another_address_opens_nothing(dossier):
    row, code = invite(dossier)
    not_accepted(persons.WRONG, dossier, row, code, email="jean@example.org")
    not_accepted(persons.WRONG, dossier, row, code, email=None)
    assert not Representation.objects.filter(role="carer").exists()
    row.refresh_from_db()
    assert (row.attempts, row.accepted_at) == (0, None)


def test_an_invitation_lives_a_week(dossier, clock):
    row, code = invite(dossier)
    other, other_code = invite(dossier, "b@example.org")
    clock.move_to(NOW + 7 * DAY - dt.timedelta(seconds=1), tick=False)
    assert accept(dossier, row, code)
    clock.move_to(NOW + 7 * DAY, tick=False)
    not_accepted(persons.WRONG, dossier, other, other_code, email="b@example.org")


def test_an_invitation_of_another_dossier_is_not_found(dossier):
    row, code = invite(dossier)
    not_accepted(persons.WRONG, make.DossierFactory(), row, code)


def test_a_carer_helps_five_persons_at_most(dossier):
    row, code = invite(dossier)
    user = make.UserFactory(email="paul@example.org")
    for place in range(5):
        role = "guardian" if place == 0 else "carer"
        Representation.objects.create(
            dossier=make.DossierFactory(), user=user, role=role, recorded_by="test", since=NOW - DAY
        )
    Representation.objects.create(
        dossier=make.DossierFactory(), user=user, role="carer", recorded_by="test", since=NOW - DAY, until=NOW
    )
    assert persons.helps(user) == 4
    assert persons.accept(user, dossier.pk, row.pk, code)
    assert persons.helps(user) == 5
    another = make.DossierFactory()
    row, code = invite(another)
    with pytest.raises(persons.NotAccepted) as error:
        persons.accept(user, another.pk, row.pk, code)
    assert error.value.args == ("Une personne aide 5 personnes au plus.",)


def test_the_limit_of_a_carer_is_not_a_parent_s(child):
    row, code = second_parent(child)
    user = make.UserFactory(email="paul@example.org")
    for _ in range(5):
        Representation.objects.create(dossier=make.DossierFactory(), user=user, role="carer", recorded_by="test")
    assert persons.accept(user, child.pk, row.pk, code).role == "parent"


def test_what_closed_or_came_of_age_meanwhile_is_not_entered(child, dossier):
    row, code = second_parent(child)
    Patient.objects.filter(dossier=child).update(birth_date=dt.date(2008, 11, 23))  # eighteen today
    not_accepted(persons.WRONG, child, row, code)
    carers, carer_code = invite(dossier, "aude@example.org")
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=NOW, closure="DEMANDE_TITULAIRE")
    not_accepted(persons.WRONG, dossier, carers, carer_code, email="aude@example.org")
    assert not Representation.objects.filter(user__email__in=["paul@example.org", "aude@example.org"]).exists()


def test_a_carer_who_comes_back_starts_again(dossier, clock):
    row, code = invite(dossier)
    first = accept(dossier, row, code)
    inside(dossier, lambda entry: persons.withdraw_carer(entry, first.pk))
    clock.shift(DAY)
    row, code = invite(dossier, rights=["deposit"], until=NOW + 9 * DAY)
    again = persons.accept(first.user, dossier.pk, row.pk, code)
    assert (again.pk, again.since, again.until, again.rights) == (first.pk, NOW + DAY, NOW + 9 * DAY, ["deposit"])


# -- at the counter -------------------------------------------------------------------------------------------


def record(dossier, role="guardian", user=None, **more):
    said = {"evidence": "jugement du 3 mars", "since": NOW - 9 * DAY, "until": NOW + 9 * DAY} | more
    return persons.record(dossier, user or make.UserFactory(), Representation.Role(role), by=AGENT, **said)


def test_a_representative_is_recorded_on_what_an_agent_saw(dossier):
    row = record(dossier)
    kept = Representation.objects.get()
    assert kept == row
    assert (kept.dossier, kept.role, kept.rights) == (dossier, "guardian", [])
    assert (kept.since, kept.until) == (NOW - 9 * DAY, NOW + 9 * DAY)
    assert (kept.evidence, kept.recorded_by) == ("jugement du 3 mars", "counter:agent-7")
    assert kept.history.get().history_user_id == "counter:agent-7"
    assert last_told(dossier) == {
        "event": "representation_added",
        "allowed": True,
        "mode": "normal",
        "actor_kind": "counter",
        "actor_id": "agent-7",
        "actor_name": "Agent 7",
        "means": "password",
        "object_kind": "person",
        "object_id": kept.user_id,
        "detail": {"role": "guardian", "rights": [], "changes": []},
    }
    assert [(one.kind, one.dossier_id) for one in Notice.objects.all()] == [("carer", dossier.pk)]


def test_a_protection_has_an_end_and_a_parent_none(dossier, child):
    refused("until", "Une mesure de protection a une fin : écrivez celle du jugement.", record, dossier, until=None)
    assert record(child, "parent", until=None).until is None


@pytest.mark.parametrize(
    ("since", "until", "good"),
    [
        (NOW - 9 * DAY, NOW, False),
        (NOW - 9 * DAY, NOW + dt.timedelta(seconds=1), True),
        (NOW + 2 * DAY, NOW + 2 * DAY, False),
        (NOW + 2 * DAY, NOW + DAY, False),
        (NOW + 2 * DAY, NOW + 3 * DAY, True),
    ],
)
def test_the_end_is_after_the_beginning_and_after_today(dossier, since, until, good):
    if good:
        assert record(dossier, since=since, until=until)
    else:
        words = "La fin vient après le début, et après aujourd'hui."
        refused("until", words, record, dossier, since=since, until=until)


def test_two_parents_at_most_the_same_one_counted_once(child):
    first, second = make.UserFactory(), make.UserFactory()
    for user in (first, second, first):
        record(child, "parent", user, until=None)
    words = "Deux parents sont déjà enregistrés : mettez fin à l'un d'abord."
    refused("full", words, record, child, "parent", until=None)
    assert record(child, "guardian")


def test_nobody_is_recorded_on_a_closed_dossier_nor_as_a_parent_of_a_grown_up(dossier):
    words = "Le titulaire est majeur : ses parents ne le représentent plus."
    refused("of-age", words, record, dossier, "parent", until=None)
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=NOW, closure="DEMANDE_TITULAIRE")
    refused("closed", "Ce dossier est fermé.", record, dossier)
    assert not Notice.objects.exists()


@pytest.mark.parametrize("role", ["carer", "guardian"])
def test_a_representation_ends_at_the_counter(dossier, role):
    row, other = speaks(dossier, role), speaks(dossier)
    assert persons.end(dossier, row.pk, by=AGENT) is True
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.until, other.until) == (NOW, None)
    assert row.history.filter(until=NOW).get().history_user_id == "counter:agent-7"
    assert last_told(dossier) == {
        "event": "representation_ended",
        "allowed": True,
        "mode": "normal",
        "actor_kind": "counter",
        "actor_id": "agent-7",
        "actor_name": "Agent 7",
        "means": "password",
        "object_kind": "person",
        "object_id": row.user_id,
        "detail": {"role": role},
    }
    assert persons.end(dossier, row.pk, by=AGENT) is False


def test_the_holder_s_own_quality_and_another_dossier_s_do_not_end_so(dossier, child):
    make.holder_of(dossier)
    holder = Representation.objects.get(dossier=dossier, role="holder")
    assert persons.end(dossier, holder.pk, by=AGENT) is False
    parent = speaks(child, "parent")
    assert persons.end(dossier, parent.pk, by=AGENT) is False
    assert persons.end(child, parent.pk, by=AGENT) is True
    assert Representation.objects.get(pk=holder.pk).until is None
