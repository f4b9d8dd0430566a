"""What the benchmark stands on: databases and a portal of its own, people and documents made set-based."""

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).resolve().parents[1]
ACTIVE = 40  # dossiers that requests go round, so that clients do not queue for the trail of one


@contextmanager
def own_databases() -> Iterator[None]:
    """Two empty databases beside the ones the settings name, which then name them instead."""
    names = {"DMP_DATABASE_URL": f"dmp_bench_{os.getpid()}", "DMP_KEYS_DATABASE_URL": f"dmp_bench_{os.getpid()}_keys"}
    known = conninfo_to_dict(os.environ["DMP_DATABASE_URL"])

    def run(statement: str) -> None:
        with psycopg.connect(make_conninfo("", **known | {"dbname": "postgres"}), autocommit=True) as connection:
            for name in names.values():
                connection.execute(statement.format(name))

    try:
        run("CREATE DATABASE {}")
        os.environ |= {variable: make_url(known | {"dbname": name}) for variable, name in names.items()}
        yield
    finally:
        from django.db import connections

        connections.close_all()
        run("DROP DATABASE IF EXISTS {}")


def make_url(known: dict[str, Any]) -> str:
    return "postgresql:///?" + urlencode(known)


def set_up_django(folder: Path) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "dmp.settings",
        "DMP_ROLE": "portal",
        "DMP_DEMO": "1",
        "DMP_MEDIA_ROOT": str(folder / "media"),
        "DMP_DEMO_ISSUER_DIR": str(folder),
        "DMP_PSC_JWKS": str(folder / "jwks.json"),
        "DMP_PSC_ISSUER": "https://psc.test",
        "DMP_PSC_AUDIENCE": "dmp",
        "DMP_LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The portal, two processes of four threads; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-c", "dmp/gunicorn.py", "-b", f"127.0.0.1:{port}"]
    command += ["--workers", "2", "--threads", "4", "benchmarks.floor:application"]
    with (folder / "portal.log").open("w+") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            for _ in range(300):
                with socket.socket() as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            else:
                raise SystemExit((folder / "portal.log").read_text())
            yield port
        finally:
            server.terminate()
            server.wait(timeout=20)


# -- the data ------------------------------------------------------------------------------------------
def make_people() -> tuple[Any, list[Any]]:
    """One doctor and the active dossiers, open to him."""
    from django.core.management import call_command

    from tests import factories as make

    for alias in ("default", "keys"):
        call_command("migrate", database=alias, verbosity=0)
    call_command("load_code_tables", apply=True, stdout=io.StringIO())
    doctor = make.ProfessionalFactory()
    dossiers = make.DossierFactory.create_batch(ACTIVE)
    for dossier in dossiers:
        make.permit(dossier, doctor)
    return doctor, dossiers


def multiply(original: Any, documents: int) -> None:
    """Copies of one dossier, set-based, and ten documents each: copies of its only one, a day apart."""
    from django.db import connection, transaction

    others = documents // 10 - ACTIVE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("CREATE TEMP TABLE other AS SELECT gen_random_uuid() id FROM generate_series(1, %s)", [others])
        copy(cursor, "patients_dossier", "other", original.pk, id="other.id")
        copy(cursor, "patients_identityindex", "other", original.pk, lookup="sha256(other.id::text::bytea)")
        copy(cursor, "patients_consent", "other", original.pk)
        copy(cursor, "patients_patient", "other", original.pk)
        copy(cursor, "access_dossiergrant", "other", original.pk, id="gen_random_uuid()")
        cursor.execute(
            "CREATE TEMP TABLE place AS SELECT d.id, day FROM patients_dossier d, generate_series(1, 10) day "
            "WHERE day < 10 OR d.id IN (SELECT id FROM other)"
        )
        fresh = {"id": "gen_random_uuid()", "unique_id": "'urn:uuid:' || gen_random_uuid()"}
        day = "known.created - place.day * interval '1 day'"
        copy(cursor, "documents_document", "place", original.pk, **fresh, created=day)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def copy(cursor: Any, table: str, places: str, original: Any, **changed: str) -> None:
    """The original's row, once for each place; `changed`: SQL of the columns that differ."""
    from django.db import connection

    names = [column.name for column in connection.introspection.get_table_description(cursor, table)]
    if "dossier_id" in names:
        changed["dossier_id"] = f"{places}.id"
    values = ", ".join(changed.get(name, f"known.{name}") for name in names)
    owner = "dossier_id" if "dossier_id" in names else "id"
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} known, {places} "
        f"WHERE known.{owner} = %s",
        [original],
    )
