"""An instance takes a digital copy: a new dossier that says, and holds, the same (its canonical digest is equal).

A copy is a file that somebody brings: every size, digest, code and content in it is checked before a row is written.
What does not travel is given again: rights, representatives, carers, and the trail, which stays in the copy.
"""

import datetime as dt
import decimal
import hashlib
import json
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from archival import canonical
from audit import trail
from audit.scoped import uuid7
from audit.trail import Actor, Event
from documents import antivirus, content, contents, entries
from documents.care_lines import CareLine
from documents.models import Document, Result, SubmissionSet
from patients import dossiers, terms
from patients.ins import Ins, check
from patients.models import Caisse, Channel, Dossier, InsuredPerson, Patient, Regime

M = TypeVar("M", bound=models.Model)
MOST_FILES, MOST_TEXT = 20_000, 200_000_000  # of an archive; bytes of dossier.json


class NotACopy(Exception):
    """Why, in French."""


@dataclass(frozen=True)
class Found:
    """What a copy says, once its digests were checked."""

    archive: zipfile.ZipFile
    body: dict[str, Any]
    manifest: dict[str, Any]
    files: dict[str, str]  # unique id of a document -> path in the archive

    @property
    def ins(self) -> Ins:
        patient = self.body["patient"]
        return Ins(patient["ins"], patient["oid"])


def read(path: Path | IO[bytes]) -> Found:
    """Every file is there, has its size and its digest. Raises `NotACopy`."""
    try:
        archive = zipfile.ZipFile(path)
        return _read(archive)
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise NotACopy("Ce fichier n'est pas une copie numérique, ou il est abîmé.") from error


def _read(archive: zipfile.ZipFile) -> Found:
    if len(archive.infolist()) > MOST_FILES:
        raise NotACopy("Cette copie a trop de fichiers.")
    manifest = json.loads(_member(archive, "manifest.json", MOST_TEXT))
    if manifest.get("format") != canonical.FORMAT:
        raise NotACopy(f"Cette copie n'est pas au format {canonical.FORMAT}.")
    if "canonical_digest" not in manifest:
        raise NotACopy("Cet extrait, fait pour un tiers, ne peut pas devenir un dossier.")
    for one in manifest["files"]:
        _verify(archive, one)
    text = _member(archive, "dossier.json", MOST_TEXT)
    if canonical.digest(text) != manifest["canonical_digest"]:
        raise NotACopy("L'empreinte du dossier n'est pas celle que la copie annonce.")
    body = json.loads(text)
    files = {one["document"]: one["path"] for one in manifest["files"] if "document" in one}
    for row in body["documents"]:
        if row["size"] > settings.MAX_DEPOSIT or row["unique_id"] not in files:
            raise NotACopy("Un document manque, ou dépasse la taille admise.")
    return Found(archive, body, manifest, files)


def _verify(archive: zipfile.ZipFile, one: dict[str, Any]) -> None:
    """By pieces, and never further than the size that is announced."""
    digest, size = hashlib.sha256(), 0
    if not 0 <= one["size"] <= MOST_TEXT:
        raise NotACopy(f"« {one['path']} » est trop grand.")
    with archive.open(one["path"]) as file:
        while piece := file.read(1 << 16):
            size += len(piece)
            digest.update(piece)
            if size > one["size"]:
                break
    if size != one["size"] or digest.hexdigest() != one["sha256"]:
        raise NotACopy(f"« {one['path']} » n'a pas l'empreinte que la copie annonce.")


def _member(archive: zipfile.ZipFile, path: str, most: int) -> bytes:
    with archive.open(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise NotACopy(f"« {path} » est trop grand.")
    return content


# -- written -----------------------------------------------------------------------------------------------------
def take(found: Found, *, evidence: str, by: Actor) -> Dossier:
    """One transaction: the whole dossier or nothing. Raises `NotACopy`, `dossiers.AlreadyThere`, ValidationError."""
    stored: list[uuid.UUID] = []
    try:
        with transaction.atomic():
            dossier = _open(found, evidence, by)
            sets = _sets(found, dossier)
            documents = _documents(found, dossier, sets, by, stored)
            for row in found.body["care"]:
                _checked(CareLine(dossier=dossier, **_values(CareLine, row, canonical.CARE))).save(force_insert=True)
            detail = {"documents": len(documents), "digest": found.manifest["canonical_digest"]}
            trail.record(Event.COPY_IMPORTED, by=by, dossier_id=dossier.pk, detail=detail)
    except BaseException as error:
        for name in stored:
            contents.store().delete(name)
        if isinstance(error, (KeyError, TypeError, ValueError, decimal.InvalidOperation, IntegrityError)):
            raise NotACopy("Cette copie dit des choses que ce service ne comprend pas.") from error
        raise
    return dossier


def _open(found: Found, evidence: str, by: Actor) -> Dossier:
    """By the same door as any dossier: no consent, no dossier (L1111-14)."""
    said, ins = found.body["patient"], found.ins
    check(ins.matricule, ins.oid)
    caisse, regime = found.manifest["caisse"], found.manifest["regime"]
    person = InsuredPerson(
        oid=ins.oid,
        sealed_matricule=ins.sealed(),
        birth_family=said["birth_family"],
        used_family=said["used_family"],
        given_names=said["given_names"],
        birth_date=dt.date.fromisoformat(said["birth_date"]),
        sex=said["sex"],
        birthplace=said["birthplace"],
        postal_code=said["postal_code"],
        email=said["email"],
        phone=said["phone"],
        regime=Regime.objects.get_or_create(code=regime["code"], defaults={"name": regime["name"]})[0],
        caisse=Caisse.objects.get_or_create(
            code=caisse["code"], defaults={"name": caisse["name"], "department": caisse["department"]}
        )[0],
    )
    agreement = dossiers.Agreement(given_by="holder", evidence=evidence, channel=Channel.OPERATOR)
    dossier = dossiers.open_for(person, agreement=agreement, by=by)
    for name, value in _values(Dossier, found.body["choices"], canonical.CHOICES).items():
        setattr(dossier, name, value)
    _signed(_checked(dossier), by).save(update_fields=list(canonical.CHOICES))
    patient = Patient.objects.get(dossier_id=dossier.pk)
    for name, value in _values(Patient, said, canonical.PATIENT).items():
        setattr(patient, name, value)
    _signed(_checked(patient), by).save(update_fields=list(canonical.PATIENT))
    return dossier


def _sets(found: Found, dossier: Dossier) -> dict[str, SubmissionSet]:
    sets = {}
    for row in found.body["sets"]:
        lot = SubmissionSet(dossier=dossier, **_values(SubmissionSet, row, canonical.SET))
        lot.fhir = entries.text_of_set(lot)
        _checked(lot).save(force_insert=True)
        sets[lot.unique_id] = lot
    return sets


def _documents(
    found: Found, dossier: Dossier, sets: dict[str, SubmissionSet], by: Actor, stored: list[uuid.UUID]
) -> dict[str, Document]:
    """Examined as any deposit is: a copy may have been made by anybody."""
    documents: dict[str, Document] = {}
    for row in found.body["documents"]:
        values = _values(Document, row, canonical.DOCUMENT)
        document = Document(id=uuid7(), dossier=dossier, submission_set=sets.get(row["set"]), **values)
        _examine(found, document)
        contents.put(dossier.pk, document.pk, _member(found.archive, found.files[document.unique_id], document.size))
        stored.append(document.pk)
        documents[document.unique_id] = document
    for row in found.body["documents"]:
        document = documents[row["unique_id"]]
        document.replaces = documents.get(row["replaces"])
        document.fhir = entries.text_of(document, found.ins.oid)
        _signed(_checked(document), by).save(force_insert=True)
        for one in row["results"]:
            values = _values(Result, one, canonical.RESULT)
            _checked(Result(dossier=dossier, document=document, **values)).save(force_insert=True)
    return documents


def _examine(found: Found, document: Document) -> None:
    said = f"« {document.title[:80]} »"
    try:
        seen = content.inspect(
            _member(found.archive, found.files[document.unique_id], document.size), document.media_type
        )
    except content.Inadmissible as refusal:
        raise NotACopy(f"{said} est refusé. {refusal.message}") from refusal
    except antivirus.Unavailable as error:
        raise NotACopy("L'antivirus ne répond pas : rien n'a été importé. Réessayez plus tard.") from error
    if (seen.sha256, seen.sha1) != (document.sha256, document.sha1) or seen.level != document.level:
        raise NotACopy(f"{said} n'est pas celui que la copie décrit.")
    facts = (seen.cda or {}).get("patient", {"ins": found.ins.matricule, "ins_oid": found.ins.oid})
    if (facts["ins"], facts["ins_oid"]) != (found.ins.matricule, found.ins.oid):
        raise NotACopy(f"{said} concerne une autre personne que celle de la copie.")
    if document.type_code not in terms.table("types"):
        raise NotACopy(f"{said} : type inconnu ici. Chargez d'abord les tables de codes (load_code_tables).")


def _values(model: type[models.Model], row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _value(model._meta.get_field(name), row[name]) for name in names}


def _value(field: Any, value: Any) -> Any:
    """From the canonical text, as `canonical._plain` wrote it."""
    if value is None:
        return None
    if isinstance(field, models.DateTimeField):
        return dt.datetime.fromisoformat(value)
    if isinstance(field, models.DateField):
        return dt.date.fromisoformat(value)
    if isinstance(field, models.BinaryField):
        return bytes.fromhex(value)
    return decimal.Decimal(value) if isinstance(field, models.DecimalField) else value


def _checked(row: M) -> M:
    """Lengths, choices and kinds of each field that says something; the database keeps what may not be empty."""
    fields = row._meta.concrete_fields
    silent = [one.name for one in fields if one.is_relation or isinstance(one, models.BinaryField)]
    silent += [one.name for one in fields if one.value_from_object(row) in one.empty_values]
    try:
        row.clean_fields(exclude=silent)
    except ValidationError as error:
        names = ", ".join(error.message_dict)
        raise NotACopy(f"Cette copie dit des choses que ce service ne comprend pas ({names}).") from error
    return row


def _signed(row: M, by: Actor) -> M:
    row._history_user = by  # type: ignore[attr-defined]
    return row
