"""What the gate finds: each row of the database is one fact, for its own dossier, person and time."""

import datetime as dt
from dataclasses import replace

import pytest
from django.utils import timezone

from access import gate
from access.facts import Act, Authorisation, Ground, Purpose, Right, Role
from access.gate import Absent, Caller, Refused
from access.models import EmergencyAccess, Representation
from access.policy import decide
from audit.models import Trace
from audit.trail import Actor, ActorKind, Event
from documents.models import DocumentGrant
from tests import factories as make

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
MOMENT = dt.timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def dossier():
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory()


def facts(caller, dossier):
    return gate.look(caller, dossier_id=dossier.pk)[1]


def emergency(dossier, doctor, kind, **fields):
    fields = {"until": NOW + MOMENT, "reason": "personne inconsciente"} | fields
    return EmergencyAccess.objects.create(dossier=dossier, user=make.account(doctor), kind=kind, **fields)


def test_nothing_recorded_is_no_right(dossier, doctor):
    found = facts(make.caller(doctor), dossier)
    assert (found.role, found.dossier_id, found.at, found.author) == (
        Role.PROFESSIONAL,
        dossier.pk,
        NOW,
        doctor.idnat,
    )
    assert (found.is_open, found.minor, found.blocked, found.expired, found.treating) == (True, *[False] * 4)
    assert (found.authorisation, found.broke_glass, found.typed_number) == (None, False, False)
    assert (found.documents, found.readable, found.vital) == (frozenset(),) * 3


def test_what_his_token_and_his_call_say_is_taken_over(dossier, doctor):
    caller = replace(make.caller(doctor), purpose=Purpose.REGULATION, regulator=True, needs_express=True)
    found = facts(caller, dossier)
    assert (found.purpose, found.regulator, found.needs_express) == (Purpose.REGULATION, True, True)


@pytest.mark.parametrize(
    ("since", "until", "runs"),
    [
        (NOW, None, True),
        (NOW, NOW + MOMENT, True),
        (NOW - MOMENT, NOW, False),
        (NOW + MOMENT, None, False),
    ],
    ids=["from now on", "a moment more", "its end is over", "not begun"],
)
def test_a_right_holds_from_its_beginning_until_its_end_excluded(dossier, doctor, since, until, runs):
    dates = {"since": since, "until": until}
    make.permit(dossier, doctor, **dates)
    make.permit(dossier, doctor, "consult_masked", **dates)
    make.forbid(dossier, doctor).__class__.objects.update(**dates)
    document = make.DocumentFactory(dossier=dossier, hidden=True)
    make.open_document(document, doctor, **dates)
    found = facts(make.caller(doctor), dossier)
    assert (found.authorisation is not None, found.treating, found.blocked) == (runs,) * 3
    assert (found.documents == {document.pk}, found.expired) == (runs, not runs)


@pytest.mark.parametrize(
    ("since", "until", "runs"),
    [(NOW, NOW + MOMENT, True), (NOW - MOMENT, NOW, False), (NOW + MOMENT, NOW + 2 * MOMENT, False)],
)
def test_an_emergency_ends_by_itself(code_tables, dossier, doctor, since, until, runs):
    emergency(dossier, doctor, "break_glass", since=since, until=until)
    assert facts(make.caller(doctor), dossier).broke_glass is runs
    assert not facts(make.caller(doctor), dossier).typed_number
    emergency(dossier, doctor, "number", since=since, until=until, reason="")
    found = facts(make.caller(doctor), dossier)
    assert (found.broke_glass, found.typed_number, "60591-5" in found.vital) == (runs,) * 3


def test_a_treating_doctor_whose_quality_ended_had_no_authorisation(dossier, doctor):
    """EXPIRE is said of an authorisation that ended, and of nothing else."""
    make.permit(dossier, doctor, "consult_masked", until=NOW)
    found = facts(make.caller(doctor), dossier)
    assert (found.treating, found.expired) == (False, False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Authorisation(None, emergency_only=False, express=False)),
        ({"express": True}, Authorisation(None, emergency_only=False, express=True)),
        ({"extent": "emergency"}, Authorisation(None, emergency_only=True, express=False)),
        ({"extent": "limited", "families": []}, Authorisation(frozenset(), emergency_only=False, express=False)),
        ({"extent": "general", "families": ["biologie"]}, Authorisation(None, emergency_only=False, express=False)),
    ],
    ids=["general", "express", "emergency", "limited to documents named", "families of a general one"],
)
def test_an_authorisation_is_as_the_holder_limited_it(dossier, doctor, fields, expected):
    make.permit(dossier, doctor, **fields)
    assert facts(make.caller(doctor), dossier).authorisation == expected


def test_a_limited_authorisation_opens_the_types_of_its_families(code_tables, dossier, doctor):
    make.permit(dossier, doctor, extent="limited", families=["biologie", "certificats"])
    types = facts(make.caller(doctor), dossier).authorisation.types
    assert {"11502-2", "ATTEST-RESID"} <= types
    assert not {"11488-4", "60591-5"} & types


def test_the_rights_of_another_person_or_dossier_are_not_his(code_tables, dossier, doctor):
    other, elsewhere = make.ProfessionalFactory(), make.DossierFactory()
    for where, who in ((dossier, other), (elsewhere, doctor)):
        make.permit(where, who)
        make.treat(where, who)
        make.forbid(where, who)
        make.open_document(make.DocumentFactory(dossier=where, hidden=True), who)
        emergency(where, who, "break_glass")
        emergency(where, who, "number")
    make.account(doctor)
    found = facts(make.caller(doctor), dossier)
    assert (found.authorisation, found.expired, found.treating, found.blocked) == (None, False, False, False)
    assert (found.broke_glass, found.typed_number, found.documents) == (False, False, frozenset())


# -- the matrix -----------------------------------------------------------------------------------------
def test_the_matrix_is_the_last_one_in_force(dossier, doctor):
    for readable, effective_from in (
        (["11488-4"], NOW - dt.timedelta(days=2)),
        (["11502-2"], NOW),
        (["60591-5"], NOW + MOMENT),
    ):
        make.matrix(readable, effective_from=effective_from)
    assert facts(make.caller(doctor), dossier).readable == {"11502-2"}


def test_a_profession_that_the_last_matrix_left_out_reads_nothing(dossier, doctor):
    """D20: what an older version gave it is over."""
    make.matrix(effective_from=NOW - dt.timedelta(days=2))
    make.matrix(professions=("21", "60"), effective_from=NOW - dt.timedelta(days=1))
    assert facts(make.caller(doctor), dossier).readable == frozenset()


# -- the dossier ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("switch", ["allows_break_glass", "allows_regulation", "shows_masked_in_emergency"])
def test_the_three_switches_are_the_holder_s(dossier, doctor, switch):
    for position in (True, False):
        type(dossier).objects.filter(pk=dossier.pk).update(**{switch: position})
        assert getattr(facts(make.caller(doctor), dossier), switch) is position


def test_a_destroyed_dossier_is_absent(doctor):
    dossier = make.DossierFactory(closed=True)
    type(dossier).objects.filter(pk=dossier.pk).update(state="destroyed")
    with pytest.raises(Absent):
        facts(make.caller(doctor), dossier)


def test_a_dossier_without_a_sheet_is_not_a_minor_s(dossier, doctor):
    dossier.patient.delete()
    assert not facts(make.caller(doctor), dossier).minor


def test_by_its_number_it_is_the_same_dossier(dossier, doctor):
    ins = dossier.patient.ins
    assert gate.look(make.caller(doctor), ins=ins)[0] == dossier
    with pytest.raises(Absent):
        gate.look(make.caller(doctor), ins=replace(ins, matricule=make.nir("1970235900099")))


# -- persons --------------------------------------------------------------------------------------------
def represent(dossier, *roles, **fields):
    """One account that stands in these qualities to the dossier."""
    user = make.UserFactory()
    for role in roles:
        fields = {"since": NOW, "recorded_by": "test"} | fields
        Representation.objects.create(dossier=dossier, user=user, role=role, **fields)
    return make.holder(dossier, user=user)


@pytest.mark.parametrize(
    ("age", "roles", "standing"),
    [
        ({}, ["carer", "guardian", "holder"], Role.HOLDER),
        ({}, ["carer", "parent", "guardian"], Role.GUARDIAN),
        ({"minor": True}, ["carer", "parent"], Role.PARENT),
        ({}, ["carer", "parent"], Role.CARER),
        ({}, ["parent"], Role.PARENT),
        ({}, [], Role.OTHER),
    ],
    ids=["herself first", "then guardian", "then a minor's parent", "a parent made carer", "parent", "stranger"],
)
def test_of_several_qualities_the_one_that_counts(age, roles, standing):
    dossier = make.DossierFactory(**age)
    assert facts(represent(dossier, *roles), dossier).role is standing


def test_a_mother_whom_her_grown_up_son_made_his_carer_reads_as_his_carer(dossier):
    mother = represent(dossier, "parent", "carer", rights=[Right.READ])
    with gate.enter(mother, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
        entry.trace()
    trace = Trace.objects.about(dossier.pk).get()
    assert (entry.decision.ground, trace.actor_kind, entry.caller.role) == (Ground.CARER, "carer", Role.CARER)


@pytest.mark.parametrize(
    ("role", "kind"),
    [("holder", "holder"), ("guardian", "representative"), ("parent", "representative"), ("carer", "carer")],
)
def test_a_person_is_traced_in_her_quality(role, kind):
    dossier = make.DossierFactory(minor=role == "parent")
    caller = represent(dossier, role, rights=[Right.TRAIL])
    with gate.enter(caller, Act.TRAIL, Event.TRAIL_READ, dossier_id=dossier.pk) as entry:
        entry.trace()
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.actor_kind, trace.actor_id, trace.actor_name, trace.means) == (
        kind,
        caller.actor.id,
        caller.actor.name,
        caller.actor.means,
    )


def test_a_stranger_is_told_nothing_and_is_traced_as_who_he_is(dossier):
    type(dossier).objects.filter(pk=dossier.pk).update(state="closed", closed_at=NOW, closure="DEMANDE_TITULAIRE")
    stranger = represent(make.DossierFactory(), "holder")
    for act in (Act.LIST, Act.DEPOSIT, Act.MANAGE):
        with (
            pytest.raises(Refused) as refused,
            gate.enter(stranger, act, Event.DOCUMENT_LISTED, dossier_id=dossier.pk, object_id=dossier.pk),
        ):
            pass
        assert refused.value.decision.ground == Ground.NOT_CONCERNED
        assert (refused.value.dossier, str(refused.value)) == (dossier, "not_concerned")
    trace = Trace.objects.about(dossier.pk).first()
    assert (trace.allowed, trace.ground, trace.object_id, trace.actor_id) == (
        False,
        "not_concerned",
        dossier.pk,
        stranger.actor.id,
    )


def test_a_quality_that_ended_is_none(dossier):
    assert facts(represent(dossier, "holder", since=NOW - MOMENT, until=NOW), dossier).role is Role.OTHER
    assert decide(Act.MANAGE, facts(represent(dossier, "holder"), dossier))


def test_a_structure_stays_one_whatever_the_dossier(dossier):
    caller = Caller(None, Actor(ActorKind.STRUCTURE, "1750000001", "Laboratoire"), Role.STRUCTURE)
    assert facts(caller, dossier).role is Role.STRUCTURE
    assert decide(Act.DEPOSIT, facts(caller, dossier)).ground == Ground.FEEDING


def test_a_quality_found_once_is_looked_for_again(dossier):
    caller = represent(dossier, "holder")
    with gate.enter(caller, Act.MANAGE, Event.TRAIL_READ, dossier_id=dossier.pk) as entry:
        entry.trace()
    assert facts(entry.caller, dossier).role is Role.HOLDER
    dossier.representations.update(until=NOW)
    assert facts(entry.caller, dossier).role is Role.OTHER


def test_a_carer_has_the_rights_written_down(dossier):
    assert facts(represent(dossier, "carer", rights=["read", "trail"]), dossier).rights == {Right.READ, Right.TRAIL}
    assert facts(represent(dossier, "carer"), dossier).rights == frozenset()


# -- the trace of an entry ------------------------------------------------------------------------------
def test_an_entry_is_traced_with_its_ground_and_its_mode(dossier, doctor):
    make.matrix()
    emergency(dossier, doctor, "break_glass")
    document = make.DocumentFactory(dossier=dossier)
    with gate.enter(make.caller(doctor), Act.OPEN, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
        assert (entry.actor.id, entry.caller.author, entry.traced) == (doctor.idnat, doctor.idnat, False)
        entry.trace(object_kind="document", object_id=document.pk)
        entry.trace(Event.DOCUMENT_READ)
        assert entry.traced
    read, listed = Trace.objects.about(dossier.pk).order_by("-seq")
    assert (listed.event, listed.ground, listed.mode, listed.allowed) == (
        Event.DOCUMENT_LISTED,
        "break_glass",
        "break_glass",
        True,
    )
    assert (read.event, listed.object_id, listed.actor_id) == (Event.DOCUMENT_READ, document.pk, doctor.idnat)


def test_a_document_opened_to_him_is_the_grant_of_guardian(dossier, doctor):
    document = make.DocumentFactory(dossier=dossier, hidden=True)
    make.open_document(document, doctor)
    assert DocumentGrant.rights.running().get().permission.codename == "consult_document"
    assert decide(Act.LIST, facts(make.caller(doctor), dossier)).ground == Ground.OPENED_TO_HIM


def test_a_lock_holds_the_dossier_and_costs_no_other_query(dossier, doctor, django_assert_num_queries):
    caller = make.caller(doctor)
    with django_assert_num_queries(1) as asked:
        gate.look(caller, dossier_id=dossier.pk, lock=True)
    assert "FOR NO KEY UPDATE" in asked[0]["sql"]
    with django_assert_num_queries(1) as asked:
        gate.look(caller, dossier_id=dossier.pk)
    assert "UPDATE" not in asked[0]["sql"]


def test_nobody_signed_in_has_no_right(dossier, doctor):
    make.permit(dossier, doctor)
    assert facts(replace(make.caller(doctor), user=None), dossier).authorisation is None
    assert timezone.now() == NOW
