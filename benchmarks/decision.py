"""What the decision for one request costs (facts in one query, then the policy), beside a bare indexed query.

    python benchmarks/decision.py

Needs the DMP_* settings the tests use (DMP_DATABASE_URL: a PostgreSQL whose role may create databases) and the
development dependencies. Two databases of its own, taken away at the end. First a dossier that one doctor may
consult; then the same with 1,000 professionals authorised on it and 10,000 dossiers open to that doctor. The two
kinds of question take turns. « Python » is the processor time of this process: PostgreSQL's is elsewhere.
"""

import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

TURNS, CALLS = 20, 200
PROFESSIONALS, DOSSIERS = 1_000, 10_000


class Cost(NamedTuple):
    """Milliseconds a call: by the clock, and of processor in this process."""

    clock: float
    python: float


def cost(ask: Callable[[], Any]) -> Cost:
    clock, python = time.perf_counter(), time.thread_time()
    for _ in range(CALLS):
        ask()
    return Cost((time.perf_counter() - clock) * 1000 / CALLS, (time.thread_time() - python) * 1000 / CALLS)


def compare(questions: dict[str, Callable[[], Any]]) -> dict[str, Cost]:
    """The median over turns: what disturbs one turn disturbs both kinds."""
    turns: dict[str, list[Cost]] = {name: [cost(ask)][:0] for name, ask in questions.items()}  # once to warm up
    for _ in range(TURNS):
        for name, ask in questions.items():
            turns[name].append(cost(ask))
    return {
        name: Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))
        for name, costs in turns.items()
    }


def questions_of(doctor: Any, dossier: Any) -> dict[str, Callable[[], Any]]:
    from django.db import connection

    from access import gate
    from access.facts import Act, Ground
    from access.policy import decide
    from tests import factories as make

    caller = make.caller(doctor)

    def decision() -> None:
        _, facts = gate.look(caller, dossier_id=dossier.pk)
        assert decide(Act.LIST, facts).ground is Ground.AUTHORISED

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT state FROM patients_dossier WHERE id = %s", [dossier.pk])
            assert cursor.fetchone() == ("open",)

    return {"a bare indexed query": bare, "the decision": decision}


def queries(ask: Callable[[], Any]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


def crowd(dossier: Any) -> None:
    """A thousand professionals, each with an account and an authorisation on this dossier."""
    from django.db import connection

    from access.models import DossierGrant, Professional, User

    known = DossierGrant.objects.get(content_object=dossier)
    people = Professional.objects.bulk_create(
        Professional(idnat=f"8999{number:08d}", family="MOREL", profession="10") for number in range(PROFESSIONALS)
    )
    users = User.objects.bulk_create(User(kind="professional", professional=one) for one in people)
    fields = {name: getattr(known, name) for name in ("permission", "since", "until", "source", "granted_by")}
    DossierGrant.objects.bulk_create(DossierGrant(content_object=dossier, user=user, **fields) for user in users)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def show(title: str, questions: dict[str, Callable[[], Any]]) -> None:
    found = compare(questions)
    floor, decision = found.values()
    print(f"\n{title}")
    for name, one in found.items():
        print(f"  {name:22}  {one.clock:.3f} ms, of which Python {one.python:.3f} ms")
    asked = queries(questions["the decision"])
    more = decision.python - floor.python
    print(
        f"  queries: {asked}; Python beyond the bare query: {more:.3f} ms; ratio: {decision.clock / floor.clock:.2f}"
    )


def measure() -> None:
    from access.models import DossierGrant
    from tests import factories as make

    doctor, dossiers = ground.make_people()
    dossier = dossiers[0]
    make.DocumentFactory(dossier=dossier)
    questions = questions_of(doctor, dossier)
    show(f"One professional on the dossier, {len(dossiers)} dossiers open to him", questions)
    ground.multiply(dossier, DOSSIERS * 10)
    crowd(dossier)
    here = DossierGrant.objects.filter(content_object=dossier).count()
    his = DossierGrant.objects.filter(user=make.account(doctor)).count()
    show(f"{here} professionals on the dossier, {his} dossiers open to him", questions)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its databases are taken away
    with ground.own_databases(), tempfile.TemporaryDirectory() as folder:
        ground.set_up_django(Path(folder))
        measure()


if __name__ == "__main__":
    main()
