"""Closing, reactivating, early destruction, legal holds: what each does, and what none of them may cross."""

import datetime as dt

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from django.utils import timezone

from access import gate
from access.facts import Act
from access.models import Block, CareTeam, DossierGrant, EmergencyAccess, EmergencyNumber, Representation
from archival import carry_out, certificates, destruction, holds, reopening
from archival.holds_models import LegalHold
from archival.models import Certificate
from audit.models import Trace
from audit.trail import SYSTEM, Actor, ActorKind, Event
from documents import keys
from documents.models import DataKey, DocumentGrant
from patients import dossiers, notice_letters, request_letters, requests, tasks
from patients.dossiers import Agreement
from patients.models import Channel, Consent, Dossier, Notice, Patient
from patients.models_requests import Kind, Request
from tests import factories as make

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
HOLDER = Actor(ActorKind.HOLDER, "titulaire")
AGENT = Actor(ActorKind.COUNTER, "agent", "Karim Benali")
ONE, TWO, THREE = (Actor(ActorKind.OPERATOR, name) for name in ("un", "deux", "trois"))
AGREED = Agreement("holder", "formulaire signé n° 7", Channel.COUNTER)
CLOSED = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)
LAST_DAY = dt.datetime(2036, 3, 5, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch):
    """The frozen clock is this machine's alone: the database's cannot be moved."""
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)


@pytest.fixture
def dossier(code_tables, time_machine):
    time_machine.move_to(CLOSED - dt.timedelta(days=3), tick=False)
    return make.DossierFactory()


@pytest.fixture
def closed(dossier, time_machine):
    time_machine.move_to(CLOSED, tick=False)
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=HOLDER)
    return dossier


def state(dossier):
    return Dossier.objects.values_list("state", flat=True).filter(pk=dossier.pk).first()


def accepted(dossier, kind, asker="Antoine MARCHAND"):
    asked = requests.Asked(kind=kind, channel=Channel.POST, requester=asker, identity="lettre signée")
    row = requests.ask(dossier.pk, asked, by=AGENT)
    requests.take(dossier.pk, row.pk, by=AGENT)
    return requests.accept(dossier.pk, row.pk, "Oui.", by=AGENT)


# -- reactivating ----------------------------------------------------------------------------------------------------
def test_reactivated_everything_is_as_it_was_and_the_consent_is_kept(closed, time_machine):
    document = make.DocumentFactory(dossier=closed, title="Compte rendu")
    time_machine.shift(dt.timedelta(days=900))
    reopening.reopen(closed.pk, agreement=AGREED, by=AGENT)
    closed.refresh_from_db()
    assert (closed.state, closed.closed_at, closed.closure) == ("open", None, "")
    consent = Consent.objects.get(dossier=closed, subject="reopening")
    assert (consent.evidence, consent.collected_by, consent.channel) == (
        "formulaire signé n° 7", "counter:agent", "counter",
    )  # fmt: skip
    with gate.enter(make.holder(closed), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=closed.pk) as entry:
        assert list(type(document).objects.within(entry.scope)) == [document]
        entry.trace()
    assert Trace.objects.about(closed.pk).filter(event="dossier_reopened", actor_id="agent").count() == 1
    assert Notice.objects.filter(dossier=closed, kind="dossier_reopened").count() == 1
    assert list(closed.history.filter(id=closed.pk).order_by("history_id").values_list("state", flat=True)) == [
        "open", "closed", "open",
    ]  # fmt: skip


def test_rights_do_not_come_back_and_what_forbids_stays(dossier, time_machine):
    doctor, treating, foe = make.ProfessionalFactory(), make.ProfessionalFactory(), make.ProfessionalFactory()
    make.permit(dossier, doctor, until=timezone.now() + dt.timedelta(days=3000))
    make.treat(dossier, treating)
    make.forbid(dossier, foe)
    document = make.DocumentFactory(dossier=dossier)
    make.open_document(document, doctor)
    for role in ("holder", "guardian", "carer"):
        make.holder_of(dossier, role)
    soon = timezone.now() + dt.timedelta(days=300)
    CareTeam.objects.create(dossier=dossier, name="Diabète", until=soon, source="test", consented_by="holder:test")
    EmergencyAccess.objects.create(
        dossier=dossier, user=make.account(doctor), kind="break_glass", reason="coma", until=soon
    )
    later = make.ProfessionalFactory()
    to_come = timezone.now() + dt.timedelta(days=20)
    make.permit(dossier, later, since=to_come, until=soon)
    EmergencyNumber.objects.create(lookup=b"n" * 32, dossier_id=dossier.pk)
    Dossier.objects.filter(pk=dossier.pk).update(emergency_lookup=b"n" * 32)
    dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=HOLDER)
    time_machine.shift(60)
    reopening.reopen(dossier.pk, agreement=AGREED, by=HOLDER)
    assert not DossierGrant.rights.running().filter(content_object=dossier).exists()
    assert not DossierGrant.rights.running(to_come + dt.timedelta(days=1)).filter(content_object=dossier).exists()
    assert not EmergencyNumber.objects.filter(dossier_id=dossier.pk).exists()
    assert Dossier.objects.get(pk=dossier.pk).emergency_lookup is None
    assert not DocumentGrant.rights.running().filter(dossier=dossier).exists()
    assert not CareTeam.objects.running().filter(dossier=dossier).exists()
    assert not EmergencyAccess.objects.running().filter(dossier=dossier).exists()
    left = Representation.objects.running().filter(dossier=dossier).values_list("role", flat=True)
    assert sorted(left) == ["guardian", "holder"]
    assert Block.objects.running().filter(dossier=dossier).count() == 1
    history = DossierGrant.history.filter(content_object_id=dossier.pk, history_type="~")
    assert history.count() == 3  # each right's end is in its history
    for professional in (doctor, treating):
        with pytest.raises(gate.Refused), gate.enter(
            make.caller(professional), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk
        ):  # fmt: skip
            pass


def test_without_consent_nothing_is_reopened(closed):
    with pytest.raises(ValidationError):
        reopening.reopen(closed.pk, agreement=Agreement("holder", "", Channel.COUNTER), by=AGENT)
    assert state(closed) == "closed"


def test_an_open_dossier_is_not_reopened(dossier):
    with pytest.raises(ValidationError):
        reopening.reopen(dossier.pk, agreement=AGREED, by=AGENT)


def test_reactivated_on_the_last_day_and_never_after_though_not_yet_destroyed(closed, time_machine):
    time_machine.move_to(LAST_DAY + dt.timedelta(days=1), tick=False)
    with pytest.raises(ValidationError) as said:
        reopening.reopen(closed.pk, agreement=AGREED, by=AGENT)
    assert said.value.code == "late"
    time_machine.move_to(LAST_DAY, tick=False)
    reopening.reopen(closed.pk, agreement=AGREED, by=AGENT)
    assert state(closed) == "open"


def test_closed_again_ten_new_years_begin(closed, time_machine):
    time_machine.move_to(LAST_DAY, tick=False)
    reopening.reopen(closed.pk, agreement=AGREED, by=AGENT)
    dossiers.close(closed.pk, closure=Dossier.Closure.HOLDER, by=HOLDER)
    time_machine.shift(dt.timedelta(days=3000))
    assert destruction.run(limit=10) == 0
    time_machine.move_to(dt.datetime(2046, 3, 6, 0, 0, 1, tzinfo=dt.UTC), tick=False)
    assert destruction.run(limit=10) == 1


# -- early destruction -----------------------------------------------------------------------------------------------
def test_early_destruction_waits_thirty_days_and_is_told_at_each_step(closed, time_machine):
    accepted(closed, Kind.DESTRUCTION)
    time_machine.shift(dt.timedelta(days=22))
    assert carry_out.warn_of_destruction() == 0
    time_machine.shift(dt.timedelta(days=7, hours=23))
    assert (carry_out.warn_of_destruction(), carry_out.warn_of_destruction()) == (1, 0)
    assert carry_out.carry_out() == (0, 0)
    assert state(closed) == "closed"
    time_machine.shift(dt.timedelta(hours=2))
    assert carry_out.carry_out() == (1, 0)
    assert state(closed) == "destroyed"
    told = sorted(Notice.objects.filter(dossier=closed).values_list("kind", flat=True))
    assert told == ["destruction_near", "request_answered", "request_moved", "request_received"]
    assert destruction.run(limit=10) == 0  # its contents are gone: the last word leaves, then its address goes
    assert Notice.objects.filter(dossier=closed, kind="destroyed", sent_at=None).count() == 1


def test_the_last_word_leaves_before_the_address_goes(closed, time_machine):
    accepted(closed, Kind.DESTRUCTION)
    keys.make(closed.pk)
    time_machine.shift(dt.timedelta(days=31))
    carry_out.carry_out()
    tasks.send_notices()
    assert "est détruit" not in "".join(one.subject for one in mail.outbox)  # not said before it is
    assert destruction.run(limit=10) == 0
    assert not DataKey.objects.filter(dossier_id=closed.pk).exists()
    tasks.send_notices()
    assert mail.outbox[-1].subject == "Votre dossier médical partagé est détruit"
    assert destruction.run(limit=10) == 1
    assert state(closed) is None
    assert '"ground":"asked"' in Certificate.objects.get().statement


@pytest.mark.parametrize("email", ["antoine@example.org", ""])
def test_the_reference_told_at_the_acceptance_finds_the_certificate(closed, time_machine, client, email):
    """By mail, or by letter for who has no e-mail; then on a page open to everybody, without a name."""
    Patient.objects.filter(dossier=closed).update(email=email)
    row = accepted(closed, Kind.DESTRUCTION)
    assert row.certificate_on_paper in render_to_string(*request_letters.page(row, "reponse"))
    time_machine.shift(dt.timedelta(days=24))
    assert carry_out.warn_of_destruction() == 1
    time_machine.shift(dt.timedelta(days=7))
    carry_out.carry_out()
    destruction.run(limit=10)
    (last,) = Notice.objects.filter(dossier=closed, kind="destroyed")
    told = render_to_string(notice_letters.TEMPLATE, notice_letters.page(last))
    assert tasks.send_notices() > 0
    told += mail.outbox[-1].body if email else ""
    assert row.certificate_on_paper in told and bool(mail.outbox) is bool(email)
    assert destruction.run(limit=10) == 1
    page = client.post("/certificats/", {"reference": row.certificate_on_paper})
    said = certificates.verify(page.content.decode(), certificates.public_key())
    assert said["reference"] == row.certificate
    assert certificates.public_key() in client.get("/certificats/").content.decode()
    assert client.post("/certificats/", {"reference": "0" * 32}).status_code == 422


def test_a_mail_that_never_leaves_keeps_nothing_for_more_than_an_hour(closed, time_machine):
    accepted(closed, Kind.DESTRUCTION)
    time_machine.shift(dt.timedelta(days=31))
    carry_out.carry_out()
    assert destruction.run(limit=10) == 0
    time_machine.shift(dt.timedelta(minutes=61))
    assert destruction.run(limit=10) == 1


def test_cancelled_or_reactivated_nothing_is_destroyed(closed, time_machine):
    row = accepted(closed, Kind.DESTRUCTION)
    requests.cancel(closed.pk, row.pk, by=HOLDER)
    again = accepted(closed, Kind.DESTRUCTION)
    reopening.reopen(closed.pk, agreement=AGREED, by=HOLDER)
    again.refresh_from_db()
    assert again.state == "cancelled"
    time_machine.shift(dt.timedelta(days=80))
    assert carry_out.carry_out() == (0, 0)
    assert destruction.run(limit=10) == 0
    assert state(closed) == "open"


def test_an_open_dossier_is_closed_as_soon_as_its_destruction_is_accepted(dossier, time_machine):
    row = accepted(dossier, Kind.DESTRUCTION)
    assert Dossier.objects.values_list("state", "closed_at").get(pk=dossier.pk) == ("closed", timezone.now())
    assert Notice.objects.filter(dossier=dossier, kind="dossier_closed").count() == 1
    with pytest.raises(gate.Refused), gate.enter(
        make.caller(make.ProfessionalFactory()), Act.DEPOSIT, Event.DOCUMENT_DEPOSITED, dossier_id=dossier.pk
    ):  # fmt: skip
        pass  # nothing is added that would be lost with it
    time_machine.shift(dt.timedelta(days=29, hours=23))
    assert carry_out.carry_out() == (0, 0)
    requests.cancel(dossier.pk, row.pk, by=HOLDER)
    time_machine.shift(dt.timedelta(days=2))
    assert carry_out.carry_out() == (0, 0)
    assert state(dossier) == "closed"  # it is hers to reopen


def test_the_thirty_days_of_a_letter_run_from_its_acceptance_however_late_it_was_opened(closed, time_machine):
    arrived = timezone.now() - dt.timedelta(days=60)
    asked = requests.Asked(
        kind=Kind.DESTRUCTION, channel=Channel.POST, requester="Antoine MARCHAND", identity="lettre", arrived=arrived
    )
    row = requests.ask(closed.pk, asked, by=AGENT)
    requests.take(closed.pk, row.pk, by=AGENT)
    time_machine.shift(dt.timedelta(days=10))
    row = requests.accept(closed.pk, row.pk, "Oui.", by=AGENT)
    assert row.not_before == timezone.now() + dt.timedelta(days=30)
    assert row.due_on == dt.date(2026, 4, 4)  # three months from 4 January: past when it is done, and that is seen
    time_machine.shift(dt.timedelta(days=24))
    assert carry_out.warn_of_destruction() == 1
    time_machine.shift(dt.timedelta(days=5, hours=23))
    assert carry_out.carry_out() == (0, 0)
    time_machine.shift(dt.timedelta(hours=2))
    assert carry_out.carry_out() == (1, 0)


def test_the_database_brings_no_destruction_forward(closed):
    row = accepted(closed, Kind.DESTRUCTION)
    earlier = row.not_before - dt.timedelta(days=1)
    with pytest.raises(IntegrityError, match="not rewritten"), transaction.atomic():
        Request.objects.filter(dossier=closed, pk=row.pk).update(not_before=earlier)
    shape = {"kind": "destruction", "channel": "post", "number": "B", "owner": "counter:1", "state": "accepted"}
    dates = {"first_due_on": row.due_on, "due_on": row.due_on, "asked_at": earlier, "decided_at": row.decided_at}
    requests.cancel(closed.pk, row.pk, by=HOLDER)
    with pytest.raises(IntegrityError, match="thought_over"), transaction.atomic():
        Request.objects.create(dossier=closed, not_before=earlier, answer="Oui.", **shape, **dates)


@pytest.mark.parametrize(
    ("kind", "asker", "born", "closure"),
    [
        (Kind.CLOSURE, "Antoine Marchand", dt.date(1997, 2, 14), "DEMANDE_TITULAIRE"),
        (Kind.CLOSURE, "Odile Marchand", dt.date(1997, 2, 14), "DEMANDE_REPRESENTANT"),
        (Kind.CLOSURE, "Antoine Marchand", dt.date(2014, 5, 3), "DEMANDE_REPRESENTANT"),  # a minor asks for nothing
        (Kind.DESTRUCTION, "Odile Marchand", dt.date(1997, 2, 14), "DEMANDE_REPRESENTANT"),
    ],
)
def test_a_closing_says_who_wanted_it_and_not_which_agent_wrote_it_down(code_tables, kind, asker, born, closure):
    dossier = make.DossierFactory(birth_date=born)
    Patient.objects.filter(dossier=dossier).update(given_names="ANTOINE", birth_family="MARCHAND", used_family="")
    row = accepted(dossier, kind, asker)
    if kind == Kind.CLOSURE:
        assert carry_out.carry_out() == (1, 0)
    assert Dossier.objects.values_list("state", "closure").get(pk=dossier.pk) == ("closed", closure)
    with connection.cursor() as cursor:  # as at the commit: what is done is asked to be so before it is undone
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    if row.state == "accepted" and kind == Kind.DESTRUCTION:
        requests.cancel(dossier.pk, row.pk, by=HOLDER)
    accepted(dossier, Kind.REOPENING, asker)
    carry_out.carry_out()
    given_by = Consent.objects.get(dossier=dossier, subject="reopening").given_by
    assert given_by == ("holder" if closure == "DEMANDE_TITULAIRE" else "representative")


def test_what_one_parent_does_the_other_learns_in_time(code_tables, time_machine):
    time_machine.move_to(CLOSED, tick=False)
    minor = make.DossierFactory(minor=True)
    Patient.objects.filter(dossier=minor).update(email="")
    for name, role in (("odile", "parent"), ("paul", "parent"), ("aidant", "carer")):
        user = make.UserFactory(email=f"{name}@example.org")
        Representation.objects.create(dossier=minor, user=user, role=role, recorded_by="test", since=CLOSED)
    both = ["odile@example.org", "paul@example.org"]

    def told(kind):
        return sorted(Notice.objects.filter(dossier=minor, kind=kind).values_list("email", flat=True))

    row = accepted(minor, Kind.DESTRUCTION, "Odile Marchand")
    for kind in ("request_received", "request_answered", "dossier_closed"):
        assert told(kind) == both, kind
    time_machine.shift(dt.timedelta(days=25))
    carry_out.warn_of_destruction()
    assert told("destruction_near") == both
    requests.cancel(minor.pk, row.pk, by=Actor(ActorKind.REPRESENTATIVE, "paul"))  # he does not agree
    reopening.reopen(minor.pk, agreement=AGREED, by=AGENT)
    assert told("dossier_reopened") == both


@pytest.mark.parametrize("closure", Dossier.BY_OPERATOR)
@pytest.mark.parametrize("kind", [Kind.REOPENING, Kind.DESTRUCTION])
def test_what_the_operator_closed_no_letter_nor_agent_undoes(dossier, time_machine, closure, kind):
    dossiers.close(dossier.pk, closure=closure, by=ONE)
    with pytest.raises(ValidationError) as said:
        accepted(dossier, kind)
    assert said.value.code == "operator"
    row = Request.objects.get(dossier=dossier)
    requests.accept(dossier.pk, row.pk, "Oui.", by=TWO)
    time_machine.shift(dt.timedelta(days=31))
    assert carry_out.carry_out() == (1, 0)
    assert state(dossier) == ("open" if kind == Kind.REOPENING else "destroyed")


@pytest.mark.parametrize("by", [HOLDER, AGENT, SYSTEM])
def test_what_the_operator_closed_an_operator_alone_reopens(dossier, by):
    dossiers.close(dossier.pk, closure=Dossier.Closure.FRAUD, by=ONE)
    with pytest.raises(ValidationError) as said:
        reopening.reopen(dossier.pk, agreement=AGREED, by=by)
    assert said.value.code == "operator"
    reopening.reopen(dossier.pk, agreement=AGREED, by=ONE)
    assert state(dossier) == "open"


def test_a_destruction_accepted_before_the_operator_closed_it_is_not_carried_out(dossier, time_machine):
    row = accepted(dossier, Kind.DESTRUCTION)
    Dossier.objects.filter(pk=dossier.pk).update(closure=Dossier.Closure.FRAUD)  # however it came to be so
    time_machine.shift(dt.timedelta(days=31))
    assert carry_out.carry_out() == (0, 1)
    assert (state(dossier), requests.of(dossier.pk, row.pk).state) == ("closed", "accepted")


def test_a_reactivation_asked_by_letter_is_carried_out_once_accepted(closed):
    row = accepted(closed, Kind.REOPENING)
    assert carry_out.carry_out() == (1, 0)
    assert state(closed) == "open"
    consent = Consent.objects.get(dossier=closed, subject="reopening")
    assert consent.evidence == f"demande {row.on_paper}, lettre signée"


@pytest.mark.parametrize(("kind", "code"), [(Kind.REOPENING, "open")])
def test_what_has_no_sense_is_not_asked(dossier, kind, code):
    asked = requests.Asked(kind=kind, channel=Channel.POST, requester="X", identity="lettre")
    with pytest.raises(ValidationError) as said:
        requests.ask(dossier.pk, asked, by=AGENT)
    assert said.value.code == code


# -- legal holds -----------------------------------------------------------------------------------------------------
def test_a_hold_keeps_a_dossier_beyond_its_term_and_from_early_destruction(closed, time_machine):
    hold = holds.put(closed.pk, reason="plainte", evidence="PV 12", by=ONE)
    accepted(closed, Kind.DESTRUCTION)
    time_machine.shift(dt.timedelta(days=31))
    assert carry_out.carry_out() == (0, 0)
    time_machine.move_to(LAST_DAY + dt.timedelta(days=40), tick=False)
    assert destruction.run(limit=10) == 0
    assert destruction.destroy(closed.pk) is None
    holds.confirm(closed.pk, hold.pk, by=TWO)
    holds.ask_lift(closed.pk, hold.pk, reason="classée", by=ONE)
    assert destruction.run(limit=10) == 0
    holds.lift(closed.pk, hold.pk, by=TWO)
    assert destruction.run(limit=10) == 1


def test_two_persons_set_it_and_two_lift_it(closed):
    hold = holds.put(closed.pk, reason="plainte", evidence="PV 12", by=ONE)
    with pytest.raises(ValidationError):
        holds.confirm(closed.pk, hold.pk, by=ONE)
    holds.confirm(closed.pk, hold.pk, by=TWO)
    with pytest.raises(ValidationError):
        holds.lift(closed.pk, hold.pk, by=TWO)  # nobody asked for it
    holds.ask_lift(closed.pk, hold.pk, reason="classée", by=TWO)
    for same in (TWO, ONE):  # who asks, who set it
        with pytest.raises(ValidationError):
            holds.lift(closed.pk, hold.pk, by=same)
    holds.lift(closed.pk, hold.pk, by=THREE)
    assert not holds.keeps(closed.pk)
    changes = Trace.objects.about(closed.pk).filter(event__startswith="hold").order_by("seq")
    assert [(one.event, one.detail["changes"], one.actor_id) for one in changes] == [
        ("hold_set", ["set"], "un"),
        ("hold_set", ["confirmed"], "deux"),
        ("hold_lifted", ["asked"], "deux"),
        ("hold_lifted", ["lifted"], "trois"),
    ]


def test_one_of_two_holds_is_enough(closed, time_machine):
    first = holds.put(closed.pk, reason="plainte", evidence="PV 12", by=ONE)
    holds.put(closed.pk, reason="expertise", evidence="ordonnance 3", by=ONE)
    holds.ask_lift(closed.pk, first.pk, reason="classée", by=THREE)
    holds.lift(closed.pk, first.pk, by=TWO)
    time_machine.move_to(LAST_DAY + dt.timedelta(days=2), tick=False)
    assert destruction.run(limit=10) == 0


def test_a_hold_comes_too_late_once_the_destruction_has_begun(closed):
    Dossier.objects.filter(pk=closed.pk).update(state="destroyed")
    with pytest.raises(ValidationError) as said:
        holds.put(closed.pk, reason="plainte", evidence="PV 12", by=ONE)
    assert said.value.code == "destroyed"


# -- what the database itself refuses --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        ("open", "closed", True), ("open", "destroyed", False), ("closed", "open", True),
        ("closed", "destroyed", True), ("destroyed", "open", False), ("destroyed", "closed", False),
    ],
)  # fmt: skip
def test_the_database_holds_the_states(dossier, before, after, passes):
    for step in {"open": [], "closed": ["closed"], "destroyed": ["closed", "destroyed"]}[before]:
        _force(dossier, step)
    if passes:
        return _force(dossier, after)
    with pytest.raises(IntegrityError, match="no step"), transaction.atomic():
        _force(dossier, after)


def _force(dossier, to):
    closed_at = None if to == "open" else CLOSED
    Dossier.objects.filter(pk=dossier.pk).update(state=to, closed_at=closed_at)


def test_the_database_moves_no_day_of_closing_and_deletes_nothing_that_lives(closed):
    with pytest.raises(IntegrityError, match="not moved"), transaction.atomic():
        Dossier.objects.filter(pk=closed.pk).update(closed_at=CLOSED - dt.timedelta(days=4000))
    with (
        pytest.raises(IntegrityError, match="only what is destroyed"),
        transaction.atomic(),
        connection.cursor() as c,
    ):
        c.execute("DELETE FROM patients_dossier WHERE id = %s", [closed.pk])


def test_the_database_keeps_what_a_hold_keeps(closed):
    holds.put(closed.pk, reason="plainte", evidence="PV 12", by=ONE)
    with pytest.raises(IntegrityError, match="legal hold"), transaction.atomic():
        Dossier.objects.filter(pk=closed.pk).update(state="destroyed")


@pytest.mark.parametrize(
    "fields",
    [
        {"confirmed_by": "operator:un", "confirmed_at": CLOSED},
        {"lifted_by": "operator:deux", "lifted_at": CLOSED},
        {"lift_asked_by": "operator:deux", "lift_asked_at": CLOSED},
    ],
)
def test_the_database_wants_two_persons_for_a_hold(closed, fields):
    hold = holds.put(closed.pk, reason="plainte", evidence="PV 12", by=ONE)
    with pytest.raises(IntegrityError), transaction.atomic():
        LegalHold.objects.filter(dossier=closed, pk=hold.pk).update(**fields)
