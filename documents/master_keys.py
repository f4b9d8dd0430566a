"""Changing the master key: the new one wraps at once, then every data key is wrapped again under it.

The data keys themselves do not change, so no content is sealed again. A run killed anywhere goes on: what is
left is what still has an older version.
"""

import base64
import os
from collections.abc import Callable

from django.db import transaction
from django.db.models import Count

from documents.keys import master_keys
from documents.models import DataKey

BATCH = 500


def new() -> str:
    """32 bytes in base64, for DMP_MASTER_KEYS."""
    return base64.b64encode(os.urandom(32)).decode()


def counts() -> dict[int, int]:
    """How many data keys each version wraps; versions of the settings that wrap none count 0."""
    found = dict(DataKey.objects.values_list("version").annotate(Count("pk")))
    return {version: found.get(version, 0) for version in sorted({*found, *master_keys().keys})}


def left() -> int:
    return DataKey.objects.filter(version__lt=max(master_keys().keys)).count()


def rewrap(progress: Callable[[int], None] = lambda count: None, *, limit: int | None = None) -> int:
    """Wrap under the newest master key what an older one wraps, so many at most. Raises `Unreadable`."""
    keys, done = master_keys(), 0
    newest = max(keys.keys)
    while True:
        most = BATCH if limit is None else min(BATCH, limit - done)
        with transaction.atomic(using="keys"):
            rows = DataKey.objects.select_for_update(skip_locked=True).filter(version__lt=newest)[:most]
            batch = list(rows)
            for row in batch:
                wrapped = keys.wrap(keys.unwrap(row.version, bytes(row.wrapped), row.dossier_id), row.dossier_id)
                row.version, row.wrapped = wrapped.version, wrapped.blob
            DataKey.objects.bulk_update(batch, ["version", "wrapped"])
        if not batch:
            return done
        done += len(batch)
        progress(done)
