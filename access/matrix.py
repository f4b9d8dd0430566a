"""The habilitation matrix (article R1111-46): profession × document type, as versioned data (D20).

What a profession reads is asked at each request, of the version in force at that instant (`access.gate`): a version
loaded today for next month takes effect by itself, in every process.
"""

import csv
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from access.models import MatrixRow, MatrixVersion
from audit.trail import Actor
from patients import terms

# Columns of the official cell (rules.md 2), then those of the project's own draft; in the order of `Cell`.
SHAPES = (
    (
        "field_code_profession",
        "field_code_categorie_document",
        "field_type_de_document.field_code_loinc",
        "field_consultation_document",
    ),
    ("profession", "category", "type", "consultation"),
)
SAID = {"1": True, "true": True, "oui": True, "0": False, "false": False, "non": False}

UNREADABLE = "Le fichier ne peut pas être lu : un texte UTF-8 est attendu."

Readable = dict[str, frozenset[str]]  # of each profession, the types it reads


class WrongMatrix(Exception):
    """The file is not a matrix: nothing was loaded."""


@dataclass(frozen=True)
class Cell:
    line: int
    profession: str
    category: str
    type: str  # empty: every type of the category
    readable: bool


def content_of(path: Path) -> bytes:
    """Read once: it may be a pipe. Raises `WrongMatrix`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongMatrix(UNREADABLE) from error


def read(content: bytes) -> Readable:
    """What a file says. Raises `WrongMatrix` with the line: an unknown answer, a cell said twice otherwise.

    A row of a category alone speaks for its types that have no row of their own. A type that stands in two
    categories is read only if both say so: what is in doubt is refused (D20).
    """
    by_profession: dict[str, dict[tuple[str, str], Cell]] = {}
    for cell in _cells(content):
        said = by_profession.setdefault(cell.profession, {})
        before = said.setdefault((cell.category, cell.type), cell)
        if before.readable != cell.readable:
            raise WrongMatrix(f"Ligne {cell.line} : le contraire de la ligne {before.line}.")
    if not by_profession:
        raise WrongMatrix("Le fichier ne contient aucune cellule.")
    return {profession: _readable(list(said.values())) for profession, said in by_profession.items()}


def _readable(cells: list[Cell]) -> frozenset[str]:
    """The types that one profession reads."""
    said: dict[str, bool] = {}
    for cell in (one for one in cells if one.type):
        said[cell.type] = said.get(cell.type, True) and cell.readable
    exact = set(said)
    for cell in (one for one in cells if not one.type):
        for kind in _types_of(cell) - exact:
            said[kind] = said.get(kind, True) and cell.readable
    return frozenset(kind for kind, readable in said.items() if readable)


def _types_of(cell: Cell) -> set[str]:
    """By our own table of types and classes. Raises `WrongMatrix`: a category that has none."""
    types = {code for code, term in terms.table("types").items() if term.extra["class_code"] == cell.category}
    if not types:
        raise WrongMatrix(f"Ligne {cell.line} : aucun type connu n'est de la catégorie « {cell.category} ».")
    return types


def _cells(content: bytes) -> Iterator[Cell]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongMatrix(UNREADABLE) from error
    lines = text.splitlines() or [""]
    rows = csv.DictReader(lines, delimiter=";" if ";" in lines[0] else ",")
    known = {name.strip() for name in rows.fieldnames or ()}
    shape = next((one for one in SHAPES if known.issuperset(one)), None)
    if shape is None:
        raise WrongMatrix(f"Colonnes attendues : {', '.join(SHAPES[0])}.")
    for line, row in enumerate(rows, 2):
        profession, category, kind, answer = ((row[column] or "").strip() for column in shape)
        if not profession or not (kind or category):
            raise WrongMatrix(f"Ligne {line} : la profession manque, ou le type et la catégorie.")
        if answer.lower() not in SAID:
            raise WrongMatrix(f"Ligne {line} : la consultation est 1 ou 0 (ou true, false, oui, non).")
        yield Cell(line, profession, category, kind, SAID[answer.lower()])


def unknown(readable: Readable) -> list[str]:
    """Professions and types that no code table of ours has: they are kept, and match nothing until it has."""
    professions = {*terms.table("professions"), *terms.table("other_professions")}
    types = set().union(*readable.values())
    return sorted(set(readable) - professions) + sorted(types - set(terms.table("types")))


def in_force(at: dt.datetime | None = None) -> MatrixVersion | None:
    """The version that decides at that instant."""
    return MatrixVersion.objects.filter(effective_from__lte=at or timezone.now()).first()


def readable_in(version: MatrixVersion) -> Readable:
    return {row.profession: frozenset(row.readable) for row in version.rows.all()}


def differences(old: Readable, new: Readable) -> Iterator[tuple[str, list[str], list[str]]]:
    """Of each profession that changes: the types it gains, and those it loses."""
    for profession in sorted({*old, *new}):
        before, after = old.get(profession, frozenset()), new.get(profession, frozenset())
        if before != after:
            yield profession, sorted(after - before), sorted(before - after)


def load(
    readable: Readable, *, by: Actor, reason: str, effective_from: dt.datetime | None = None, **said: str
) -> MatrixVersion:
    """Keep a version. The same name again replaces it; its date stays when none is given.

    `said`: its name, status, source, and the digest of its file. What says nothing new changes nothing.
    """
    with transaction.atomic():
        known = MatrixVersion.objects.select_for_update(of=("self",))
        version = known.filter(name=said["name"]).first() or MatrixVersion()
        new = said | ({"effective_from": effective_from} if effective_from is not None else {})
        same = all(getattr(version, name) == value for name, value in new.items())
        if same and not version._state.adding and readable_in(version) == readable:
            return version
        for name, value in new.items():
            setattr(version, name, value)
        version.loaded_at = timezone.now()
        version._history_user, version._change_reason = by, reason  # type: ignore[attr-defined]
        version.save()
        version.rows.all().delete()
        MatrixRow.objects.bulk_create(
            MatrixRow(version=version, profession=profession, readable=sorted(types))
            for profession, types in readable.items()
        )
    return version
