"""Whatever is decided about a dossier, in whatever order, who reads what is as a model of few lines says (G9).

The model keeps what the holder said, in plain sets and dates; it knows neither the policy nor the tables. One
holder, two doctors, three documents of which the first doctor wrote one.
"""

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from access import emergencies, gate, grants
from access.facts import Act
from access.gate import Absent, Refused
from audit.trail import Event
from documents import masking, opening
from documents.models import Document
from patients import dossiers
from tests import factories as make

START = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
DOCTORS, DOCUMENTS = st.integers(0, 1), st.integers(0, 2)
WROTE = [{2}, set()]  # of each doctor, the documents he wrote
ALL = {0, 1, 2}
SOMEBODY = "899999999999"


class Model:
    """What was said, and who reads what by rules.md 12 (D1 to D6, D13)."""

    def __init__(self) -> None:
        self.now = START
        self.authorised: dict[int, dt.datetime] = {}  # until
        self.glass: dict[int, dt.datetime] = {}
        self.treating: int | None = None
        self.blocked: set[int] = set()
        self.masked: dict[int, dt.datetime | None] = {}  # until
        self.opened_to: dict[tuple[int, int], dt.datetime] = {}  # (doctor, document): until
        self.closed = self.in_emergency = False

    def runs(self, ends: dict[int, dt.datetime], doctor: int) -> bool:
        return doctor in ends and self.now < ends[doctor]

    def hidden(self) -> set[int]:
        return {one for one, until in self.masked.items() if until is None or self.now < until}

    def given(self, doctor: int) -> set[int]:
        """The documents opened to him by name, masked or not."""
        return {one for (who, one), until in self.opened_to.items() if who == doctor and self.now < until}

    def listed(self, doctor: int) -> set[int] | None:
        """None: refused."""
        if self.closed or doctor in self.blocked:
            return None
        if self.treating == doctor:
            return ALL
        own = WROTE[doctor] | self.given(doctor)
        if self.runs(self.glass, doctor):
            return ALL if self.in_emergency else ALL - self.hidden() | own
        if self.runs(self.authorised, doctor):
            return ALL - self.hidden() | own
        return own if self.given(doctor) else None

    def opened(self, doctor: int) -> set[int]:
        found = self.listed(doctor)
        return WROTE[doctor] if found is None and not (self.closed or doctor in self.blocked) else found or set()

    def end(self, doctor: int) -> None:
        """D2: every right ends, none comes back."""
        self.authorised.pop(doctor, None)
        self.glass.pop(doctor, None)
        self.opened_to = {key: until for key, until in self.opened_to.items() if key[0] != doctor}
        self.treating = None if self.treating == doctor else self.treating


class Histories(RuleBasedStateMachine):
    """One dossier, laid once: what a history did to it is undone before the next."""

    clock: Any

    @classmethod
    def lay(cls, clock: Any) -> None:
        cls.clock = clock
        clock.move_to(START, tick=False)
        make.matrix(effective_from=START - DAY)
        cls.dossier = make.DossierFactory()
        cls.doctors = [make.ProfessionalFactory() for _ in range(2)]
        cls.callers = [make.caller(one) for one in cls.doctors]
        cls.holder = make.holder(cls.dossier)
        authors = [[cls.doctors[0].idnat] if number in WROTE[0] else [SOMEBODY] for number in range(3)]
        cls.documents = [make.DocumentFactory(dossier=cls.dossier, author_ids=some).pk for some in authors]

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.savepoint()
        self.clock.move_to(START, tick=False)
        self.model = Model()

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.undo)

    def decide(self, event: Event, act: Any, *, expected: bool) -> bool:
        """The holder decides, of a closed dossier too; whether it was done is as the model expected."""
        here = transaction.savepoint()
        try:
            with gate.enter(self.holder, Act.MANAGE, event, dossier_id=self.dossier.pk, lock=True) as entry:
                act(entry)
            done = True
        except ValidationError:
            transaction.savepoint_rollback(here)
            done = False
        assert done is expected
        return done

    # -- what is decided --------------------------------------------------------------------------------
    @rule(doctor=DOCTORS, days=st.integers(1, 3))
    def authorise(self, doctor: int, days: int) -> None:
        until = self.model.now + days * DAY
        if self.decide(
            Event.ACCESS_GRANTED,
            lambda entry: grants.authorise(entry, self.doctors[doctor], until, source="web"),
            expected=doctor not in self.model.blocked,
        ):
            self.model.authorised[doctor] = until

    @rule(doctor=DOCTORS)
    def withdraw(self, doctor: int) -> None:
        had = any(self.model.runs(ends, doctor) for ends in (self.model.authorised, self.model.glass))
        had = had or self.model.treating == doctor or bool(self.model.given(doctor))
        if self.decide(
            Event.ACCESS_WITHDRAWN, lambda entry: grants.withdraw(entry, self.doctors[doctor]), expected=had
        ):
            self.model.end(doctor)

    @rule(doctor=DOCTORS)
    def block(self, doctor: int) -> None:
        if self.decide(
            Event.PROFESSIONAL_BLOCKED,
            lambda entry: grants.block(entry, self.doctors[doctor]),
            expected=doctor not in self.model.blocked,
        ):
            self.model.blocked.add(doctor)
            self.model.end(doctor)

    @rule(doctor=DOCTORS)
    def unblock(self, doctor: int) -> None:
        if self.decide(
            Event.PROFESSIONAL_UNBLOCKED,
            lambda entry: grants.unblock(entry, self.doctors[doctor]),
            expected=doctor in self.model.blocked,
        ):
            self.model.blocked.remove(doctor)

    @rule(doctor=DOCTORS)
    def name_treating(self, doctor: int) -> None:
        if self.decide(
            Event.TREATING_NAMED,
            lambda entry: grants.name_treating(entry, self.doctors[doctor], source="web"),
            expected=doctor not in self.model.blocked,
        ):
            self.model.treating = doctor

    @rule(doctor=DOCTORS)
    def end_treating(self, doctor: int) -> None:
        if self.decide(
            Event.TREATING_ENDED,
            lambda entry: grants.end_treating(entry, self.doctors[doctor]),
            expected=self.model.treating == doctor,
        ):
            self.model.treating = None

    def change(self, document: int, event: Event, act: Any, *, expected: bool) -> bool:
        """What she decides of one document; of a closed dossier nothing."""
        row = Document.objects.get(dossier=self.dossier, pk=self.documents[document])
        here = transaction.savepoint()
        try:
            with gate.enter(self.holder, Act.OPEN, event, dossier_id=self.dossier.pk, lock=True) as entry:
                act(entry, row)
            done = True
        except (ValidationError, Refused):
            transaction.savepoint_rollback(here)
            done = False
        assert done is (expected and not self.model.closed)
        return done

    @rule(document=DOCUMENTS, days=st.sampled_from([None, 1, 2]))
    def mask(self, document: int, days: int | None) -> None:
        until = None if days is None else masking.tomorrow() + (days - 1) * DAY
        if self.change(
            document,
            Event.DOCUMENT_MASKED,
            lambda entry, row: masking.mask(entry, row, until),
            expected=document not in self.model.hidden(),
        ):
            self.model.masked[document] = until

    @rule(document=DOCUMENTS)
    def unmask(self, document: int) -> None:
        expected = document in self.model.hidden()
        if self.change(document, Event.DOCUMENT_UNMASKED, masking.unmask, expected=expected):
            self.model.masked.pop(document)

    @rule(doctor=DOCTORS, document=DOCUMENTS, days=st.integers(1, 2))
    def open_to_him(self, doctor: int, document: int, days: int) -> None:
        until = masking.tomorrow() + (days - 1) * DAY
        if self.change(
            document,
            Event.DOCUMENT_OPENED_TO,
            lambda entry, row: opening.open_to(entry, row, self.doctors[doctor], until),
            expected=doctor not in self.model.blocked,
        ):
            self.model.opened_to[doctor, document] = until

    @rule(doctor=DOCTORS, document=DOCUMENTS)
    def close_to_him(self, doctor: int, document: int) -> None:
        if self.change(
            document,
            Event.DOCUMENT_CLOSED_TO,
            lambda entry, row: opening.close_to(entry, row, self.doctors[doctor]),
            expected=document in self.model.given(doctor),
        ):
            self.model.opened_to.pop((doctor, document))

    @rule(switch=st.booleans())
    def show_masked_in_emergency(self, switch: bool) -> None:
        type(self.dossier).objects.filter(pk=self.dossier.pk).update(shows_masked_in_emergency=switch)
        self.model.in_emergency = switch

    @rule(doctor=DOCTORS)
    def break_the_glass(self, doctor: int) -> None:
        """Pressed again while it runs, it is the same, with the same end; to the treating doctor it is nothing."""
        here = transaction.savepoint()
        try:
            with gate.enter(
                self.callers[doctor], Act.BREAK, Event.GLASS_BROKEN, dossier_id=self.dossier.pk, lock=True
            ) as entry:
                emergencies.break_glass(entry, "inconscience", "")
        except Refused:
            assert self.model.closed or doctor in self.model.blocked
        except ValidationError:
            transaction.savepoint_rollback(here)
            assert self.model.treating == doctor
        else:
            assert not self.model.closed and doctor not in self.model.blocked and self.model.treating != doctor
            if not self.model.runs(self.model.glass, doctor):
                self.model.glass[doctor] = self.model.now + 4 * HOUR

    @rule(hours=st.sampled_from([1, 4, 24]))
    def wait(self, hours: int) -> None:
        self.model.now += hours * HOUR
        self.clock.move_to(self.model.now, tick=False)

    @rule(chance=st.integers(0, 9))
    def close(self, chance: int) -> None:
        if not chance and not self.model.closed:
            dossiers.close(self.dossier.pk, closure="DEMANDE_TITULAIRE", by=self.holder.actor)
            self.model.closed = True

    # -- what is read -----------------------------------------------------------------------------------
    def read(self, caller: gate.Caller, act: Act) -> set[int] | None:
        try:
            with gate.enter(caller, act, Event.DOCUMENT_LISTED, dossier_id=self.dossier.pk) as entry:
                found = set(Document.objects.within(entry.scope).values_list("pk", flat=True))
                entry.trace()
        except (Refused, Absent):
            return None
        return {self.documents.index(one) for one in found}

    @rule(doctor=DOCTORS)
    def he_lists(self, doctor: int) -> None:
        assert self.read(self.callers[doctor], Act.LIST) == self.model.listed(doctor)

    @rule(doctor=DOCTORS)
    def he_opens(self, doctor: int) -> None:
        assert (self.read(self.callers[doctor], Act.OPEN) or set()) == self.model.opened(doctor)

    @rule()
    def she_lists(self) -> None:
        assert self.read(self.holder, Act.LIST) == (None if self.model.closed else ALL)


def histories(count: int, steps: int) -> Any:
    return settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.django_db
def test_two_hundred_histories_of_thirty_steps(time_machine):
    Histories.lay(time_machine)
    run_state_machine_as_test(Histories, settings=histories(200, 30))


@pytest.mark.slow
@pytest.mark.django_db
def test_two_thousand_histories_of_sixty_steps(time_machine):
    Histories.lay(time_machine)
    run_state_machine_as_test(Histories, settings=histories(2000, 60))
