"""Code tables: the project's versioned data, loaded in the database, looked up from memory.

A reload is seen by every process within a minute. None of this is a right: rights come from the gate.
"""

import csv
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from patients.models import Term

SECONDS = 60
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


def forget() -> None:
    _known.clear()


def manifest(folder: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, str]]]]:
    """Each table of `folder/tables.json` with its rows. Raises `WrongTable` when a file was changed."""
    for entry in json.loads((folder / "tables.json").read_text())["tables"]:
        content = (folder / entry["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise WrongTable(f"{entry['file']} ne correspond pas à son empreinte dans tables.json.")
        yield entry, list(csv.DictReader(content.decode().splitlines()))


def load(folder: Path) -> int:
    """Replace the tables of a folder by what it holds; returns the number of terms. Safe to run again."""
    count = 0
    with transaction.atomic():
        for entry, rows in manifest(folder):
            terms = [_term(entry, row) for row in rows]
            Term.objects.filter(table=entry["table"]).delete()
            Term.objects.bulk_create(terms, batch_size=1000)
            count += len(terms)
    forget()
    return count


def _term(entry: dict[str, Any], row: dict[str, str]) -> Term:
    code, system, words = row.pop("code"), row.pop("system"), row.pop("display")
    return Term(table=entry["table"], code=code, system=system, display=words, extra=row, version=entry["version"])
