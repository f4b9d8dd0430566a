"""The insured persons' register, as an operator loads it: by COPY into a staging table, then one merge.

The number of a person never reaches the database, nor does the key that hides it: hash and seal are made
here, line by line, while the file is read. Memory stays bounded whatever the size of the file.
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TextIO

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.forms.models import model_to_dict
from django.utils import timezone

from audit.trail import SYSTEM, Actor
from patients import ins
from patients.models import Caisse, Regime, RegisterLoad

DATA = Path(__file__).parent / "data"
_WORDS = "oid {} birth_family used_family given_names birth_date sex birthplace postal_code {} email phone"
COLUMNS = _WORDS.format("nir13 key", "regime caisse").split()  # of the file
KEPT = _WORDS.format("sealed_matricule", "regime_id caisse_id").split()  # of the table
LENGTHS = {"birth_family": 100, "used_family": 100, "given_names": 200, "birthplace": 5, "phone": 20}
SHOWN = 20  # bad lines named on the terminal


class WrongFile(Exception):
    """The file cannot be this register: nothing was loaded."""


@dataclass(frozen=True)
class BadLine:
    """A line left out, and why. Never the number of the person."""

    number: int
    reason: str


@dataclass
class Loaded:
    """What a load did."""

    read: int = 0
    added: int = 0
    changed: int = 0
    same: int = 0
    ended: int = 0
    repeated: int = 0  # lines overridden by a later line about the same person
    bad: list[BadLine] = field(default_factory=list)


class Counted(Protocol):
    """What is kept of a load, of whichever register."""

    read: int
    bad: list[BadLine]

    @property
    def added(self) -> int: ...
    @property
    def changed(self) -> int: ...
    @property
    def ended(self) -> int: ...


def keep(register: str, digest: str, done: Counted, *, by: Actor, reason: str) -> None:
    """The row of this load; in the transaction of the load."""
    RegisterLoad.objects.create(
        register=register,
        digest=digest,
        read=done.read,
        added=done.added,
        changed=done.changed,
        ended=done.ended,
        refused=len(done.bad),
        by=by.reference,
        reason=reason,
    )


class Read(io.FileIO):
    """A file whose digest is that of the bytes that were read, once: it may be a pipe."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.digest = sha256()

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:count])
        return count


@contextmanager
def opened(path: Path, *, newline: str = "") -> Iterator[tuple[TextIO, Read]]:
    """The lines of a register's file, and the file, which knows its digest once they are read."""
    with Read(path) as file, io.BufferedReader(file, 1 << 16) as buffer:
        yield io.TextIOWrapper(buffer, encoding="utf-8-sig", newline=newline), file


def tell(bad: list[BadLine], write: Callable[[str], object], report: Path | None) -> None:
    """The lines left out: the first ones on the terminal, all of them in the report (CSV) when one is asked for."""
    for line in bad[:SHOWN]:
        write(f"Ligne {line.number} : {line.reason}")
    if report:
        with report.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["ligne", "raison"])
            writer.writerows((line.number, line.reason) for line in bad)


def load_funds(
    regimes: Path | None = None, caisses: Path | None = None, *, by: Actor = SYSTEM, reason: str = "mise en service"
) -> None:
    """Schemes and funds, from the files given, else the project's own when there are none yet.

    Names follow the files, each with its history; nothing is removed, persons refer to them. Raises `WrongFile`.
    """
    with transaction.atomic():
        for model, path, ours in ((Regime, regimes, "regimes.csv"), (Caisse, caisses, "caisses.csv")):
            if path is None and model._default_manager.exists():
                continue
            try:
                rows: list[Any] = [model(**row) for row in _rows(path or DATA / ours)]
            except TypeError as error:
                raise WrongFile(f"{path or ours} n'a pas les colonnes attendues.") from error
            known = {one.pk: one for one in model._default_manager.all()}
            for row in rows:
                before = known.get(row.pk)
                if before is None or model_to_dict(before) != model_to_dict(row):
                    row._history_user, row._change_reason = by, reason
                    row.save(force_insert=before is None, force_update=before is not None)
                    known[row.pk] = row


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


_STAGE = """
DROP TABLE IF EXISTS insured_staging;
CREATE TEMPORARY TABLE insured_staging (
    line bigint, lookup bytea, oid text, sealed_matricule bytea, birth_family text, used_family text,
    given_names text, birth_date date, sex text, birthplace text, postal_code text, regime_id text,
    caisse_id text, email text, phone text
) ON COMMIT DROP"""
_KEPT = ", ".join(KEPT)
_COPY = f"COPY insured_staging (line, lookup, {_KEPT}) FROM STDIN"
# The seal differs at each sealing of the same number: it changes nothing, so it is not compared.
_COMPARED = [name for name in KEPT if name != "sealed_matricule"]
_MERGE = f"""
WITH merged AS (
    INSERT INTO patients_insuredperson AS known (lookup, {_KEPT}, loaded_at)
    SELECT DISTINCT ON (lookup) lookup, {_KEPT}, %(now)s FROM insured_staging ORDER BY lookup, line DESC
    ON CONFLICT (lookup) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COMPARED)},
        loaded_at = excluded.loaded_at
    WHERE ({", ".join(f"known.{name}" for name in _COMPARED)})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _COMPARED)})
    RETURNING xmax = 0 AS added)
SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added),
    (SELECT count(DISTINCT lookup) FROM insured_staging), (SELECT count(*) FROM insured_staging)
FROM merged"""  # noqa: S608 (constant names)


def load_insured(lines: Iterable[str], *, progress: Callable[[int], None] = lambda line: None) -> Loaded:
    """Merge a register file (text lines, header first). Raises `WrongFile`; bad lines are told and left out."""
    done = Loaded()
    # Asked before the COPY: during it the connection takes no other statement.
    regimes = set(Regime.objects.values_list("code", flat=True))
    caisses = set(Caisse.objects.values_list("code", flat=True))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for row in _staged(lines, done, progress, regimes, caisses):
                copy.write_row(row)
        cursor.execute("ANALYZE insured_staging")
        cursor.execute(_MERGE, {"now": timezone.now()})
        done.added, done.changed, persons, staged = cursor.fetchone()
    done.same = persons - done.added - done.changed
    done.repeated = staged - persons
    return done


def _staged(
    lines: Iterable[str], done: Loaded, progress: Callable[[int], None], regimes: set[str], caisses: set[str]
) -> Iterator[tuple[Any, ...]]:
    reader = csv.DictReader(lines)
    if missing := set(COLUMNS) - set(reader.fieldnames or ()):
        raise WrongFile(f"Colonnes absentes de l'en-tête : {', '.join(sorted(missing))}.")
    for row in reader:
        number = reader.line_num
        done.read += 1
        try:
            yield (number, *_person(row, regimes, caisses))
        except ValidationError as error:
            done.bad.append(BadLine(number, " ".join(error.messages)))
        if done.read % 1000 == 0:
            progress(number)
    progress(reader.line_num)


def _person(row: dict[str, Any], regimes: set[str], caisses: set[str]) -> tuple[Any, ...]:
    """The columns of a person, number hashed and sealed. Raises ValidationError with what is wrong."""
    if None in row or None in row.values():
        raise ValidationError("La ligne n'a pas le nombre de colonnes de l'en-tête.", code="row")
    row = {name: value.strip() for name, value in row.items()}
    number = ins.check(row["nir13"] + row["key"], row["oid"])
    _need(row["birth_family"] and row["given_names"], "Le nom de naissance et les prénoms sont nécessaires.")
    for name, length in LENGTHS.items():
        _need(len(row[name]) <= length, f"La colonne {name} dépasse {length} caractères.")
    _need(row["sex"] in ("F", "M", "U"), "Le sexe est F, M ou U.")
    _need(row["postal_code"].isdigit() and len(row["postal_code"]) == 5, "Le code postal a cinq chiffres.")
    _need(row["regime"] in regimes, "Ce régime est inconnu.")
    _need(row["caisse"] in caisses, "Cette caisse est inconnue.")
    if row["email"]:
        validate_email(row["email"])
    try:
        born = dt.date.fromisoformat(row["birth_date"])
    except ValueError as error:
        raise ValidationError("La date de naissance s'écrit AAAA-MM-JJ.", code="date") from error
    return (
        number.lookup,
        number.oid,
        number.sealed(),
        row["birth_family"],
        row["used_family"],
        row["given_names"],
        born,
        row["sex"],
        row["birthplace"],
        row["postal_code"],
        row["regime"],
        row["caisse"],
        row["email"].lower(),
        row["phone"],
    )


def _need(condition: Any, message: str) -> None:
    if not condition:
        raise ValidationError(message, code="row")
