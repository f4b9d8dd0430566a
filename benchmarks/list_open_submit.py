"""Requests a second and p50 of list, open and submit through /fhir, beside a bare DRF floor, in one run.

    python benchmarks/list_open_submit.py [--large]

Needs the DMP_* settings of a database whose role may create databases (as bin/test sets them). Makes its own
database of 20,000 documents (200,000 with --large), 10 a person, starts the portal on a free loopback port,
measures each act for a few seconds with 1 then 8 clients, prints, and takes everything away. The machine is
shared by server, database and clients: read ratios, not single figures.
"""

import argparse
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from http.client import HTTPConnection
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 4
NAME = "dmp_benchmark"


def databases():
    """Our own two databases beside the ones the settings name; gives what drops them again."""
    known = conninfo_to_dict(os.environ["DMP_DATABASE_URL"])

    def run(*statements):
        with psycopg.connect(make_conninfo("", **known | {"dbname": "postgres"}), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    names = [NAME, f"{NAME}_keys"]
    run(*(f"DROP DATABASE IF EXISTS {name}" for name in names), *(f"CREATE DATABASE {name}" for name in names))
    for variable, name in zip(("DMP_DATABASE_URL", "DMP_KEYS_DATABASE_URL"), names, strict=True):
        os.environ[variable] = f"postgresql://{known['user']}@/{name}?host={known['host']}"
    return lambda: run(*(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in names))


def fill(documents):
    """People and documents, set-based: one dossier is made as usual, the others are its copies."""
    from django.core.management import call_command
    from django.db import connection

    from tests import factories as make

    for alias in ("default", "keys"):
        call_command("migrate", database=alias, verbosity=0)
    call_command("load_code_tables", verbosity=0)
    doctor = make.ProfessionalFactory()
    dossier = make.DossierFactory()
    make.permit(dossier, doctor)
    make.DocumentFactory(dossier=dossier)
    others = documents // 10 - 1
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica") if _superuser(cursor) else None
        cursor.execute("BEGIN")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            "CREATE TEMP TABLE other AS SELECT gen_random_uuid() AS id FROM generate_series(1, %s)", [others]
        )
        for table, column in (
            ("patients_dossier", "id"),
            ("patients_consent", "dossier_id"),
            ("patients_patient", "dossier_id"),
            ("access_dossiergrant", "dossier_id"),
        ):
            _copy(cursor, table, column, dossier.pk, 1)
        _copy(cursor, "documents_document", "dossier_id", dossier.pk, 10)
        cursor.execute("COMMIT")
        cursor.execute("ANALYZE")
        make.DocumentFactory.create_batch(9, dossier=dossier)
    return doctor, dossier


def _superuser(cursor):
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return cursor.fetchone()[0]


def _copy(cursor, table, column, original, times):
    cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    names = [name for (name,) in cursor.fetchall()]
    fresh = {column: "other.id", "id": "other.id" if column == "id" else "gen_random_uuid()"}
    fresh["unique_id"] = "'urn:uuid:' || gen_random_uuid()"
    if table == "patients_consent":
        fresh["id"] = "known.id"
    values = ", ".join(fresh.get(name, f"known.{name}") for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} known, other, "
        f"generate_series(1, %s) WHERE known.{column} = %s",
        [times, original],
    )


def serve(port, folder):
    command = [sys.executable, "-m", "gunicorn", "-c", "dmp/gunicorn.py", "-b", f"127.0.0.1:{port}", "-w", "2"]
    with (folder / "portal.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--threads", "4", "benchmarks.list_open_submit:application"],
            cwd=ROOT,
            env=os.environ | {"DMP_ROLE": "portal", "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
            return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit((folder / "portal.log").read_text()[-2000:])


def application(environ, start_response):
    """The portal, with the floor beside it at /floor."""
    global _application
    if _application is None:
        from dmp.wsgi import application as portal  # first: it sets Django up

        _add_floor()
        _application = portal
    return _application(environ, start_response)


_application = None


def _add_floor():
    from django.urls import path

    from dmp.urls import urlpatterns

    urlpatterns.append(path("floor", _floor()))


def _floor():
    """What any DRF view pays: a token looked up, one grant, one audit row, ten rows through a serializer's worth."""
    from django.db import connection, transaction
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Floor(APIView):
        authentication_classes: list = []
        permission_classes: list = []

        def get(self, request):
            with transaction.atomic(), connection.cursor() as cursor:
                known = [request.headers["X-Dossier"]]
                cursor.execute("SELECT id FROM access_professional WHERE idnat = %s", [request.headers["X-Who"]])
                cursor.fetchone()
                cursor.execute(
                    "SELECT id FROM access_dossiergrant WHERE dossier_id = %s", [request.headers["X-Dossier"]]
                )
                cursor.fetchone()
                cursor.execute("INSERT INTO floor_audit (note) VALUES ('read')")
                cursor.execute(
                    "SELECT id, title, created, media_type, size FROM documents_document WHERE dossier_id = %s "
                    "ORDER BY created DESC, id DESC LIMIT 10",
                    known,
                )
                names = [column.name for column in cursor.description]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            return Response(rows)

    return Floor.as_view()


def measure(port, clients, request):
    """Requests a second and p50 (ms) over SECONDS, `clients` at once; `request()` gives what to send."""
    spent, end = [], time.monotonic() + SECONDS

    def client():
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < end:
            method, path, body, headers, wanted = request()
            started = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != wanted:
                raise SystemExit(f"{method} {path.split('?')[0]}: {answer.status} {content[:300]!r}")
            spent.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(spent) / SECONDS, statistics.median(spent) * 1000


def acts(doctor, dossier):
    from access import demo_issuer
    from documents import contents
    from tests import messages

    token = demo_issuer.token(demo_issuer.claims_of(doctor))
    signed = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    patient = messages.subject(dossier)
    large = messages.pdf("x" * 20_000)
    document = dossier.documents.first()
    contents.put(dossier.pk, document.pk, large)
    dossier.documents.filter(pk=document.pk).update(size=len(large))
    name = dossier.pk.hex + document.pk.hex
    query = f"/fhir/DocumentReference?patient.identifier={patient}&status=current&_count=10"

    def submit():
        content = messages.pdf("x" * 20_000 + uuid.uuid4().hex)
        body = messages.reference(patient, content)
        body["content"][0]["attachment"]["data"] = base64.b64encode(content).decode()
        return "POST", "/fhir/DocumentReference", json.dumps(body), signed, 201

    floor = {"X-Who": doctor.idnat, "X-Dossier": str(dossier.pk)}
    return {
        "floor (DRF)": lambda: ("GET", "/floor", None, floor, 200),
        "list 10": lambda: ("GET", query, None, signed, 200),
        "open 20 kB": lambda: ("GET", f"/fhir/Binary/{name}", None, signed | {"Accept": "application/pdf"}, 200),
        "submit 20 kB": submit,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="200,000 documents instead of 20,000")
    count = 200_000 if parser.parse_args().large else 20_000
    drop = databases()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "dmp.settings",
            "DMP_DEMO": "1",
            "DMP_MEDIA_ROOT": str(folder / "media"),
            "DMP_DEMO_ISSUER_DIR": str(folder / "issuer"),
            "DMP_PSC_JWKS": str(folder / "issuer" / "jwks.json"),
            "DMP_PSC_ISSUER": "https://psc.test",
            "DMP_PSC_AUDIENCE": "dmp",
            "DMP_LOG_LEVEL": "ERROR",
        }
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from django.db import connection, connections

        doctor, dossier = fill(count)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE floor_audit (id bigserial, note text)")
        todo = acts(doctor, dossier)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = serve(port, folder)
        try:
            print(f"{count} documents, 10 a person; p50 at 1 client, requests a second at 8")
            for title, request in todo.items():
                measure(port, 1, request)
                (_, alone), (rate, _) = measure(port, 1, request), measure(port, 8, request)
                print(f"{title:14} {alone:7.1f} ms {rate:8.0f} /s")
        finally:
            server.terminate()
            server.wait()
            connections.close_all()
            drop()


if __name__ == "__main__":
    main()
