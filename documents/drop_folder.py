"""The folder where the assurance maladie puts its files: each read once quiet, the oldest first, then removed.

It names in clear persons whose dossiers will be destroyed, and whoever has none: its digest alone stays (`FeedRun`).

A file that cannot be read is put aside, in `refuses/`, and the others go on: one bad file stops nobody's care lines.
Beside it, and for every file that had wrong lines, `NAME.refus.txt` says number and reason; nothing of a person.
What stands in `refuses/` waits for an operator: `manage.py health` tells it until it is taken away.
"""

import datetime as dt
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from audit.trail import TrailDown
from documents import feed
from documents.care_lines import FeedRun
from documents.feed_lines import WrongFile

REFUSED = "refuses"
FORMERLY = "lus"  # where files that were read used to stay
LATE = dt.timedelta(hours=1)
# Not the file's fault: it stays where it is, and the next run finds it.
PASSING = (feed.Busy, InterfaceError, OperationalError, TrailDown)
log = logging.getLogger(__name__)


def read() -> Iterator[FeedRun]:
    """Each file of `FEED_DIR` that nobody writes any more. Raises `Busy`, and what passes by itself."""
    if not settings.FEED_DIR:
        return
    folder = Path(settings.FEED_DIR)
    (folder / REFUSED).mkdir(exist_ok=True)
    for path in (folder / FORMERLY).glob("*"):
        path.unlink()
    for path, written in waiting(folder):
        if timezone.now() - written < dt.timedelta(seconds=settings.FEED_QUIET_SECONDS):
            continue
        if (run := _read_one(path)) is not None:
            yield run


def waiting(folder: Path) -> list[tuple[Path, dt.datetime]]:
    """The files still to read and when each was last written to, the oldest first."""
    found = []
    for path in folder.iterdir():
        if path.suffix in (".csv", ".ndjson") and path.is_file():
            found.append((path, dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)))
    return sorted(found, key=lambda one: one[1])


def refused(folder: Path) -> list[Path]:
    """The reports that wait for an operator, one a file."""
    return sorted((folder / REFUSED).glob("*.refus.txt"))


def _read_one(path: Path) -> FeedRun | None:
    aside = path.parent / REFUSED
    try:
        run = feed.feed(path)
    except PASSING:
        raise
    except Exception as error:  # whatever this file does to us, the next one is read
        why = (
            str(error) if isinstance(error, WrongFile) else f"Le fichier n'a pas pu être lu ({type(error).__name__})."
        )
        log.exception("feed: a file was put aside")
        _report(aside / f"{path.name}.refus.txt", [why, "Rien n'est entré depuis là ; corrigez-le et déposez-le."])
        os.replace(path, aside / path.name)
        return None
    if run.rejected:
        lines = run.rejections.order_by("number").values_list("number", "reason").iterator(chunk_size=5000)
        _report(aside / f"{path.name}.refus.txt", (f"ligne {number} : {reason}" for number, reason in lines))
    path.unlink()
    return run


def _report(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as target:
        target.writelines(f"{line}\n" for line in lines)
