"""The only writer of traces.

A read shows nothing before its trace is committed; a write, its history and its trace are one
transaction. If the trace cannot be written, nothing is done and nothing is shown (`TrailDown`, 503).
"""

import datetime as dt
import json
import os
import re
import struct
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.models import NO_DOSSIER, Trace
from audit.request import origin
from audit.scoped import uuid7, uuid7s


class TrailDown(Exception):
    """The trace could not be written: answer 503, show nothing."""


class ActorKind(StrEnum):
    PROFESSIONAL = "professional"
    STRUCTURE = "structure"
    HOLDER = "holder"
    REPRESENTATIVE = "representative"
    CARER = "carer"
    COUNTER = "counter"
    INSURER = "insurer"
    OPERATOR = "operator"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Actor:
    """A person or a service that acts. `id`: PS_IdNat for a professional, account id otherwise."""

    kind: ActorKind
    id: str
    name: str = ""
    profession: str = ""  # TRE_G15
    structure_id: str = ""  # Struct_IdNat
    structure_name: str = ""
    means: str = ""  # psc, password+code, command…
    on_behalf_of: str = ""

    @property
    def reference(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor(ActorKind.SYSTEM, "dmp", "Le service")
ANONYMOUS = Actor(ActorKind.ANONYMOUS, "", "Personne non identifiée")


class Event(StrEnum):
    """What may happen. The value is stored; `audit.words` says it in French."""

    DOSSIER_OPENED = "dossier_opened"
    DOSSIER_FOUND = "dossier_found"
    DOSSIER_CLOSED = "dossier_closed"
    DOSSIER_REOPENED = "dossier_reopened"
    HOLD_SET = "hold_set"
    HOLD_LIFTED = "hold_lifted"
    DOCUMENT_LISTED = "document_listed"
    DOCUMENT_READ = "document_read"
    DOCUMENT_DEPOSITED = "document_deposited"
    DOCUMENT_REPLACED = "document_replaced"
    DOCUMENT_WITHDRAWN = "document_withdrawn"
    DOCUMENT_MASKED = "document_masked"
    DOCUMENT_UNMASKED = "document_unmasked"
    DOCUMENT_ANNOUNCED = "document_announced"
    DOCUMENT_ARCHIVED = "document_archived"
    LISTS_READ = "lists_read"
    ACCESS_GRANTED = "access_granted"
    ACCESS_WITHDRAWN = "access_withdrawn"
    PROFESSIONAL_BLOCKED = "professional_blocked"
    PROFESSIONAL_UNBLOCKED = "professional_unblocked"
    TREATING_NAMED = "treating_named"
    TREATING_ENDED = "treating_ended"
    TEAM_AGREED = "team_agreed"
    TEAM_JOINED = "team_joined"
    TEAM_ENDED = "team_ended"
    CONSENT_ASKED = "consent_asked"
    CONSENT_ANSWERED = "consent_answered"
    GLASS_BROKEN = "glass_broken"
    GLASS_ATTESTED = "glass_attested"
    NUMBER_MADE = "number_made"
    NUMBER_USED = "number_used"
    MEANS_CHANGED = "means_changed"
    DOCUMENT_OPENED_TO = "document_opened_to"
    DOCUMENT_CLOSED_TO = "document_closed_to"
    ACCESS_CONTESTED = "access_contested"
    CONTEST_ANSWERED = "contest_answered"
    REQUEST_MADE = "request_made"
    REQUEST_HANDLED = "request_handled"
    REQUEST_ANSWERED = "request_answered"
    REQUEST_READ = "request_read"
    PREVIEWED = "previewed"
    TRAIL_READ = "trail_read"
    SHEET_READ = "sheet_read"
    IDENTITY_SEARCHED = "identity_searched"
    NUMBER_ATTACHED = "number_attached"
    CONTACT_CHANGED = "contact_changed"
    CONTACT_CODE_SENT = "contact_code_sent"
    EMERGENCY_CHANGED = "emergency_changed"
    REPRESENTATION_ADDED = "representation_added"
    REPRESENTATION_ENDED = "representation_ended"
    INVITED = "invited"
    OPENING_ASKED = "opening_asked"
    PASSWORD_RESET = "password_reset"  # noqa: S105 (an event)
    ACCESS_CODE_GIVEN = "access_code_given"
    ACCESS_RESTORED = "access_restored"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SESSIONS_CLOSED = "sessions_closed"
    EMAIL_CHANGED = "email_changed"
    STAFF_ADDED = "staff_added"
    STAFF_CHANGED = "staff_changed"
    STAFF_ENDED = "staff_ended"
    CLOCK_AVOWED = "clock_avowed"
    TRACES_EXPORTED = "traces_exported"
    CARE_FED = "care_fed"
    CARE_READ = "care_read"
    COPY_ASKED = "copy_asked"
    COPY_MADE = "copy_made"
    COPY_FETCHED = "copy_fetched"
    COPY_DESTROYED = "copy_destroyed"
    COPY_IMPORTED = "copy_imported"
    ENVELOPE_ASKED = "envelope_asked"
    ENVELOPE_PRINTED = "envelope_printed"
    ENVELOPE_HANDED = "envelope_handed"


COLUMNS = [
    "id",
    "dossier_id",
    "at",
    "event",
    "allowed",
    "ground",
    "mode",
    "actor_kind",
    "actor_id",
    "actor_name",
    "profession",
    "structure_id",
    "structure_name",
    "means",
    "on_behalf_of",
    "object_kind",
    "object_id",
    "object_type",
    "object_title",
    "reason",
    "channel",
    "request_id",
    "ip",
    "detail",
]
_NAMES = ", ".join(COLUMNS)
# A value chosen from (SELECT) says its type: bound by the server, it has none of its own.
_UUIDS = dict.fromkeys(("id", "dossier_id", "object_id"), "uuid")
_TYPES = _UUIDS | {"at": "timestamptz", "allowed": "bool", "detail": "jsonb"}
_SLOTS = ", ".join(f"%({name})s::{_TYPES.get(name, 'text')}" for name in COLUMNS)
# The rank enters the digest in the same statement that takes it: one round trip a trace, and the
# only lock is on the counter of this one dossier. Of a dossier that is destroyed nothing is written any more.
_INSERT = f"""
WITH known AS (SELECT id FROM patients_dossier WHERE id = %(dossier_id)s::uuid AND state <> 'destroyed'),
head AS (
    INSERT INTO audit_tracehead (dossier_id, seq) SELECT id, 1 FROM known
    ON CONFLICT (dossier_id) DO UPDATE SET seq = audit_tracehead.seq + 1 RETURNING seq)
INSERT INTO audit_trace ({_NAMES}, seq, salt, leaf)
SELECT {_SLOTS}, head.seq, %(salt)s::bytea,
    sha256('\\x00'::bytea || %(salt)s::bytea || int8send(head.seq) || %(body)s::bytea)
FROM head"""  # noqa: S608 (constant names)
_INSERT_ALONE = f"""
INSERT INTO audit_trace ({_NAMES}, seq, salt, leaf)
VALUES ({_SLOTS}, 0, %(salt)s::bytea,
    sha256('\\x00'::bytea || %(salt)s::bytea || int8send(0) || %(body)s::bytea))"""  # noqa: S608

# What a trace may not say once its dossier is destroyed: who the person was, what she had in it.
_FORGOTTEN: dict[str, Any] = {"object_id": None, "object_type": "", "object_title": "", "reason": "", "detail": {}}
_PERSON = dict.fromkeys(("actor_id", "actor_name", "on_behalf_of"), "")
_PERSONS = (ActorKind.HOLDER, ActorKind.REPRESENTATIVE, ActorKind.CARER)

_GIVE = """CREATE TEMPORARY TABLE IF NOT EXISTS trace_given (id uuid, dossier uuid, salt bytea, detail text)
ON COMMIT DELETE ROWS; DELETE FROM trace_given"""
_OWN = {"id": "given.id", "dossier_id": "given.dossier", "detail": "given.detail::jsonb"}
_EACH = ", ".join(_OWN.get(name, f"%({name})s::{_TYPES.get(name, 'text')}") for name in COLUMNS)
# The body that is digested differs by these three alone.
_BODY = "concat(%(one)s::text, detail, %(two)s::text, dossier, %(three)s::text, given.id, %(four)s::text)"
_INSERT_EACH = f"""
WITH head AS (
    INSERT INTO audit_tracehead AS known (dossier_id, seq) SELECT dossier, 1 FROM trace_given ORDER BY dossier
    ON CONFLICT (dossier_id) DO UPDATE SET seq = known.seq + 1 RETURNING dossier_id, seq)
INSERT INTO audit_trace ({_NAMES}, seq, salt, leaf)
SELECT {_EACH}, head.seq, given.salt,
    sha256('\\x00'::bytea || given.salt || int8send(head.seq) || convert_to({_BODY}, 'UTF8'))
FROM trace_given given JOIN head ON head.dossier_id = given.dossier"""  # noqa: S608
_compact = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical(row: dict[str, Any]) -> bytes:
    """What the leaf digest covers besides salt and rank: every column, as sorted compact JSON (UTF-8)."""
    return _compact(
        {
            name: value.astimezone(dt.UTC).isoformat(timespec="microseconds")
            if isinstance(value, dt.datetime)
            else str(value)
            if isinstance(value, uuid.UUID)
            else value
            for name, value in row.items()
        }
    ).encode()


def leaf_of(trace: Trace) -> bytes:
    """The digest this row must have (RFC 6962, 2.1 leaf prefix): 32 bytes."""
    body = canonical({name: getattr(trace, name) for name in COLUMNS})
    return sha256(b"\x00" + bytes(trace.salt) + struct.pack(">q", trace.seq) + body).digest()


def record(
    event: Event,
    *,
    by: Actor,
    dossier_id: uuid.UUID | None,
    allowed: bool = True,
    ground: str = "",
    mode: str = "normal",
    object_kind: str = "",
    object_id: uuid.UUID | None = None,
    object_type: str = "",
    object_title: str = "",
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> uuid.UUID:
    """Write one trace in the current transaction, and return its id. Raises `TrailDown`.

    Who was at work on a dossier while it was destroyed leaves a trace without dossier, that names no person.
    """
    source = origin()
    row: dict[str, Any] = {
        "id": uuid7(),
        "dossier_id": dossier_id or NO_DOSSIER,
        "at": timezone.now(),
        "event": event.value,
        "allowed": allowed,
        "ground": str(ground),
        "mode": mode,
        "actor_kind": by.kind.value,
        "actor_id": by.id,
        "actor_name": by.name[:200],
        "profession": by.profession,
        "structure_id": by.structure_id,
        "structure_name": by.structure_name[:200],
        "means": by.means,
        "on_behalf_of": by.on_behalf_of,
        "object_kind": object_kind,
        "object_id": object_id,
        "object_type": object_type,
        "object_title": object_title[:300],
        "reason": reason,
        "channel": source.channel,
        "request_id": source.request_id,
        "ip": source.ip,
        "detail": detail or {},
    }
    try:
        with connection.cursor() as cursor:
            if dossier_id is not None:
                cursor.execute(_INSERT, _values(row))
            if dossier_id is None or not cursor.rowcount:
                cursor.execute(_INSERT_ALONE, _values(row if dossier_id is None else _of_nobody(row, by)))
    except DatabaseError as error:
        raise TrailDown("La trace n'a pas pu être écrite.") from error
    key: uuid.UUID = row["id"]
    return key


def record_now(event: Event, *, by: Actor, dossier_id: uuid.UUID | None, **fields: Any) -> uuid.UUID:
    """`record`, committed before anything is answered: a refusal, a page that is read. Never within what may be
    undone.
    """
    with transaction.atomic(durable=True):
        return record(event, by=by, dossier_id=dossier_id, **fields)


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"salt": os.urandom(16), "body": canonical(row), "detail": json.dumps(row["detail"])}


def _of_nobody(row: dict[str, Any], by: Actor) -> dict[str, Any]:
    return row | {"dossier_id": NO_DOSSIER} | _FORGOTTEN | (_PERSON if by.kind in _PERSONS else {})


def record_each(event: Event, *, by: Actor, details: dict[uuid.UUID, dict[str, Any]], ground: str = "") -> None:
    """One trace in each of these dossiers, in one statement and in the order of their keys. Raises `TrailDown`."""
    if not details:
        return
    source = origin()
    shared = dict.fromkeys(COLUMNS, "") | {
        "at": timezone.now(),
        "event": event.value,
        "allowed": True,
        "ground": ground,
        "mode": "normal",
        "actor_kind": by.kind.value,
        "actor_id": by.id,
        "actor_name": by.name[:200],
        "means": by.means,
        "object_id": None,
        "channel": source.channel,
        "request_id": source.request_id,
        "ip": source.ip,
    }
    marks = {name: uuid.uuid4().hex for name in ("detail", "dossier_id", "id")}  # where each trace has its own
    parts = re.split('"{detail}"|{dossier_id}|{id}'.format_map(marks), canonical(shared | marks).decode())
    salts = os.urandom(16 * len(details)).hex()
    rows = [
        f"{key}\t{dossier_id}\t\\x{salts[32 * n : 32 * n + 32]}\t{_compact(detail)}"
        for n, (key, (dossier_id, detail)) in enumerate(zip(uuid7s(len(details)), details.items(), strict=True))
    ]
    try:
        with transaction.atomic(savepoint=False), connection.cursor() as cursor:
            cursor.execute(_GIVE)
            with cursor.copy("COPY trace_given FROM STDIN") as copy:
                copy.write("\n".join(rows).replace("\\", "\\\\") + "\n")
            cursor.execute(_INSERT_EACH, shared | dict(zip(("one", "two", "three", "four"), parts, strict=True)))
    except DatabaseError as error:
        raise TrailDown("Les traces n'ont pas pu être écrites.") from error


def broken(traces: Iterable[Trace]) -> list[uuid.UUID]:
    """The ids of rows whose digest no longer matches what they say."""
    return [trace.id for trace in traces if leaf_of(trace) != bytes(trace.leaf)]
