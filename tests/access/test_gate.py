"""The door: one query of facts, one trace before anything is shown, the same answer for absent and forbidden."""

import datetime as dt
import uuid

import pytest
from django.db import transaction

from access import gate, grants
from access.facts import Act, Ground
from access.gate import Absent, Refused
from access.policy import decide
from audit.models import Trace
from audit.trail import Event, TrailDown
from documents.models import Document
from patients.models import Dossier
from tests import factories as make

pytestmark = pytest.mark.django_db


def seen_by(caller, dossier):
    with gate.enter(caller, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
        rows = set(Document.objects.within(entry.scope).values_list("pk", flat=True))
        entry.trace(detail={"count": len(rows)})
    return rows


@pytest.fixture
def dossier():
    make.matrix()
    return make.DossierFactory()


def test_masked_is_for_the_holder_the_author_and_the_treating_doctor(dossier):
    author, treating, other = (make.ProfessionalFactory() for _ in range(3))
    make.permit(dossier, author)
    make.permit(dossier, other)
    make.treat(dossier, treating)
    shown = make.DocumentFactory(dossier=dossier)
    masked = make.DocumentFactory(dossier=dossier, hidden=True, author_ids=[author.idnat])
    both = {shown.pk, masked.pk}
    assert seen_by(make.caller(other), dossier) == {shown.pk}
    assert seen_by(make.caller(author), dossier) == both
    assert seen_by(make.caller(treating), dossier) == both
    assert seen_by(make.holder(dossier), dossier) == both


def test_what_it_gives_is_the_row_of_the_dossier(dossier):
    found, facts = gate.look(make.holder(dossier), dossier_id=dossier.pk)
    stored = Dossier.objects.get(pk=dossier.pk)
    names = [field.attname for field in Dossier._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [getattr(stored, name) for name in names]
    assert (found._state.db, found._state.adding) == ("default", False)
    assert (facts.dossier_id, facts.is_open, facts.minor) == (dossier.pk, True, False)


def test_the_door_does_not_open_inside_what_could_be_undone(dossier):
    holder = make.holder(dossier)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        seen_by(holder, dossier)


def test_what_awaits_announcement_is_for_professionals_until_its_day(dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    waiting = make.DocumentFactory(dossier=dossier, awaiting=True)
    past = make.DocumentFactory(dossier=dossier, announced_by_time=True)
    assert seen_by(make.caller(doctor), dossier) == {waiting.pk, past.pk}
    assert seen_by(make.holder(dossier), dossier) == {past.pk}


def test_a_representative_does_not_see_what_a_minor_keeps_secret():
    child = make.DossierFactory(minor=True)
    make.DocumentFactory(dossier=child, secret=True)
    shown = make.DocumentFactory(dossier=child)
    assert seen_by(make.holder(child, "parent"), child) == {shown.pk}


def test_come_of_age_the_holder_sees_what_he_kept_secret(dossier):
    secret = make.DocumentFactory(dossier=dossier, secret=True)
    assert seen_by(make.holder(dossier), dossier) == {secret.pk}


def test_at_the_majority_the_right_of_the_parents_is_over_and_the_holder_s_begins(time_machine):
    time_machine.move_to(dt.datetime(2026, 11, 1, tzinfo=dt.UTC), tick=False)
    child = make.DossierFactory(birth_date=dt.date(2008, 11, 24))
    make.DocumentFactory(dossier=child)
    parent, holder = make.holder(child, "parent"), make.holder(child)
    before, after = dt.datetime(2026, 11, 23, 22, 59, tzinfo=dt.UTC), dt.datetime(2026, 11, 23, 23, 0, tzinfo=dt.UTC)

    def ground(caller):
        return decide(Act.LIST, gate.look(caller, dossier_id=child.pk)[1]).ground

    time_machine.move_to(before, tick=False)
    assert (ground(parent), ground(holder)) == (Ground.REPRESENTATIVE, Ground.NOT_OF_AGE)
    time_machine.move_to(after, tick=False)
    assert (ground(parent), ground(holder)) == (Ground.OF_AGE, Ground.HOLDER)


def test_a_profession_reads_only_its_types(dossier):
    nurse = make.ProfessionalFactory(nurse=True)
    make.permit(dossier, nurse)
    make.DocumentFactory(dossier=dossier, type_code="ATTEST-RESID")
    read = make.DocumentFactory(dossier=dossier, type_code="11502-2")
    assert seen_by(make.caller(nurse), dossier) == {read.pk}


@pytest.mark.parametrize(
    ("prepare", "ground"),
    [
        (lambda dossier, who: None, Ground.NOT_AUTHORISED),
        (lambda dossier, who: make.permit(dossier, who, until=dossier.opened_at), Ground.EXPIRED),
        (lambda dossier, who: (make.permit(dossier, who), make.forbid(dossier, who)), Ground.BLOCKED),
        (lambda dossier, who: (make.treat(dossier, who), make.forbid(dossier, who)), Ground.BLOCKED),
    ],
    ids=["no right", "ended", "blocked", "blocked treating doctor"],
)
def test_a_refusal_is_traced_with_its_ground(dossier, prepare, ground):
    who = make.ProfessionalFactory()
    prepare(dossier, who)
    with pytest.raises(Refused) as refused:
        seen_by(make.caller(who), dossier)
    trace = Trace.objects.about(dossier.pk).get()
    assert (refused.value.decision.ground, trace.allowed, trace.ground) == (ground, False, ground)
    assert trace.actor_id == who.idnat


def test_nobody_reads_a_closed_dossier():
    make.matrix()
    dossier = make.DossierFactory(closed=True)
    treating = make.ProfessionalFactory()
    make.treat(dossier, treating)
    for caller in (make.caller(treating), make.holder(dossier)):
        with pytest.raises(Refused) as refused:
            seen_by(caller, dossier)
        assert refused.value.decision.ground == Ground.CLOSED


def test_without_a_trace_nothing_is_kept(dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    with (
        pytest.raises(TrailDown),
        gate.enter(make.caller(doctor), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk),
    ):
        make.DocumentFactory(dossier=dossier)
    assert not Document.objects.exists()


def test_an_absent_dossier_is_traced_without_a_dossier():
    doctor = make.ProfessionalFactory()
    with (
        pytest.raises(Absent),
        gate.enter(make.caller(doctor), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=uuid.uuid4()),
    ):
        pass
    trace = Trace.objects.get()
    assert (trace.dossier_id.int, trace.allowed, trace.ground, trace.seq) == (0, False, "absent", 0)


def test_a_blocked_treating_doctor_loses_the_quality_in_the_same_act(dossier):
    doctor = make.ProfessionalFactory()
    holder = make.holder(dossier)
    with gate.enter(holder, Act.MANAGE, Event.TREATING_NAMED, dossier_id=dossier.pk, lock=True) as entry:
        grants.name_treating(entry, doctor, source="holder")
    with gate.enter(holder, Act.MANAGE, Event.PROFESSIONAL_BLOCKED, dossier_id=dossier.pk, lock=True) as entry:
        grants.block(entry, doctor)
    with pytest.raises(Refused):
        seen_by(make.caller(doctor), dossier)
    with gate.enter(holder, Act.MANAGE, Event.PROFESSIONAL_UNBLOCKED, dossier_id=dossier.pk, lock=True) as entry:
        grants.unblock(entry, doctor)
    with pytest.raises(Refused) as refused:
        seen_by(make.caller(doctor), dossier)
    assert refused.value.decision.ground == Ground.NOT_AUTHORISED


def test_the_decision_costs_one_query(dossier, django_assert_num_queries):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    caller = make.caller(doctor)
    with transaction.atomic(), django_assert_num_queries(1):
        gate.look(caller, dossier_id=dossier.pk)
