"""Whether the time of an answer tells what exists: an account, a number, a dossier that was.

    python benchmarks/same_times.py [rounds]

Needs the DMP_* settings the tests use and the development dependencies; two databases of its own, taken away at
the end. Requests go through the whole site in this process, without network, the limits of attempts off and the
queue in memory. Existing and absent take turns, the first of each round changing. Beside the medians: their ratio,
and how often an existing one took longer than an absent one (« overlap »: 50 % tells nothing, 100 % tells all).
The last line compares absent with absent: what this machine calls equal.
"""

import bisect
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

ROUNDS, WARM = 200, 10
Ask = Callable[[], Any]


def milliseconds(ask: Ask) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def take_turns(existing: Ask, absent: Ask, rounds: int) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + WARM):
        order = (0, 1) if number % 2 else (1, 0)
        for which in order:
            took = milliseconds((existing, absent)[which])
            if number >= WARM:
                found[which].append(took)
    return found


def longer(one: list[float], other: list[float]) -> float:
    """The chance that one of `one` is longer than one of `other` (Mann-Whitney's U, as a share)."""
    ordered = sorted(other)
    return sum(bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value) for value in one) / (
        2 * len(one) * len(other)
    )


def pairs() -> dict[str, tuple[Ask, Ask]]:
    from django.test import Client
    from rest_framework.test import APIClient

    from access import demo_issuer
    from patients.models import Dossier, Patient
    from tests import factories as make
    from tests.access import entrance

    doctor, dossiers = ground.make_people()
    holder = entrance.account(dossiers[0])
    person = make.InsuredFactory(postal_code="69001")
    unknown = make.InsuredFactory.build().ins
    was = Patient.objects.get(dossier=dossiers[1]).ins
    Dossier.objects.filter(pk=dossiers[1].pk).update(
        state="destroyed", closed_at="2010-01-01T00:00:00Z", closure="DEMANDE_TITULAIRE"
    )
    interface = APIClient()
    interface.credentials(HTTP_AUTHORIZATION=f"Bearer {demo_issuer.token(demo_issuer.claims_of(doctor))}")

    def post(path: str, status: int, **form: str) -> Ask:
        def ask() -> None:
            assert (got := Client(REMOTE_ADDR=address()).post(path, form).status_code) == status, (path, got)

        return ask

    def search(one: Any) -> Ask:
        where = {"identifier": f"urn:oid:{one.oid}|{one.matricule}"}

        def ask() -> None:
            assert interface.get("/fhir/Patient", where).json()["total"] == 0

        return ask

    def sign_in(email: str) -> Ask:
        return post("/compte/login/", 200, login=email, password="une autre phrase")

    def opening(number: str) -> Ask:
        return post("/ouvrir/", 302, number=number, postal_code="69001", email="x@example.org")

    nobody = "personne-du-tout@example.org"
    return {
        "wrong password": (sign_in(str(holder.email)), sign_in(nobody)),
        "forgotten password": (
            post("/compte/password/reset/", 302, email=str(holder.email)),
            post("/compte/password/reset/", 302, email=nobody),
        ),
        "opening by number": (opening(person.ins.matricule), opening(unknown.matricule)),
        "Patient?identifier=": (search(was), search(unknown)),
        "absent and absent": (sign_in("ni-lui@example.org"), sign_in(nobody)),
    }


_addresses = iter(range(1, 2**31))


def address() -> str:
    """Another network address each time: the limit by address is not what is measured."""
    number = next(_addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def measure(rounds: int) -> None:
    from django.conf import settings
    from django.test.utils import override_settings

    from dmp.celery import app

    app.conf.broker_url = "memory://"
    with override_settings(ACCOUNT_RATE_LIMITS=False, ALLOWED_HOSTS=[*settings.ALLOWED_HOSTS, "testserver"]):
        print(f"{rounds} rounds; medians in milliseconds\n")
        print(f"{'':22}{'existing':>10}{'absent':>10}{'apart':>9}{'ratio':>8}{'overlap':>10}")
        for name, (existing, absent) in pairs().items():
            one, other = take_turns(existing, absent, rounds)
            here, there = statistics.median(one), statistics.median(other)
            share = longer(one, other)
            print(f"{name:22}{here:10.2f}{there:10.2f}{here - there:+9.2f}{here / there:8.3f}{share:10.1%}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its databases are taken away
    with ground.own_databases(), tempfile.TemporaryDirectory() as folder:
        ground.set_up_django(Path(folder))
        measure(rounds)


if __name__ == "__main__":
    main()
