"""The way back into an account: codes, letters, limits, and what each dossier is told. Whole rows and traces."""

import datetime as dt

import pytest

from access import recovery
from access.models import Recovery, Representation, User
from audit.models import Trace
from audit.trail import Actor, ActorKind
from patients import codes
from patients.models import IdentityIndex, Notice
from tests import factories as make
from tests.access.acts import DAY, NOW
from tests.told import acts, last_told, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HOUR, SECOND = dt.timedelta(hours=1), dt.timedelta(seconds=1)
AGENT = Actor(ActorKind.COUNTER, "agent-7", "Agent 7", means="password")


@pytest.fixture
def dossier(db):
    return make.DossierFactory(opened_at=NOW - 9 * DAY)


@pytest.fixture
def user(dossier):
    return make.holder_of(dossier)


def hand_over(user, evidence="passeport"):
    return recovery.hand_over(user, by=AGENT, evidence=evidence)


def notices(dossier):
    return [one.kind for one in Notice.objects.filter(dossier=dossier).order_by("created_at", "id")]


def said(user, event, means, **more):
    return {
        "event": event,
        "allowed": True,
        "mode": "normal",
        "actor_kind": "holder",
        "actor_id": str(user.pk),
        "actor_name": str(user),
        "means": means,
        "object_kind": "account",
        **more,
    }


def by_agent(**more):
    return {
        "event": "access_code_given",
        "allowed": True,
        "mode": "normal",
        "actor_kind": "counter",
        "actor_id": "agent-7",
        "actor_name": "Agent 7",
        "means": "password",
        "object_kind": "account",
        **more,
    }


# -- a password remade ----------------------------------------------------------------------------------------


def test_a_password_remade_by_mail_shuts_the_account_until_more_is_proven(dossier, user):
    assert recovery.waiting(user) is None
    recovery.password_reset(user)
    row = recovery.waiting(user)
    assert (row.user, row.asked_at, row.restored_at, row.code_digest) == (user, NOW, None, None)
    assert last_told(dossier) == said(user, "password_reset", "e-mail")
    assert notices(dossier) == ["password_reset"]
    assert recovery.waiting(make.UserFactory()) is None


def test_remaking_it_again_keeps_the_code_and_its_wrong_tries(dossier, user, clock):
    code = hand_over(user)
    assert recovery.confirm(user, "AAAAAAAAAA") is False
    clock.shift(HOUR)
    recovery.password_reset(user)
    row = Recovery.objects.get()
    assert (row.asked_at, row.attempts) == (NOW + HOUR, 1)
    assert recovery.confirm(user, code) is True
    recovery.password_reset(user)
    assert recovery.waiting(user) is not None


@pytest.mark.parametrize(("before", "void"), [(SECOND, True), (0 * SECOND, False), (-SECOND, False)])
def test_a_sign_in_begun_before_is_void(user, before, void):
    recovery.password_reset(user)
    assert recovery.is_void(user, (NOW - before).timestamp()) is void
    assert recovery.is_void(make.UserFactory(), 0) is False


# -- a code handed over -----------------------------------------------------------------------------------------


def test_a_code_handed_over_is_kept_as_a_digest_for_two_days(dossier, user):
    code = hand_over(user)
    row = Recovery.objects.get()
    assert (row.user, row.attempts, row.restored_at, row.posted_at) == (user, 0, None, None)
    assert bytes(row.code_digest) == codes.digest(user.pk, code)
    assert row.expires_at == NOW + 48 * HOUR
    assert last_told(dossier) == by_agent(detail={"way": "guichet", "evidence": "passeport"})
    assert notices(dossier) == ["access_code"]


@pytest.mark.parametrize(("after", "good"), [(48 * HOUR - SECOND, True), (48 * HOUR, False)])
def test_it_serves_two_days_and_once(dossier, user, clock, after, good):
    code = hand_over(user)
    clock.move_to(NOW + after, tick=False)
    assert recovery.confirm(user, f" {code[:5].lower()}-{code[5:]}") is good
    assert last_told(dossier) == said(user, "access_restored", "code de guichet", allowed=good)
    row = Recovery.objects.get()
    if good:
        assert (row.restored_at, row.code_digest, row.expires_at) == (NOW + after, None, None)
    else:
        assert row.restored_at is None
    assert recovery.confirm(user, code) is False
    assert notices(dossier) == ["access_code"]


def test_five_wrong_codes_wear_it_out_and_a_new_one_starts_again(dossier, user):
    code = hand_over(user)
    for tries in range(1, 6):
        assert recovery.confirm(user, "AAAAAAAAAA") is False
        assert Recovery.objects.get().attempts == tries
    assert recovery.confirm(user, code) is False
    again = hand_over(user)
    assert Recovery.objects.get().attempts == 0
    assert recovery.confirm(user, code) is False
    assert recovery.confirm(user, again) is True


def test_a_code_of_another_account_opens_nothing(user):
    code = hand_over(user)
    assert recovery.confirm(make.UserFactory(), code) is False
    assert recovery.waiting(user) is not None


def test_a_code_asked_for_later_shuts_the_account_again(user, clock):
    recovery.confirm(user, hand_over(user))
    assert recovery.waiting(user) is None
    clock.shift(DAY)
    hand_over(user)
    row = recovery.waiting(user)
    assert (row.asked_at, row.restored_at) == (NOW + DAY, None)


def test_a_second_factor_proves_as_much(dossier, user, clock):
    recovery.prove_by_second_factor(user)
    assert acts(dossier) == []
    code = hand_over(user)
    clock.shift(HOUR)
    recovery.prove_by_second_factor(user)
    row = Recovery.objects.get()
    assert (row.restored_at, row.code_digest, row.expires_at) == (NOW + HOUR, None, None)
    assert last_told(dossier) == said(user, "access_restored", "second facteur")
    assert recovery.confirm(user, code) is False
    recovery.prove_by_second_factor(user)
    assert Recovery.objects.get().restored_at == NOW + HOUR


# -- a letter ---------------------------------------------------------------------------------------------------


@pytest.fixture
def insured(dossier, user):
    """The person of the register behind this dossier."""
    person = make.InsuredFactory()
    IdentityIndex.objects.filter(dossier_id=dossier.pk).delete()
    IdentityIndex.objects.create(lookup=person.pk, dossier_id=dossier.pk)
    make.InsuredFactory()
    return person


def test_a_letter_goes_to_the_insured_person_who_holds_the_dossier(dossier, user, insured):
    assert recovery.addressee(user) == insured
    assert recovery.may_post(user) is True
    for role in ("parent", "carer"):
        assert recovery.addressee(make.holder_of(dossier, role)) is None
        assert recovery.may_post(make.holder_of(dossier, role)) is False
    Representation.objects.filter(user=user).update(until=NOW)
    assert recovery.addressee(user) is None


def test_asking_for_a_letter_is_told(dossier, user, insured):
    recovery.ask_letter(user, by=AGENT)
    assert last_told(dossier) == by_agent(detail={"way": "courrier"})
    assert notices(dossier) == ["access_code"]
    assert not Recovery.objects.exists()


def test_a_letter_s_code_serves_six_weeks(user, insured):
    code = recovery.make_letter_code(user)
    row = Recovery.objects.get()
    assert (row.posted_at, row.expires_at) == (NOW, NOW + 42 * DAY)
    assert bytes(row.code_digest) == codes.digest(user.pk, code)
    assert recovery.make_letter_code(user) is None
    assert recovery.may_post(user) is False


@pytest.mark.parametrize(("after", "due"), [(7 * DAY, False), (7 * DAY + SECOND, True)])
def test_another_letter_waits_a_week_and_the_end_of_the_code(user, insured, clock, after, due):
    code = recovery.make_letter_code(user)
    clock.move_to(NOW + after, tick=False)
    assert recovery.may_post(user) is False  # the first is still good
    assert recovery.confirm(user, code)
    assert recovery.may_post(user) is due
    assert (recovery.make_letter_code(user) is not None) is due


def test_a_code_that_is_worn_out_or_late_holds_no_letter_back(user, insured, clock):
    hand_over(user)
    assert recovery.may_post(user) is False
    Recovery.objects.update(attempts=5)
    assert recovery.may_post(user) is True
    Recovery.objects.update(attempts=0)
    clock.shift(48 * HOUR)
    assert recovery.may_post(user) is True


# -- who is told ------------------------------------------------------------------------------------------------


def test_each_dossier_of_the_account_has_its_trace_and_the_holder_s_a_notice(dossier, user, clock):
    other, over = make.DossierFactory(), make.DossierFactory()
    fields = {"user": user, "recorded_by": "test", "since": NOW - DAY}
    Representation.objects.create(dossier=other, role="parent", **fields)
    Representation.objects.create(dossier=other, role="carer", **fields)
    Representation.objects.create(dossier=over, role="parent", until=NOW, **fields)
    recovery.password_reset(user)
    for one in (dossier, other):
        assert [told(trace)["event"] for trace in acts(one)] == ["password_reset"]
    assert acts(over) == []
    assert (notices(dossier), notices(other), notices(over)) == (["password_reset"], [], [])


def test_an_account_without_a_dossier_is_traced_all_the_same(db):
    user = User.objects.create(email="seul@example.org")
    recovery.password_reset(user)
    trace = Trace.objects.get()
    assert (trace.event, trace.object_kind, trace.dossier_id.int) == ("password_reset", "account", 0)


def test_the_accounts_of_a_dossier_are_those_that_may_sign_in_today(dossier, user):
    rows = {role: make.holder_of(dossier, role) for role in ("parent", "carer", "guardian")}
    Representation.objects.filter(user=rows["carer"]).update(until=NOW)
    Representation.objects.filter(user=rows["guardian"]).update(since=NOW - 99 * DAY)
    make.holder_of(make.DossierFactory())
    found = [one.user for one in recovery.accounts_of(dossier.pk)]
    assert found[0] == rows["guardian"] and set(found[1:]) == {user, rows["parent"]}
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert user not in [one.user for one in recovery.accounts_of(dossier.pk)]
