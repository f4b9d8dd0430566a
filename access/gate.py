"""The one door to a dossier's content.

Whatever lists, searches, opens, exports or previews a dossier, or writes in it, passes here: facts
(one query), decision (pure), trace (committed before a byte leaves), then the caller's own code.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from access.models import User
from access.policy import Act, Decision, Facts, Ground, Role, Scope, decide
from audit import trail
from audit.trail import Actor, ActorKind, Event
from patients.ins import Ins
from patients.models import Dossier


class Refused(Exception):
    """The policy said no; the refusal is in the trail."""

    def __init__(self, decision: Decision, dossier: Dossier | None) -> None:
        super().__init__(decision.ground)
        self.decision = decision
        self.dossier = dossier


class Absent(Exception):
    """No such dossier, or no such document for this actor: the same answer for both."""


@dataclass(frozen=True)
class Caller:
    """Who stands at the door: the account, and how he is named in the trail."""

    user: User | None
    actor: Actor
    role: Role = Role.OTHER  # persons: found in the facts

    @property
    def author(self) -> str:
        """The reference his documents carry."""
        return self.actor.id


@dataclass
class Entry:
    """Inside the door: the dossier, the decision, and the duty to trace."""

    dossier: Dossier
    caller: Caller
    decision: Decision
    facts: Facts
    event: Event
    traced: bool = False

    @property
    def scope(self) -> Scope:
        assert self.decision.scope is not None
        return self.decision.scope

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    def trace(self, event: Event | None = None, **fields: Any) -> None:
        trail.record(
            event or self.event,
            by=self.caller.actor,
            dossier_id=self.dossier.pk,
            ground=self.decision.ground,
            **fields,
        )
        self.traced = True


@contextmanager
def enter(
    caller: Caller,
    act: Act,
    event: Event,
    *,
    dossier_id: uuid.UUID | None = None,
    ins: Ins | None = None,
    lock: bool = False,
    object_id: uuid.UUID | None = None,
) -> Iterator[Entry]:
    """Open one durable transaction on one dossier; the body traces what it did, or nothing is kept.

    Raises `Refused` or `Absent` (both traced, in a transaction of their own), `trail.TrailDown`.
    """
    refusal: Decision | None = None
    dossier: Dossier | None = None
    try:
        with transaction.atomic(durable=True):
            dossier, facts = look(caller, dossier_id=dossier_id, ins=ins, lock=lock)
            caller = _as_he_stands(caller, facts)
            decision = decide(act, facts)
            if not decision:
                refusal = decision
            else:
                entry = Entry(dossier, caller, decision, facts, event)
                yield entry
                if not entry.traced:
                    raise trail.TrailDown("Un accès n'a pas laissé de trace.")
    except Absent:
        _trace_refusal(caller, event, dossier, "absent", object_id)
        raise
    if refusal is not None:
        _trace_refusal(caller, event, dossier, refusal.ground, object_id)
        raise Refused(refusal, dossier)


def look(
    caller: Caller, *, dossier_id: uuid.UUID | None = None, ins: Ins | None = None, lock: bool = False
) -> tuple[Dossier, Facts]:
    """The dossier and the facts about this caller, in one query. Raises `Absent`."""
    at = timezone.now()
    parameters = {
        "at": at,
        "dossier": dossier_id,
        "lookup": ins.lookup if ins is not None else None,
        "user": caller.user.pk if caller.user is not None else None,
        "profession": caller.actor.profession,
    }
    about = _ABOUT_PROFESSIONAL if caller.role is Role.PROFESSIONAL else _ABOUT_PERSON
    where = _BY_IDENTITY if ins is not None else _BY_ID
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_DOSSIER}, {about} {where}{_LOCK if lock else ''}", parameters)
        row = cursor.fetchone()
    if row is None:
        raise Absent
    dossier = Dossier.from_db(connection.alias, _FIELDS, row[: len(_FIELDS)])
    if dossier.state == Dossier.State.DESTROYED:
        raise Absent
    return dossier, _facts(caller, dossier, at, row[len(_FIELDS) :])


# The question every request asks, written out: building it with the ORM cost ten times what PostgreSQL takes to
# answer. Rights are read where guardian keeps them; past its `until` a right is none.
_FIELDS = [field.attname for field in Dossier._meta.concrete_fields]
_DOSSIER = ", ".join(f"d.{field.column}" for field in Dossier._meta.concrete_fields)
_RUNS = "since <= %(at)s AND (until IS NULL OR until > %(at)s)"
_HERE = "dossier_id = d.id AND user_id = %(user)s"
_BY_ID = "FROM patients_dossier d WHERE d.id = %(dossier)s"
_BY_IDENTITY = (
    "FROM patients_dossier d WHERE d.id = (SELECT dossier_id FROM patients_identityindex WHERE lookup = %(lookup)s)"
)
_LOCK = " FOR NO KEY UPDATE OF d"
_ABOUT_PERSON = f"ARRAY(SELECT role FROM access_representation WHERE {_HERE} AND {_RUNS})"  # noqa: S608
_ABOUT_PROFESSIONAL = f"""
    ARRAY(SELECT codename FROM access_dossiergrant g JOIN auth_permission p ON p.id = g.permission_id
          WHERE {_HERE} AND {_RUNS}),
    EXISTS(SELECT 1 FROM access_dossiergrant g JOIN auth_permission p ON p.id = g.permission_id
           WHERE {_HERE} AND codename = 'consult_dossier'),
    EXISTS(SELECT 1 FROM access_block WHERE {_HERE} AND {_RUNS}),
    (SELECT readable FROM access_matrixrow m JOIN access_matrixversion v ON v.id = m.version_id
     WHERE profession = %(profession)s AND effective_from <= %(at)s ORDER BY effective_from DESC LIMIT 1),
    ARRAY(SELECT content_object_id FROM documents_documentgrant WHERE {_HERE} AND {_RUNS})
"""  # noqa: S608 (constant text)


def _facts(caller: Caller, dossier: Dossier, at: dt.datetime, found: Sequence[Any]) -> Facts:
    if caller.role is not Role.PROFESSIONAL:
        return Facts(role=_role(caller, found[0]), dossier_id=dossier.pk, at=at, is_open=dossier.is_open)
    rights, had, blocked, readable, documents = found
    return Facts(
        role=Role.PROFESSIONAL,
        dossier_id=dossier.pk,
        at=at,
        is_open=dossier.is_open,
        author=caller.author,
        blocked=blocked,
        authorised="consult_dossier" in rights,
        expired=had and "consult_dossier" not in rights,
        treating="consult_masked" in rights,
        documents=frozenset(documents),
        readable=frozenset(readable or ()),
    )


def _role(caller: Caller, roles: list[str]) -> Role:
    """How a person stands to this dossier: herself first, then parent or guardian, then carer."""
    if not roles:
        return caller.role
    if "holder" in roles:
        return Role.HOLDER
    return Role.CARER if set(roles) == {"carer"} else Role.REPRESENTATIVE


_KINDS = {
    Role.HOLDER: ActorKind.HOLDER,
    Role.REPRESENTATIVE: ActorKind.REPRESENTATIVE,
    Role.CARER: ActorKind.CARER,
}


def _as_he_stands(caller: Caller, facts: Facts) -> Caller:
    """A person's quality is known from the dossier he is looking at: it goes in the trail."""
    if caller.role is facts.role or facts.role not in _KINDS:
        return caller
    actor = Actor(_KINDS[facts.role], caller.actor.id, caller.actor.name, means=caller.actor.means)
    return Caller(caller.user, actor, facts.role)


def _trace_refusal(
    caller: Caller, event: Event, dossier: Dossier | None, ground: str | Ground, object_id: uuid.UUID | None
) -> None:
    with transaction.atomic(durable=True):
        trail.record(
            event,
            by=caller.actor,
            dossier_id=dossier.pk if dossier else None,
            allowed=False,
            ground=ground,
            object_id=object_id,
        )
