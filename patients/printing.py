"""The printer of a site, behind one door (`DMP_PRINTER`): what comes out of it nobody at the counter has read.

Given everything at once, in memory that has no name on the disk: what cannot be opened to its end prints no page.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

LARGEST = 500_000_000  # bytes of one PDF: it is held in memory
LP, SECONDS = "/usr/bin/lp", 300


class Printer(Protocol):
    def send(self, site: str, name: str, content: BinaryIO) -> None:
        """A PDF to the printer of this fund. `name` says nothing of anybody. Raises OSError: it is tried again."""
        ...


def printer() -> Printer | None:
    """The one this site is set up with, or None."""
    made: Printer | None = import_string(settings.PRINTER)() if settings.PRINTER else None
    return made


@contextmanager
def in_memory(pieces: Iterable[bytes]) -> Iterator[BinaryIO]:
    """A file of no directory: gone with its descriptor, whatever happens. Raises OSError when it is too large."""
    with os.fdopen(os.memfd_create("pli", os.MFD_CLOEXEC), "w+b") as file:
        for piece in pieces:
            file.write(piece)
            if file.tell() > LARGEST:
                raise OSError("too large to be printed at once")
        file.flush()
        file.seek(0)
        yield file


class ToFolder:
    """The demonstration's: one file a print, in a folder that the service's account alone reads."""

    def send(self, site: str, name: str, content: BinaryIO) -> None:
        folder = Path(settings.PRINTER_DIR) / site
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        count = len(list(folder.glob(f"{name}*.pdf")))
        path = folder / f"{name}-{count + 1}.pdf"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            while block := content.read(1 << 20):
                file.write(block)


class Cups:
    """A queue of CUPS for each fund (`DMP_PRINTER_QUEUES=691=plis-rhone,*=plis`), fed by its own client."""

    def send(self, site: str, name: str, content: BinaryIO) -> None:
        queues = dict(part.split("=", 1) for part in settings.PRINTER_QUEUES.split(",") if "=" in part)
        queue = queues.get(site) or queues.get("*")
        if queue is None:
            raise OSError("no queue for this fund")
        command = [LP, "-d", queue, "-t", name, "-o", "sides=two-sided-long-edge", "-"]
        try:
            done = subprocess.run(  # noqa: S603 (constant program, arguments of the settings, no shell)
                command, stdin=content, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise OSError("the printer does not take it") from error
        if done.returncode:
            raise OSError("the printer refuses it")
