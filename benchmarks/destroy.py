"""Seconds of destroying 500 dossiers of 100 documents, their files included; its memory; and who waits meanwhile.

    python benchmarks/destroy.py [--dossiers 500] [--documents 100]

Needs the DMP_* settings the tests use (DMP_DATABASE_URL: a PostgreSQL whose role may create databases) and the
development dependencies. Two databases of its own, taken away at the end; files in DMP_MEDIA_ROOT's disk. Beside it,
a client opens documents of a dossier that stays: alone, then while the destruction runs.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

MARK = 60.0  # seconds for 500 dossiers
TRACES = 20  # a dossier


def make_dossiers(dossiers: int, documents: int) -> Any:
    """Set-based copies of one closed dossier; a file of 20 kB for each document. The dossier that stays."""
    from django.db import connection, connections, transaction

    from audit import trail
    from audit.trail import SYSTEM, Event
    from documents import contents
    from documents.models import DataKey, Document
    from tests import factories as make

    original, kept = make.DossierFactory(), make.DossierFactory()
    make.DocumentFactory(dossier=original, size=20_000)
    for _ in range(TRACES):
        trail.record(Event.DOCUMENT_READ, by=SYSTEM, dossier_id=original.pk)
    contents.put(kept.pk, make.DocumentFactory(dossier=kept, size=20_000).pk, b"x" * 20_000)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            "CREATE TEMP TABLE other AS SELECT gen_random_uuid() id FROM generate_series(1, %s)", [dossiers]
        )
        closed = {"state": "'closed'", "closed_at": "now() - interval '11 years'", "closure": "'DEMANDE_TITULAIRE'"}
        ground.copy(cursor, "patients_dossier", "other", original.pk, id="other.id", **closed)
        ground.copy(cursor, "patients_identityindex", "other", original.pk, lookup="sha256(other.id::text::bytea)")
        for table in ("patients_consent", "patients_patient"):
            ground.copy(cursor, table, "other", original.pk)
        ground.copy(cursor, "audit_tracehead", "other", original.pk)
        cursor.execute(
            "CREATE TEMP TABLE place AS SELECT other.id, n FROM other, generate_series(1, %s) n", [documents]
        )
        fresh = {"id": "gen_random_uuid()", "unique_id": "'urn:uuid:' || gen_random_uuid()"}
        ground.copy(cursor, "documents_document", "place", original.pk, **fresh)
        ground.copy(cursor, "audit_trace", "other", original.pk, id="gen_random_uuid()")
    key = DataKey.objects.get(dossier_id=kept.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM other")
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute("ANALYZE")
    fields = {field.name: getattr(key, field.name) for field in DataKey._meta.fields if field.name != "dossier_id"}
    DataKey.objects.bulk_create(DataKey(**fields | {"dossier_id": name}) for name in names)
    store = contents.store()
    for name in Document.objects.filter(dossier_id__in=names).values_list("pk", flat=True).iterator():
        path = store.path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(b"x" * 20_000)
    connections["keys"].close()
    return kept


class Reader(threading.Thread):
    """Opens the same document again and again: milliseconds of each."""

    def __init__(self, document: Any) -> None:
        super().__init__(daemon=True)
        self.document, self.over, self.took = document, threading.Event(), list[float]()

    def run(self) -> None:
        from django.db import connections

        from documents import contents

        while not self.over.is_set():
            began = time.perf_counter()
            contents.read(self.document)
            self.took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.02)
        connections.close_all()

    def p95(self) -> float:
        return statistics.quantiles(self.took, n=20)[-1]


def reading(document: Any, act: Any) -> tuple[float, float]:
    """Seconds of the act; p95, in milliseconds, of who reads meanwhile."""
    reader = Reader(document)
    reader.start()
    began = time.perf_counter()
    act()
    took = time.perf_counter() - began
    reader.over.set()
    reader.join()
    return took, reader.p95()


def main(dossiers: int, documents: int) -> None:
    from archival import destruction
    from archival.models import Certificate
    from documents import contents

    began = time.perf_counter()
    kept = make_dossiers(dossiers, documents)
    print(f"{dossiers} dossiers of {documents} documents made in {time.perf_counter() - began:.0f} s")
    document = kept.documents.get()
    _, alone = reading(document, lambda: time.sleep(5))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    done: list[int] = []
    took, beside = reading(document, lambda: done.append(destruction.run(limit=dossiers)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rate, made = 60 * done[0] / took, Certificate.objects.count()
    print(f"  {done[0]} destroyed in {took:.1f} s: {rate:,.0f} a minute, {made} certificates")
    print(f"  memory {before} MB before, {peak} MB at most")
    print(f"  who opens a document: p95 {alone:.1f} ms alone, {beside:.1f} ms meanwhile")
    left = sum(1 for _ in contents.store().names())
    if done[0] != dossiers or left != 1 or took > MARK * dossiers / 500:
        raise SystemExit(f"wanted: {dossiers} dossiers in {MARK * dossiers / 500:.0f} s, one file left, not {left}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dossiers", type=int, default=500)
    parser.add_argument("--documents", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ground.own_databases():
        ground.set_up_django(Path(place))
        from django.core.management import call_command

        for alias in ("default", "keys"):
            call_command("migrate", database=alias, verbosity=0)
        call_command("load_code_tables", apply=True, verbosity=0)
        main(asked.dossiers, asked.documents)
