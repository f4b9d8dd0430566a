"""The feed of the assurance maladie (rules.md section 5): COPY into a staging table, then a merge of sets.

Half a chunk is one transaction: lines, traces, notices, counts and the place in the file go together, so that a run
killed anywhere goes on where it was and the same file again changes nothing. The halves, of persons, go side by side.
The insurer writes and never reads: nothing here answers with what a dossier holds.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from access.registers import UUID7
from access.roles import FEED
from audit import trail
from audit.trail import Actor, ActorKind, Event
from documents.care_lines import FeedRejection, FeedRun, window_start
from documents.feed_lines import Chunk, Reader
from patients import terms
from patients.models import Notice

INSURER = Actor(ActorKind.INSURER, "assurance-maladie", "L'assurance maladie", means="fichier")
LOCK = 0x444D5046  # one feed at a time: two would wait for each other's dossiers
PATIENCE = "10s"  # of one half for the other: PostgreSQL does not see that the other waits for it
BATCH = 20_000  # lines that leave the window in one transaction


class Busy(Exception):
    """Another feed runs."""


# A chunk is sorted in memory, and once: persons are few beside its lines, a hash finds them.
_LOCAL = """SELECT set_config('lock_timeout', %s, true), set_config('work_mem', '64MB', true),
    set_config('enable_mergejoin', 'off', true)"""
_STAGE = """CREATE TEMPORARY TABLE IF NOT EXISTS feed_staging (
    number bigint, key uuid, lookup bytea, source text, line text, version int,
    cancelled boolean, care_date date, paid_date date, kind text, act text, label text, quantity int, provider text,
    amount int, reimbursed int, protected boolean) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS feed_person (lookup bytea, dossier_id uuid) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS feed_known (
    lookup bytea, dossier_id uuid, state text, birth_date date, has_lines boolean) ON COMMIT DELETE ROWS"""
_PERSONS = """INSERT INTO feed_person SELECT i.lookup, i.dossier_id
FROM (SELECT DISTINCT lookup FROM feed_staging) s JOIN patients_identityindex i ON i.lookup = s.lookup"""
# Held till the end: a dossier is not closed between the look at its state and what is written into it.
_HOLD = "SELECT FROM patients_dossier WHERE id IN (SELECT dossier_id FROM feed_person) ORDER BY id FOR SHARE"
_KNOWN = """INSERT INTO feed_known SELECT f.lookup, f.dossier_id, d.state, p.birth_date,
    (SELECT true FROM documents_careline c WHERE c.dossier_id = f.dossier_id LIMIT 1) IS NOT NULL FROM feed_person f
JOIN patients_dossier d ON d.id = f.dossier_id JOIN patients_patient p ON p.dossier_id = f.dossier_id"""
_JUDGED = """judged AS (SELECT s.*, k.dossier_id, k.has_lines, CASE
    WHEN k.dossier_id IS NULL THEN 'unknown' WHEN k.state <> 'open' THEN 'closed'
    WHEN (s.protected OR s.act = ANY(%(acts)s)) AND k.birth_date > s.care_date - make_interval(years => %(majority)s)
        THEN 'protected'
    WHEN s.care_date < %(start)s::date THEN 'old' ELSE 'kept' END AS fate
    FROM feed_staging s LEFT JOIN feed_known k USING (lookup))"""
_FATES = f"WITH {_JUDGED} SELECT fate, count(*) FROM judged GROUP BY fate"  # noqa: S608
# What an earlier version had let in without its flag goes out again.
_FORGET = f"""WITH {_JUDGED} DELETE FROM documents_careline c USING judged j
WHERE j.fate = 'protected' AND (c.dossier_id, c.source, c.line) = (j.dossier_id, j.source, j.line)"""  # noqa: S608
_TOLD = ("care_date", "paid_date", "kind", "act", "label", "quantity", "provider", "amount", "reimbursed")
_EMPTY = {"act": "''", "label": "''", "provider": "''", "quantity": "0", "amount": "0", "reimbursed": "0"}
_SAID = ", ".join(
    f"CASE WHEN cancelled THEN {_EMPTY[one]} ELSE {one} END AS {one}" if one in _EMPTY else one for one in _TOLD
)
# Nobody else writes lines of these dossiers: what is known is looked for where there was any, the rest is new.
_MERGE = f"""WITH {_JUDGED}, latest AS (
    SELECT DISTINCT ON (dossier_id, source COLLATE "C", line COLLATE "C")
        key, dossier_id, has_lines, source, line, version, cancelled, {_SAID} FROM judged WHERE fate = 'kept'
    ORDER BY dossier_id, source COLLATE "C", line COLLATE "C", version DESC, number DESC),
known AS MATERIALIZED (
    SELECT l.key, c.id FROM latest l JOIN documents_careline c USING (dossier_id, source, line)
    WHERE l.has_lines),
added AS (
    INSERT INTO documents_careline (id, dossier_id, source, line, version, cancelled, {", ".join(_TOLD)})
    SELECT key, dossier_id, source, line, version, cancelled, {", ".join(_TOLD)} FROM latest
    WHERE key NOT IN (SELECT key FROM known) RETURNING dossier_id),
changed AS (
    UPDATE documents_careline c SET version = l.version, cancelled = l.cancelled,
        {", ".join(f"{one} = l.{one}" for one in _TOLD)}
    FROM known k JOIN latest l USING (key)
    WHERE (c.dossier_id, c.id) = (l.dossier_id, k.id) AND c.version < l.version
    RETURNING c.dossier_id, c.cancelled),
merged AS (
    SELECT dossier_id, 1 AS added, 0 AS changed, 0 AS cancelled FROM added
    UNION ALL SELECT dossier_id, 0, (NOT cancelled)::int, cancelled::int FROM changed)
SELECT dossier_id, sum(added), sum(changed), sum(cancelled) FROM merged GROUP BY dossier_id"""  # noqa: S608
_FIRST = f"""INSERT INTO patients_notice (id, dossier_id, kind, email, bucket, created_at, attempts)
SELECT {UUID7}, p.dossier_id, %(kind)s::text, p.email, 0, %(now)s::timestamptz, 0
FROM (SELECT DISTINCT dossier_id FROM feed_known WHERE NOT has_lines) f JOIN patients_patient p USING (dossier_id)
WHERE p.email <> '' AND EXISTS (SELECT FROM documents_careline c WHERE c.dossier_id = f.dossier_id)
    AND NOT EXISTS (SELECT FROM patients_notice n WHERE n.dossier_id = f.dossier_id AND n.kind = %(kind)s::text)"""  # noqa: S608


def digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def feed(path: Path, *, again: bool = False, progress: Callable[[FeedRun], None] = lambda run: None) -> FeedRun:
    """Merge a file, from where an earlier run of the same file stopped. Raises `WrongFile`, `Busy`.

    `again`: from its first line even if it was read whole, for who opened a dossier since; nothing is there twice.
    """
    digest, reader = digest_of(path), Reader(path)
    with _alone():
        run, _ = FeedRun.objects.get_or_create(
            digest=digest, defaults={"name": path.name[:200], "size": path.stat().st_size}
        )
        if again and run.finished_at is not None:
            run = _from_the_start(run)
        if run.finished_at is None:
            with _other_lane() as other:
                for chunk in _ahead(reader.chunks(run.offset, run.lines)):
                    _merge(run, chunk, other)
                    run.refresh_from_db()
                    progress(run)
            run.finished_at = timezone.now()
            run.save(update_fields=["finished_at"])
    return run


def _from_the_start(run: FeedRun) -> FeedRun:
    with transaction.atomic():
        kept = {"id": run.pk, "name": run.name, "digest": run.digest, "size": run.size}
        run.delete()
        return FeedRun.objects.create(**kept)


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The next chunk is read while PostgreSQL merges this one."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk


def rehearse(path: Path, *, progress: Callable[[Chunk], None] = lambda chunk: None) -> Iterator[Chunk]:
    """What would be read and what refused: nothing is written, no dossier is looked at."""
    for chunk in Reader(path).chunks():
        progress(chunk)
        yield chunk


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise Busy("Une autre alimentation est en cours : attendez qu'elle finisse.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


@contextmanager
def _other_lane() -> Iterator[ThreadPoolExecutor]:
    """A thread with a connection of its own."""
    with ThreadPoolExecutor(1) as other:
        try:
            yield other
        finally:
            other.submit(lambda: connection.close()).result()  # the thread's own, not this one's


def _merge(run: FeedRun, chunk: Chunk, other: ThreadPoolExecutor) -> None:
    """Both halves at once. The second goes first: killed between the two, it is not done again."""
    first, second = chunk.halves
    if not second or chunk.offset <= run.ahead:
        return _half(run, chunk, first)
    session, ahead = connection.connection, other.submit(_half, run, chunk, second, is_ahead=True)
    try:
        _half(run, chunk, first, after=ahead)
    except (OperationalError, IntegrityError, trail.TrailDown):
        if connection.connection is not session:
            raise  # the session went, and its lock with it: another feed may have begun
        # One dossier in both halves, by its provisional number and by its NIR: one waited for the other in vain, or
        # both put the same line. One after the other, then.
        if ahead.exception() is not None:
            _half(run, chunk, second, is_ahead=True)
        _half(run, chunk, first)


def _half(
    run: FeedRun, chunk: Chunk, rows: list[str], *, after: Future[None] | None = None, is_ahead: bool = False
) -> None:
    acts = sorted(terms.table("protected_acts"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {FEED}")
        cursor.execute(_STAGE)
        cursor.execute(_LOCAL, [PATIENCE])
        with cursor.copy("COPY feed_staging FROM STDIN") as copy:
            copy.write("\n".join(rows) + "\n" if rows else "")
        cursor.execute(_PERSONS)
        cursor.execute("ANALYZE feed_person")  # few beside the country: looked up by key, not joined as tables
        cursor.execute(_HOLD)
        cursor.execute(_KNOWN)
        terms_of: dict[str, Any] = {"acts": acts, "start": window_start(), "majority": settings.AGE_OF_MAJORITY}
        cursor.execute(_FATES, terms_of)
        fates: dict[str, int] = dict(cursor.fetchall())
        if "protected" in fates:
            cursor.execute(_FORGET, terms_of)
        cursor.execute(_MERGE, terms_of)
        merged: list[tuple[uuid.UUID, int, int, int]] = cursor.fetchall()
        trail.record_each(
            Event.CARE_FED,
            by=INSURER,
            details={row[0]: {"added": row[1], "changed": row[2], "cancelled": row[3]} for row in merged},
            ground="feeding",
        )
        # After the traces, of which each dossier takes one at a time: its other half sees this notice, or waits.
        cursor.execute(_FIRST, {"kind": Notice.Kind.FIRST_FEED, "now": timezone.now()})
        if after is not None:
            after.result()  # it failed: so does this half
        done = [sum(column) for column in list(zip(*merged, strict=True))[1:]] or [0, 0, 0]
        _note(run, chunk, fates, done, is_ahead)


def _note(run: FeedRun, chunk: Chunk, fates: dict[str, int], done: list[int], is_ahead: bool) -> None:
    """What this half did, added to the run; the first half says how far the file is read."""
    counted = dict(zip(("added", "changed", "cancelled"), done, strict=True))
    counted |= {fate: fates.get(fate, 0) for fate in ("unknown", "closed", "protected", "old")}
    counted["same"] = fates.get("kept", 0) - sum(done)
    place = {"ahead": chunk.offset} if is_ahead else {"offset": chunk.offset}
    if not is_ahead:
        counted |= {"lines": chunk.lines, "rejected": len(chunk.rejected)}
        FeedRejection.objects.bulk_create(
            [FeedRejection(run=run, number=number, reason=reason) for number, reason in chunk.rejected],
            batch_size=5000,
        )
    FeedRun.objects.filter(pk=run.pk).update(**place, **{name: F(name) + count for name, count in counted.items()})


def forget_old() -> int:
    """Remove what left the window, a batch at a time; it was no longer shown.

    Not of a dossier that is being fed: a correction may bring a line back, and what it found is not to be gone.
    """
    count = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM documents_careline WHERE (dossier_id, id) IN (SELECT c.dossier_id, c.id FROM "
                "documents_careline c JOIN patients_dossier d ON d.id = c.dossier_id WHERE c.care_date < %s "
                "LIMIT %s FOR NO KEY UPDATE OF d SKIP LOCKED)",
                [window_start(), BATCH],
            )
            count += cursor.rowcount
            if cursor.rowcount < BATCH:
                return count
