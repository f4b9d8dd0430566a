"""Documents with their contents, laid in a dossier without passing the doors: what copies are made of."""

import datetime as dt
import hashlib
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from archival import copies, making
from archival.copies_models import Copy
from audit.trail import Actor, ActorKind
from documents import contents, entries, rows
from documents.content import inspect
from documents.models import Document, SubmissionSet
from patients import terms
from patients.models import Dossier, Patient
from tests import factories as make

DEMO = Path(__file__).parents[2] / "documents" / "demo"
OID = "1.2.250.1.213.1.4.10"
THIRTEEN = "1970235990002"  # the number that the demonstration's documents of Antoine bear
HOLDER = Actor(ActorKind.HOLDER, "test")
TEXT = b"Une note simple, en une ligne.\n"


def dossier(**fields: Any) -> Dossier:
    return make.DossierFactory(thirteen=THIRTEEN, **fields)


def lay(dossier: Dossier, name: str = "", content: bytes = TEXT, kind: str = "text/plain", **fields: Any) -> Document:
    """A row with its digests, its sealed file, its results; `name`: a file of the demonstration."""
    if name:
        content = (DEMO / name).read_bytes()
        kind = {"xml": "text/xml", "pdf": "application/pdf", "jpg": "image/jpeg"}[name.rpartition(".")[2]]
    seen = inspect(content, kind) if terms.table("types") else None
    document = make.DocumentFactory.build(
        dossier=dossier,
        media_type=seen.media_type if seen else kind,
        size=len(content),
        sha1=hashlib.sha1(content, usedforsecurity=False).digest(),
        sha256=hashlib.sha256(content).digest(),
        level=seen.level if seen else "",
        **fields,
    )
    document.fhir = entries.text_of(document, OID)
    document.save(force_insert=True)
    contents.put(dossier.pk, document.pk, content)
    if seen and seen.cda:
        for row in rows.results(document, SimpleNamespace(facts=seen.cda)):
            row.save(force_insert=True)
    return document


def lot(dossier: Dossier) -> SubmissionSet:
    row = SubmissionSet(dossier=dossier, unique_id="urn:uuid:lot", author_ids=["899999999999"], title="Lot")
    row.fhir = entries.text_of_set(row)
    row.save(force_insert=True)
    return row


def ask(dossier: Dossier, kind: str = "digital", role: str = "holder", **fields: Any) -> Copy:
    asker = None if "quality" in fields or "request_id" in fields else make.holder_of(dossier, role)
    return copies.ask(dossier.pk, kind=Copy.Kind(kind), by=HOLDER, asker=asker, **fields)


def fresh(row: Copy) -> Copy:
    return Copy.objects.get(dossier_id=row.dossier_id, pk=row.pk)


def made(row: Copy) -> Copy:
    making.make(row.dossier_id, row.pk)
    return fresh(row)


def given(row: Copy) -> bytes:
    return b"".join(copies.give(row, by=HOLDER))


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(files["manifest.json"])
    return said


def days(count: float) -> dt.timedelta:
    return dt.timedelta(days=count)


def number(dossier: Dossier) -> str:
    return Patient.objects.get(dossier=dossier).ins.matricule
