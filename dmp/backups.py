"""A backup that a drill can judge: both databases, the contents, and what they held when it was made.

The keys' database goes to another folder: whoever holds one of the two reads nothing, and a dossier destroyed since
cannot be read from an older backup of the contents alone.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from patients import letters

SUMMARY = "sauvegarde.json"
TABLES = ("patients_dossier", "documents_document", "documents_careline", "audit_trace", "access_user")
CUT = 1 << 20


class NotMade(Exception):
    """The backup failed; its text says where. What was written is not a backup."""


def make(folder: Path, keys_folder: Path, *, progress: Callable[[int], None] = lambda count: None) -> dict[str, Any]:
    """Both dumps, then the contents: a content without its row is an orphan, a row without its content a loss."""
    if folder.resolve() == keys_folder.resolve():
        raise NotMade("Les clés vont dans un autre dossier que les données.")
    for place in (folder, keys_folder):
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise NotMade(f"{place} n'est pas vide.")
    summary = {"made_at": timezone.now().isoformat(), "counts": counts()}
    _dump("default", folder / "dmp.dump")
    _dump("keys", keys_folder / "dmp_keys.dump")
    files = {"dmp.dump": _digest(folder / "dmp.dump")} | dict(_copy_contents(folder / "media", progress))
    (keys_folder / "dmp_keys.sha256").write_text(_digest(keys_folder / "dmp_keys.dump") + "\n")
    (folder / SUMMARY).write_text(json.dumps(summary | {"files": files}, indent=1))
    return summary | {"files": files}


def counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        return {table: _count(cursor, table) for table in TABLES}


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 (constant names)
    return int(cursor.fetchone()[0])


def faults(folder: Path) -> Iterator[str]:
    """What of this backup is missing or was altered since."""
    summary = json.loads((folder / SUMMARY).read_text())
    for name, digest in summary["files"].items():
        path = folder / name
        if not path.exists():
            yield f"{name} manque"
        elif _digest(path) != digest:
            yield f"{name} a changé"


def _dump(alias: str, target: Path) -> None:
    known = connections[alias].get_connection_params()
    place = {"PGHOST": known.get("host"), "PGPORT": known.get("port"), "PGUSER": known.get("user")}
    secret = {"PGPASSWORD": known.get("password")}  # in the environment: an argument is read by everybody
    env = os.environ | {name: str(value) for name, value in (place | secret).items() if value}
    command = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(target), known["dbname"]]
    try:
        subprocess.run(command, env=env, check=True, capture_output=True)  # noqa: S603 (constant program)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotMade(f"pg_dump a échoué sur la base {alias}.") from error


def _copy_contents(target: Path, progress: Callable[[int], None]) -> Iterator[tuple[str, str]]:
    """Contents never change: a copy made while people deposit is that of a moment, or a file more."""
    root = Path(settings.MEDIA_ROOT)
    for place, source in enumerate(sorted(root.rglob("*")) if root.exists() else (), 1):
        progress(place)
        if source.is_file() and letters.folder() not in source.parents:  # made again when asked; they name people
            copied = target / source.relative_to(root)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copied)
            yield str(copied.relative_to(target.parent)), _digest(copied)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
