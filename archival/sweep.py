"""What a late writer left of a destroyed dossier all the same: a crash between two steps, a statement that waited.

Every night. Only what a tombstone names is removed. A row or a key of a dossier that is nowhere, and that was never
destroyed, may be what is missing from a database restored too old: it is told (`health`), and a person looks.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import redis
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from archival import restored, tombstones
from archival.models import Sweep, Tombstone
from archival.purge import REACH, TRACES, column_of, empty
from audit.models import NO_DOSSIER
from documents.models import DataKey
from patients.models import Dossier

BATCH, SETTLED = 2000, dt.timedelta(hours=1)
# Tables with a dossier that PostgreSQL does not already tie to it; of the traces, their heads tell.
_LOOSE = """
SELECT c.table_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name = 'dossier_id'
    AND NOT starts_with(c.table_name, 'audit_trace_') AND c.table_name <> 'audit_trace' AND NOT EXISTS (
        SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = 'patients_dossier'::regclass
            AND k.conrelid = format('public.%I', c.table_name)::regclass)
UNION SELECT 'patients_historicaldossier'"""


def run() -> Sweep:
    """Destroys again what a backup brought back, then removes what is left; remembers what it found, for `health`."""
    swept = sum(one is not None for one in restored.replay(list(restored.come_back())))
    marks = {bytes(mark) for mark in Tombstone.objects.values_list("mark", flat=True)}
    unknown = 0
    for key in _without_dossier():
        if tombstones.mark_of(key) in marks:
            _remove(key)
            swept += 1
        else:
            unknown += 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT archival_sample_again()")
    _shorten_the_queue_s_journal()
    row, _ = Sweep.objects.update_or_create(pk=1, defaults={"at": timezone.now(), "swept": swept, "unknown": unknown})
    return row


def _shorten_the_queue_s_journal() -> None:
    """Redis keeps every task that was ever queued, with its dossier, until it writes its journal anew."""
    with suppress(redis.RedisError):  # at it already, or down: the next night
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5).bgrewriteaof()


def _without_dossier() -> set[uuid.UUID]:
    found: set[uuid.UUID] = set()
    with connection.cursor() as cursor:
        cursor.execute(_LOOSE)
        for (table,) in cursor.fetchall():
            column = column_of(table)
            cursor.execute(
                f'SELECT DISTINCT t.{column} FROM "{table}" t WHERE t.{column} <> %s AND NOT EXISTS '  # noqa: S608 (catalogue)
                f"(SELECT FROM patients_dossier d WHERE d.id = t.{column})",
                [NO_DOSSIER],
            )
            found.update(key for (key,) in cursor.fetchall())
    return found | set(_keys_without_dossier())


def _keys_without_dossier() -> Iterator[uuid.UUID]:
    """An hour old at least: a dossier is committed after its key when both are made at once."""
    settled = DataKey.objects.filter(created_at__lt=timezone.now() - SETTLED).values_list("pk", flat=True)
    keys = settled.iterator(chunk_size=BATCH)
    while batch := list(islice(keys, BATCH)):
        yield from set(batch) - set(Dossier.objects.filter(pk__in=batch).values_list("pk", flat=True))


def _remove(dossier_id: uuid.UUID) -> None:
    DataKey.objects.filter(dossier_id=dossier_id).delete()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_forget_dossier(%s)", [dossier_id])
        for table in REACH:
            if table not in TRACES:
                empty(cursor, table, dossier_id)
