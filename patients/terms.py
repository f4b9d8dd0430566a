"""Code tables: the project's versioned data, loaded in the database, looked up from memory.

A reload is seen by every process within a minute. None of this is a right: rights come from the gate.
"""

import csv
import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from patients.models import Term
from patients.registers import Loaded

SECONDS = 60
Manifest = dict[str, list[dict[str, Any]]]  # "tables" go in as terms; "files" are read by others
_known: dict[str, tuple[float, dict[str, Term]]] = {}


class WrongTable(Exception):
    """The file is not the one its manifest describes."""


def table(name: str) -> dict[str, Term]:
    """The terms of a table by code."""
    read_at, terms = _known.get(name, (0.0, {}))
    if not terms or time.monotonic() - read_at > SECONDS:
        terms = {term.code: term for term in Term.objects.filter(table=name)}
        _known[name] = (time.monotonic(), terms)
    return terms


def display(name: str, code: str) -> str:
    """The French words of a code, or the code itself."""
    term = table(name).get(code)
    return term.display if term else code


def speciality(code: str) -> str:
    """« neurologie » for SM32, which the table calls « Médecin - Neurologie (SM) »."""
    term = table("specialities").get(code)
    words = re.sub(r"^Médecin - |\s*\([A-Z]+\)$", "", term.display) if term else ""
    return words[:1].lower() + words[1:] or code


def forget() -> None:
    _known.clear()


def read(folder: Path) -> Manifest:
    """What `folder/tables.json` describes. Raises `WrongTable` when a file it names was changed or is missing."""
    described: Manifest = json.loads((folder / "tables.json").read_text())
    for entry in (*described["tables"], *described.get("files", [])):
        try:
            content = (folder / entry["file"]).read_bytes()
        except OSError as error:
            raise WrongTable(f"{entry['file']}, que nomme tables.json, ne peut pas être lu.") from error
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise WrongTable(f"{entry['file']} ne correspond pas à son empreinte dans tables.json.")
    return described


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def load(folder: Path, done: Loaded) -> None:
    """Replace the tables of a folder by what it holds, and count. Safe to run again."""
    with transaction.atomic():
        for entry in read(folder)["tables"]:
            terms = [_term(entry, row) for row in _rows(folder / entry["file"])]
            known = Term.objects.filter(table=entry["table"])
            before, after = _said(known), _said(terms)
            known.delete()
            Term.objects.bulk_create(terms, batch_size=1000)
            done.read += len(terms)
            done.added += len(after.keys() - before.keys())
            done.ended += len(before.keys() - after.keys())
            done.changed += sum(before[key] != after[key] for key in before.keys() & after.keys())
    forget()


def _said(terms: Iterable[Term]) -> dict[tuple[str, str], tuple[str, Any, str]]:
    return {(one.code, one.system): (one.display, one.extra, one.version) for one in terms}


def _term(entry: dict[str, Any], row: dict[str, str]) -> Term:
    code, system, words = row.pop("code"), row.pop("system"), row.pop("display")
    return Term(table=entry["table"], code=code, system=system, display=words, extra=row, version=entry["version"])
