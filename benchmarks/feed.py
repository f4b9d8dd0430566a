"""Lines a second and memory of the insurer's feed, beside a bare COPY of the same file into the same table.

    python benchmarks/feed.py [--lines 1000000] [--kill]

Needs the DMP_* settings the tests use (DMP_DATABASE_URL: a PostgreSQL whose role may create databases) and the
development dependencies. Two databases and a folder of its own, taken away at the end. Ten lines a person, sorted by
person, each with a dossier. `--kill`: the command is killed (SIGKILL) three times on its way, run again, and must
end with each line once.
"""

import argparse
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

A_PERSON = 10
FIRST = 1_900_101_000_000  # the thirteen digits of the first invented number


def people(count: int) -> list[str]:
    """Numbers that no person has, each with its key."""
    return [f"{number}{97 - number % 97:02d}" for number in range(FIRST, FIRST + count)]


def make_dossiers(numbers: list[str]) -> None:
    """One dossier a number, set-based."""
    from django.db import connection, transaction

    from patients.ins import OID_TEST, Ins
    from tests import factories as make

    original = make.DossierFactory()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("CREATE TEMP TABLE other (id uuid DEFAULT gen_random_uuid(), lookup bytea)")
        with cursor.copy("COPY other (lookup) FROM STDIN") as copy:
            for number in numbers:
                copy.write(f"\\\\x{Ins(number, OID_TEST).lookup.hex()}\n")
        ground.copy(cursor, "patients_dossier", "other", original.pk, id="other.id")
        ground.copy(cursor, "patients_identityindex", "other", original.pk, lookup="other.lookup")
        ground.copy(cursor, "patients_consent", "other", original.pk)
        ground.copy(cursor, "patients_patient", "other", original.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def write(path: Path, numbers: list[str]) -> None:
    from django.utils import timezone

    from documents.demo import care_lines
    from patients.ins import OID_TEST

    draw, today = random.Random(1), timezone.localdate()
    with path.open("w") as file:
        file.write(care_lines.header() + "\n")
        for number in numbers:
            file.writelines(f"{line}\n" for line in care_lines.of_person(number, OID_TEST, A_PERSON, today, draw))


def bare_copy(path: Path) -> float:
    """Seconds of COPY of the file's rows into a table with the columns, the key and the indexes of the real one."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bare (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organisme text, ligne text, "
            "version int, matricule text, oid text, annulation boolean, care date, paid date, nature text, "
            "acte text, libelle text, quantite int, praticien text, montant int, rembourse int, protege boolean)"
        )
        cursor.execute("CREATE UNIQUE INDEX ON bare (matricule, organisme, ligne)")
        cursor.execute("CREATE INDEX ON bare (matricule, care)")
    began = time.perf_counter()
    columns = "organisme, ligne, version, matricule, oid, annulation, care, paid, nature, acte, libelle, quantite, "
    columns += "praticien, montant, rembourse, protege"
    statement = f"COPY bare ({columns}) FROM STDIN (FORMAT csv, DELIMITER ';', HEADER)"
    with (
        transaction.atomic(),
        connection.cursor() as cursor,
        path.open("rb") as file,
        cursor.copy(statement) as copy,
    ):
        while block := file.read(1 << 20):
            copy.write(block)
    return time.perf_counter() - began


def command(path: Path) -> list[str]:
    return [sys.executable, "manage.py", "feed_reimbursements", str(path), "--apply"]


def killed_three_times(path: Path, lines: int) -> int:
    """Starts the command, kills it as the run passes a fifth, two, three; then lets it end. Returns the kills."""
    from documents.care_lines import FeedRun

    for part in (1, 2, 3):
        with subprocess.Popen(command(path), cwd=ground.ROOT, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                run = FeedRun.objects.first()
                if run is not None and run.lines >= lines * part // 5:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(0.05)
            if process.returncode != -signal.SIGKILL:
                raise SystemExit(f"the command ended before the kill number {part}")
    return 3


def main(lines: int, kill: bool) -> None:
    numbers = people(lines // A_PERSON)
    make_dossiers(numbers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.csv"
        write(path, numbers)
        size = path.stat().st_size
        bare = bare_copy(path)
        began = time.perf_counter()
        kills = killed_three_times(path, lines) if kill else 0
        done = subprocess.run(command(path), cwd=ground.ROOT, check=True, stdout=subprocess.PIPE, text=True)
        took = time.perf_counter() - began
    tell(lines, size, bare, took, kills, done.stdout.strip())


def tell(lines: int, size: int, bare: float, took: float, kills: int, said: str) -> None:
    from documents.care_lines import CareLine

    kept = CareLine.objects.count()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{lines:,} lines, {size / 1e6:.0f} MB, {lines // A_PERSON:,} dossiers")
    print(f"  bare COPY, same indexes   {lines / bare:>9,.0f} lines/s")
    print(f"  feed, traces and merge    {lines / took:>9,.0f} lines/s   ({took / bare:.1f} x the bare COPY)")
    if kills:
        print(f"  these include {kills} kills; the last run: {said}")
    print(f"  peak memory of the command {peak} MB; care lines in the dossiers: {kept:,}")
    if kept != lines:
        raise SystemExit("lines are missing or twice there")


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kill", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    asked = arguments()
    with tempfile.TemporaryDirectory() as place, ground.own_databases():
        ground.set_up_django(Path(place))
        from django.core.management import call_command

        for alias in ("default", "keys"):
            call_command("migrate", database=alias, verbosity=0)
        call_command("database_roles", apply=True, verbosity=0)
        call_command("load_code_tables", apply=True, verbosity=0)
        main(asked.lines, asked.kill)
