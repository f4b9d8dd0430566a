"""Several at one dossier in the same second: what each reads is what was decided at one moment of his asking (G9)."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from access import gate, grants
from access.facts import Act
from access.gate import Refused
from audit.models import Trace
from audit.trail import Event
from documents import masking
from documents.models import Document
from tests import factories as make
from tests.access.test_histories import ALL, DAY, WROTE, Model

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Done:
    """One act of one client: when it began and ended, and what it did to the model, or what it read."""

    began: float
    ended: float
    rank: int = 0  # of its trace in the dossier's trail: the order in which the writers came through
    change: Callable[[Model], None] | None = None
    doctor: int = 0
    read: set[int] | None = None


@dataclass
class Ground:
    """One dossier, two doctors, three documents of which the first doctor wrote one."""

    dossier: Any
    doctors: list[Any]
    documents: list[Any]
    done: list[Done] = field(default_factory=list)

    def play(self, seed: int) -> list[Done]:
        """Six acts drawn by this client."""
        draw = random.Random(seed)
        found = []
        for _ in range(6):
            doctor, document = draw.randrange(2), draw.randrange(3)
            act = draw.choice(["authorise", "withdraw", "block", "unblock", "name", "mask", "unmask", *["read"] * 5])
            began = time.monotonic()
            one = self.read(doctor) if act == "read" else self.write(act, doctor, document)
            if one is not None:
                one.began, one.ended = began, time.monotonic()
                found.append(one)
        connection.close()
        return found

    def read(self, doctor: int) -> Done:
        caller = make.caller(self.doctors[doctor])
        try:
            with gate.enter(caller, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=self.dossier.pk) as entry:
                keys = set(Document.objects.within(entry.scope).values_list("pk", flat=True))
                entry.trace()
        except Refused:
            return Done(0, 0, doctor=doctor)
        return Done(0, 0, doctor=doctor, read={self.documents.index(key) for key in keys})

    def write(self, act: str, doctor: int, document: int) -> Done | None:
        """None: refused as the dossier stood, so nothing was done."""
        who = self.doctors[doctor]
        until = timezone.now() + DAY

        def masked(model: Model) -> None:
            model.masked[document] = None

        acts: dict[str, tuple[Event, Callable[[Any], Any], Callable[[Model], Any]]] = {
            "authorise": (
                Event.ACCESS_GRANTED,
                lambda entry: grants.authorise(entry, who, until, source="web"),
                lambda model: model.authorised.__setitem__(doctor, until),
            ),
            "withdraw": (
                Event.ACCESS_WITHDRAWN,
                lambda entry: grants.withdraw(entry, who),
                lambda model: model.end(doctor),
            ),
            "block": (
                Event.PROFESSIONAL_BLOCKED,
                lambda entry: grants.block(entry, who),
                lambda model: (model.end(doctor), model.blocked.add(doctor)),
            ),
            "unblock": (
                Event.PROFESSIONAL_UNBLOCKED,
                lambda entry: grants.unblock(entry, who),
                lambda model: model.blocked.discard(doctor),
            ),
            "name": (
                Event.TREATING_NAMED,
                lambda entry: grants.name_treating(entry, who, source="web"),
                lambda model: setattr(model, "treating", doctor),
            ),
            "mask": (Event.DOCUMENT_MASKED, lambda entry: masking.mask(entry, self.row(document)), masked),
            "unmask": (
                Event.DOCUMENT_UNMASKED,
                lambda entry: masking.unmask(entry, self.row(document)),
                lambda model: model.masked.pop(document, None),
            ),
        }
        event, do, change = acts[act]
        try:
            with gate.enter(
                make.holder(self.dossier), Act.OPEN, event, dossier_id=self.dossier.pk, lock=True
            ) as entry:
                do(entry)
                rank = Trace.objects.about(self.dossier.pk).order_by("-seq").values_list("seq", flat=True)[0]
        except ValidationError:
            return None
        return Done(0, 0, rank=rank, change=change)

    def row(self, document: int) -> Document:
        return Document.objects.get(dossier=self.dossier, pk=self.documents[document])


def laid() -> Ground:
    dossier = make.DossierFactory()
    doctors = [make.ProfessionalFactory() for _ in range(2)]
    for one in doctors:
        make.account(one)
    make.holder(dossier)
    authors = [[doctors[0].idnat] if number in WROTE[0] else ["899999999999"] for number in sorted(ALL)]
    return Ground(dossier, doctors, [make.DocumentFactory(dossier=dossier, author_ids=some).pk for some in authors])


def as_at_one_moment(done: list[Done]) -> list[Done]:
    """The reads that fit no state the dossier was in while they were asked."""
    writes = sorted((one for one in done if one.change is not None), key=lambda one: one.rank)
    states: list[list[set[int] | None]] = []
    model = Model()
    model.now = timezone.now()
    for one in [None, *writes]:
        if one is not None and one.change is not None:
            one.change(model)
        states.append([model.listed(doctor) for doctor in range(2)])
    wrong = []
    for read in (one for one in done if one.change is None):
        first = max((rank for rank, write in enumerate(writes, 1) if write.ended < read.began), default=0)
        last = min((rank for rank, write in enumerate(writes) if write.began > read.ended), default=len(writes))
        if read.read not in [state[read.doctor] for state in states[first : last + 1]]:
            wrong.append(read)
    return wrong


def play(histories: int) -> None:
    make.matrix()
    reads = writes = 0
    for history in range(histories):
        ground = laid()
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(ground.play, history * 4 + client) for client in range(4)]
            done = [one for client in clients for one in client.result(timeout=60)]
        assert as_at_one_moment(done) == [], f"history {history}"
        reads += sum(one.change is None for one in done)
        writes += sum(one.change is not None for one in done)
        ranks = list(Trace.objects.about(ground.dossier.pk).order_by("seq").values_list("seq", flat=True))
        assert ranks == list(range(1, len(ranks) + 1)), "the trail has a hole"
    assert reads > 5 * histories and writes > 4 * histories


def test_twenty_histories_of_four_clients_are_as_if_one_came_after_the_other():
    play(20)


@pytest.mark.slow
def test_five_hundred_histories_of_four_clients_are_as_if_one_came_after_the_other():
    play(500)


def test_four_readers_at_once_and_none_reads_after_the_withdrawal_is_committed():
    """The withdrawal is known to be committed at one moment; a read begun after it is refused, whoever asks."""
    make.matrix()
    dossier, doctor = make.DossierFactory(), make.ProfessionalFactory()
    make.permit(dossier, doctor)
    make.DocumentFactory(dossier=dossier)
    caller, holder = make.caller(doctor), make.holder(dossier)
    reading, over = threading.Barrier(5), threading.Event()

    def read() -> list[tuple[float, bool]]:
        """When each read began, and whether it was allowed; a few more once the withdrawal is over."""
        done, left = [], 5
        reading.wait()
        while left:
            left -= over.is_set()
            began = time.monotonic()
            try:
                with gate.enter(caller, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
                    seen = Document.objects.within(entry.scope).count()
                    entry.trace()
                done.append((began, bool(seen)))
            except Refused:
                done.append((began, False))
        connection.close()
        return done

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        reading.wait()
        while Trace.objects.about(dossier.pk).filter(event="document_listed").count() < 20:
            pass  # all are at work
        with gate.enter(holder, Act.MANAGE, Event.ACCESS_WITHDRAWN, dossier_id=dossier.pk, lock=True) as entry:
            grants.withdraw(entry, doctor)
        committed = time.monotonic()
        over.set()
        reads = [one for reader in readers for one in reader.result(timeout=60)]
    before, after = ([ok for began, ok in reads if (began > committed) is late] for late in (False, True))
    assert any(before)
    assert len(after) >= 4
    assert not any(after)
    # And the trail tells each one, allowed or refused, once.
    lines = Trace.objects.about(dossier.pk).filter(event="document_listed")
    assert sorted(lines.values_list("allowed", flat=True)) == sorted(ok for _, ok in reads)
