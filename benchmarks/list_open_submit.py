"""Requests a second and p50 of list, open and submit through /fhir, beside a bare DRF floor, in one run.

    python benchmarks/list_open_submit.py [--large]

Needs the DMP_* settings the tests use (DMP_DATABASE_URL: a PostgreSQL whose role may create databases) and the
development dependencies. It makes two databases and a folder of its own, serves them on a free loopback port,
measures each act with 1 client then 8, prints, and takes everything away, interrupted or not. 20,000 documents,
200,000 with --large, ten a person. Acts take turns, five rounds of a second after one to warm, and the median is
told: what else the machine does then weighs on all of them. The clients share the machine with what they measure:
read ratios to the floor rather than single figures, and note whether fsync is on.
"""

import argparse
import itertools
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

ROUNDS, SECONDS = 5, 1
SIZE = 20_000  # bytes of a document


class Call(NamedTuple):
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    wanted: int  # status


# -- the acts --------------------------------------------------------------------------------------------
def sign_in(doctor: Any) -> dict[str, str]:
    from access import demo_issuer

    return {"Authorization": f"Bearer {demo_issuer.token(demo_issuer.claims_of(doctor))}"}


def deposit(signed: dict[str, str], patient: str) -> Call:
    """ITI-105, a PDF different each time."""
    from tests import messages

    body = json.dumps(messages.simplified(patient, messages.pdf("x" * SIZE)))
    headers = signed | {"Content-Type": "application/fhir+json"}
    return Call("POST", "/fhir/DocumentReference", body.encode(), headers, 201)


def acts_of(signed: dict[str, str], patients: dict[Any, str]) -> dict[str, Callable[[], Call]]:
    """What is measured; each goes round the active dossiers, which hold one deposited document."""
    from benchmarks import floor

    following = itertools.cycle(
        [(dossier, patient, dossier.documents.get()) for dossier, patient in patients.items()]
    )

    def ask_floor() -> Call:
        dossier, _, _ = next(following)
        return Call("GET", f"/floor/{dossier.pk}", None, {"X-Token": floor.TOKEN}, 200)

    def read_list() -> Call:
        _, patient, _ = next(following)
        query = urlencode({"patient.identifier": patient, "status": "current", "_count": 10})
        return Call("GET", f"/fhir/DocumentReference?{query}", None, signed, 200)

    def read_one() -> Call:
        dossier, _, document = next(following)
        headers = signed | {"Accept": "application/pdf"}
        return Call("GET", f"/fhir/Binary/{dossier.pk.hex}{document.pk.hex}", None, headers, 200)

    def submit() -> Call:
        _, patient, _ = next(following)
        return deposit(signed, patient)

    return {"floor (DRF)": ask_floor, "list 10": read_list, "open 20 kB": read_one, "submit 20 kB": submit}


# -- the measure -----------------------------------------------------------------------------------------
def send(connection: HTTPConnection, call: Call) -> None:
    connection.request(call.method, call.path, call.body, call.headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != call.wanted:
        raise SystemExit(f"{call.method} {call.path.split('?')[0]}: {answer.status} {content[:300]!r}")


def measure(port: int, clients: int, act: Callable[[], Call]) -> tuple[float, float]:
    """Requests a second, and p50 in ms."""
    started = time.perf_counter()

    def client(_: int) -> list[float]:
        spent = []
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            while time.perf_counter() - started < SECONDS:
                call, before = act(), time.perf_counter()
                send(connection, call)
                spent.append(time.perf_counter() - before)
        return spent

    with ThreadPoolExecutor(clients) as pool:
        spent = [one for times in pool.map(client, range(clients)) for one in times]
    return len(spent) / (time.perf_counter() - started), statistics.median(spent) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="200,000 documents instead of 20,000")
    documents = 200_000 if parser.parse_args().large else 20_000
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    with ground.own_databases(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ground.set_up_django(folder)
        doctor, dossiers = ground.make_people()
        signed = sign_in(doctor)
        with ground.served(folder) as port:
            run(port, documents, signed, dossiers)


def run(port: int, documents: int, signed: dict[str, str], dossiers: list[Any]) -> None:
    from django.db import connection

    from benchmarks import floor
    from tests import messages

    floor.make_tables()
    patients = {dossier: messages.subject(dossier) for dossier in dossiers}
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        for patient in patients.values():
            send(client, deposit(signed, patient))
    acts = acts_of(signed, patients)
    ground.multiply(dossiers[0], documents)
    taken: dict[str, list[list[tuple[float, float]]]] = {title: [] for title in acts}
    for _ in range(1 + ROUNDS):
        for title, act in acts.items():
            taken[title].append([measure(port, clients, act) for clients in (1, 8)])
    with connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        print(f"{documents:,} documents, 10 a person; fsync {cursor.fetchone()[0]}")
    report({title: [medians(turns) for turns in zip(*rounds, strict=True)] for title, (_, *rounds) in taken.items()})


def medians(turns: Sequence[tuple[float, float]]) -> tuple[float, float]:
    rates, waits = zip(*turns, strict=True)
    return statistics.median(rates), statistics.median(waits)


def report(found: dict[str, list[tuple[float, float]]]) -> None:
    """`found`: what each act took with 1 client and with 8; the floor first."""
    print(f"{'':14}{'1 client':>22}{'8 clients':>32}")
    floor = next(iter(found.values()))
    for title, figures in found.items():
        print(f"{title:14}", end="")
        for (rate, p50), (_, least) in zip(figures, floor, strict=True):
            print(f"{rate:6.0f} /s {p50:7.1f} ms (floor x{p50 / least:4.1f})", end="    ")
        print()


if __name__ == "__main__":
    main()
