"""That a dossier was destroyed, written where no backup goes: it stays destroyed once one is restored (adr 0010).

A database that is restored has forgotten what it destroyed since. So the mark of a dossier, a keyed hash of its key
that names nobody, is first a line of the journals (`DMP_TOMBSTONES`), flushed in each of them before its data key
goes; then a row. A mark that is in a journal and not in the database says that an older database was restored.
"""

import fcntl
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from archival.models import Tombstone
from patients.ins import keyed_hash

LINE = re.compile(rb"\d{4}-\d\d-\d\d ([0-9a-f]{64})")  # day, mark


def mark_of(dossier_id: uuid.UUID) -> bytes:
    return keyed_hash(b"tombstone", dossier_id.hex)


def lay(dossier_id: uuid.UUID) -> None:
    """Once its destruction cannot be undone, before anything of it goes. May run twice. Raises OSError."""
    mark = mark_of(dossier_id)
    if not Tombstone.objects.filter(mark=mark).exists():
        for path in settings.TOMBSTONES:
            _append(path, [mark])
        Tombstone.objects.get_or_create(mark=mark)


def unknown() -> set[bytes]:
    """Marks of the journals that this database does not have. Raises OSError."""
    return set().union(*map(_read, settings.TOMBSTONES)) - _known()


def lacking() -> int:
    """How many marks a journal should have, and has not, the worst of them. Raises OSError."""
    known = _known()
    return max((len(known - _read(path)) for path in settings.TOMBSTONES), default=0)


def settle() -> None:
    """Journals and database all hold what one of them holds. Raises OSError."""
    Tombstone.objects.bulk_create([Tombstone(mark=mark) for mark in sorted(unknown())], ignore_conflicts=True)
    known = _known()
    for path in settings.TOMBSTONES:
        if missing := known - _read(path):
            _append(path, sorted(missing))


def _known() -> set[bytes]:
    return {bytes(mark) for mark in Tombstone.objects.values_list("mark", flat=True).iterator()}


def _read(path: Path) -> set[bytes]:
    """A line cut short by a power cut is passed over: nothing had gone yet of that dossier."""
    if not path.exists():
        path.parent.stat()  # a disk that is not mounted is not an empty journal
        return set()
    found = map(LINE.fullmatch, path.read_bytes().splitlines())
    return {bytes.fromhex(one[1].decode()) for one in found if one}


def _append(path: Path, marks: Iterable[bytes]) -> None:
    """Durable when this returns. Two processes take turns; what was cut short ends with its line."""
    day = timezone.localdate().isoformat()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
        text = ("\n" if torn else "") + "".join(f"{day} {mark.hex()}\n" for mark in marks)
        if os.write(descriptor, text.encode()) < len(text):
            raise OSError(f"{path} : plus de place")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size:  # it may just have been made: its name must outlive a power cut too
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
