"""Seconds of counting all the statistics again, over a million dossiers opened in two years.

    python benchmarks/recount.py [--dossiers 1000000]

Needs the DMP_* settings the tests use (DMP_DATABASE_URL: a PostgreSQL whose role may create databases) and the
development dependencies. Two databases of its own, taken away at the end. Beside the dossiers, a document for each,
a professional's reading for one in ten, and as many insured persons under rules of opening.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

CAISSES = 100  # one a department
CHANNELS = ("counter", "web")
MARK = 60  # seconds


def make_dossiers(count: int) -> None:
    """Set-based copies of one dossier, spread over days, channels and caisses."""
    from django.db import connection, transaction

    from audit import trail
    from audit.trail import Event
    from patients.dossiers import OPENING_WAYS
    from patients.models import Caisse, OpeningRule
    from tests import factories as make

    original = make.DossierFactory()
    make.DocumentFactory(dossier=original, family="biologie")
    trail.record(
        Event.DOCUMENT_READ,
        by=make.caller(make.ProfessionalFactory()).actor,
        dossier_id=original.pk,
        object_type="11502-2",
    )
    insured = make.InsuredFactory()
    departments = [f"{number:02d}" for number in range(1, CAISSES) if number != 20]
    Caisse.objects.bulk_create(Caisse(code=f"B{one}", name=f"Caisse {one}", department=one) for one in departments)
    OpeningRule.objects.bulk_create(
        OpeningRule(
            department=place, channel=channel, since="2016-01-01", adults_only=bool(place), allowed=bool(place)
        )
        for place in ("", *departments)
        for channel in OPENING_WAYS
    )
    codes = ", ".join(f"'B{one}'" for one in departments)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            "CREATE TEMP TABLE other AS SELECT gen_random_uuid() id, n FROM generate_series(1, %s) n", [count - 1]
        )
        day = "- mod(other.n, 730) * interval '1 day'"
        ground.copy(
            cursor,
            "patients_dossier",
            "other",
            original.pk,
            id="other.id",
            opened_at=f"known.opened_at {day}",
            opened_channel=f"(ARRAY['{CHANNELS[0]}', '{CHANNELS[1]}'])[1 + mod(other.n / 7, 2)]",
            caisse_id=f"(ARRAY[{codes}])[1 + mod(other.n / 3, {len(departments)})]",
        )
        ground.copy(cursor, "patients_consent", "other", original.pk)
        fresh = {"id": "gen_random_uuid()", "unique_id": "'urn:uuid:' || gen_random_uuid()"}
        ground.copy(
            cursor, "documents_document", "other", original.pk, **fresh, deposited_at=f"known.deposited_at {day}"
        )
        register = {
            "lookup": "uuid_send(other.id)",
            "birth_date": "known.birth_date + mod(other.n, 12000)::int",
            "postal_code": f"lpad((1 + mod(other.n, {len(departments)}))::text, 2, '0') || '000'",
            "caisse_id": f"(ARRAY[{codes}])[1 + mod(other.n / 3, {len(departments)})]",
        }
        copy_insured(cursor, insured.pk, register)
        cursor.execute("DELETE FROM other WHERE mod(n, 10) <> 0")
        ground.copy(cursor, "audit_trace", "other", original.pk, id="gen_random_uuid()")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def copy_insured(cursor: Any, known: bytes, changed: dict[str, str]) -> None:
    from patients.models import InsuredPerson

    names = [field.column for field in InsuredPerson._meta.concrete_fields]
    values = ", ".join(changed.get(name, f"known.{name}") for name in names)
    cursor.execute(
        f"INSERT INTO patients_insuredperson ({', '.join(names)}) SELECT {values} "
        "FROM patients_insuredperson known, other WHERE known.lookup = %s",
        [known],
    )


def main(count: int) -> None:
    from documents import statistics
    from documents.statistics import Statistic
    from patients.models import Dossier

    began = time.perf_counter()
    make_dossiers(count)
    print(f"{Dossier.objects.count():,} dossiers made in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    cells = statistics.recount()
    took = time.perf_counter() - began
    opened = sum(Statistic.objects.filter(measure="opened", dimension="all").values_list("count", flat=True))
    may = Statistic.objects.get(measure="eligible", dimension="all").count
    print(f"  all counted again in {took:.1f} s: {cells:,} figures, {opened:,} dossiers opened, {may:,} who may")
    began = time.perf_counter()
    told = list(statistics.published("opened", "department"))
    print(f"  one table of months read in {time.perf_counter() - began:.2f} s: {len(told):,} figures")
    if opened != count or took > MARK:
        raise SystemExit(f"wanted: {count:,} dossiers in {MARK} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dossiers", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ground.own_databases():
        ground.set_up_django(Path(place))
        from django.core.management import call_command

        for alias in ("default", "keys"):
            call_command("migrate", database=alias, verbosity=0)
        call_command("load_code_tables", apply=True, verbosity=0)
        main(asked.dossiers)
