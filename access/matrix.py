"""The habilitation matrix (article R1111-46): profession × document type, as versioned data (D20)."""

import csv
import datetime as dt
from collections import defaultdict
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from access.models import MatrixRow, MatrixVersion

COLUMNS = {"profession", "category", "type", "consultation"}


class WrongMatrix(Exception):
    """The file has not the shape of a matrix: nothing was loaded."""


def load(
    path: Path, *, name: str, status: str, source: str, effective_from: dt.datetime | None = None
) -> MatrixVersion:
    """Load a version from rows of profession, document category, type, consultation (0 or 1).

    The same name again replaces that version. Raises `WrongMatrix`.
    """
    readable: dict[str, set[str]] = defaultdict(set)
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        if not set(rows.fieldnames or ()) >= COLUMNS:
            raise WrongMatrix(f"Colonnes attendues : {', '.join(sorted(COLUMNS))}.")
        for number, row in enumerate(rows, 2):
            if row["consultation"] not in ("0", "1"):
                raise WrongMatrix(f"Ligne {number} : la consultation est 0 ou 1.")
            readable[row["profession"]] |= {row["type"]} if row["consultation"] == "1" else set()
    with transaction.atomic():
        version, _ = MatrixVersion.objects.update_or_create(
            name=name, defaults={"status": status, "source": source, "loaded_at": timezone.now()}
        )
        if effective_from is not None:
            version.effective_from = effective_from
            version.save(update_fields=["effective_from"])
        version.rows.all().delete()
        MatrixRow.objects.bulk_create(
            MatrixRow(version=version, profession=profession, readable=sorted(types))
            for profession, types in readable.items()
        )
    return version
