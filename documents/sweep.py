"""Files and rows compared, both ways, after whatever was interrupted (a kill, a full disk)."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from documents import contents
from documents.models import Document

GRACE = 3600  # seconds: a deposit writes its file well before its row
BATCH = 1000


@dataclass
class Report:
    """What was found; `removed` counts files and left-overs taken away (or that would be)."""

    rows: int = 0
    files: int = 0
    missing: list[uuid.UUID] = field(default_factory=list)  # rows without file: to be restored by a person
    orphans: list[uuid.UUID] = field(default_factory=list)  # files without row
    strays: list[Path] = field(default_factory=list)  # files that are not ours: a person looks, nothing removes them
    leftovers: int = 0  # temporary files of interrupted writes

    @property
    def clean(self) -> bool:
        return not self.missing and not self.strays


def sweep(
    *,
    apply: bool,
    now: float | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """Report rows without file and strays; remove files without row, and left-overs, older than `GRACE`.

    `limit`: so many removed at most; the next run finds the others.

    Goes over every dossier on purpose. A withdrawn document keeps its row and its file (R1111-43).
    """
    now = now or time.time()
    store, report = contents.store(), Report()
    report.strays = list(store.strays())

    def may_remove(found: int) -> bool:
        return limit is None or found <= limit

    for path in store.stale(now - GRACE):
        report.leftovers += 1
        if apply and may_remove(report.leftovers):
            path.unlink(missing_ok=True)
    for batch in _batches(store.names()):
        report.files += len(batch)
        old = [file_id for file_id, written in batch if written < now - GRACE]
        known = set(Document.objects.filter(pk__in=old).values_list("pk", flat=True))
        for file_id in old:
            if file_id not in known:
                report.orphans.append(file_id)
                if apply and may_remove(report.leftovers + len(report.orphans)):
                    store.delete(file_id)
    for document_id in Document.objects.values_list("pk", flat=True).iterator(BATCH):
        report.rows += 1
        progress(report.rows)
        if not store.exists(document_id):
            report.missing.append(document_id)
    return report


def _batches(
    names: Iterable[tuple[uuid.UUID, float]],
) -> Iterator[list[tuple[uuid.UUID, float]]]:
    names = iter(names)
    while batch := list(islice(names, BATCH)):
        yield batch
