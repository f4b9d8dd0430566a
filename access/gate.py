"""The one door to a dossier's content.

Whatever lists, searches, opens, exports or previews a dossier, or writes in it, passes here: facts
(one query), decision (pure), trace (committed before a byte leaves), then the caller's own code.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from access.facts import PERSONS, Act, Authorisation, Facts, Ground, Purpose, Role
from access.models import AUTHORISED, TREATING, DossierGrant, EmergencyAccess, User
from access.policy import Decision, Scope, decide
from audit import trail
from audit.trail import Actor, ActorKind, Event
from patients import notices, terms
from patients.dossiers import of_age
from patients.ins import Ins
from patients.models import Dossier, Notice

SECRET = "secret"  # noqa: S105 (the mode of the traces of a secret session)


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
    """Who stands at the door: the account, how he is named in the trail, and what his token says of him."""

    user: User | None
    actor: Actor
    role: Role = Role.OTHER  # persons: found in the facts
    purpose: Purpose = Purpose.CARE
    regulator: bool = False
    needs_express: bool = False  # D18
    # What the gate found at each entry of this request: whether he is in an emergency mode is shown all along.
    seen: list[Facts] = field(default_factory=list, compare=False, repr=False)

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

    @property
    def secret(self) -> bool:
        """A secret session with a minor: what is done in it does not exist for who represents him (D11)."""
        return _is_secret(self.caller, self.facts)

    def trace(self, event: Event | None = None, **fields: Any) -> None:
        trail.record(
            event or self.event,
            by=self.caller.actor,
            dossier_id=self.dossier.pk,
            ground=self.decision.ground,
            mode=SECRET if self.secret else self.decision.mode,
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
    secret = False
    try:
        with transaction.atomic(durable=True):
            dossier, facts = look(caller, dossier_id=dossier_id, ins=ins, lock=lock)
            caller.seen.append(facts)
            caller = _as_he_stands(caller, facts)
            secret, decision = _is_secret(caller, facts), decide(act, facts)
            if not decision:
                refusal = decision
            else:
                entry = Entry(dossier, caller, decision, facts, event)
                yield entry
                if not entry.traced:
                    raise trail.TrailDown("Un accès n'a pas laissé de trace.")
                if decision.ground is Ground.REGULATION:
                    notices.tell(dossier.pk, Notice.Kind.EMERGENCY, once_a_day=True)  # R1111-48
    except Absent:
        _trace_refusal(caller, event, dossier.pk if dossier else dossier_id, "absent", object_id, secret)
        raise
    if refusal is not None:
        _trace_refusal(caller, event, dossier.pk if dossier else dossier_id, refusal.ground, object_id, secret)
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
_BIRTH = "(SELECT birth_date FROM patients_patient p WHERE p.dossier_id = d.id)"
_ABOUT_PERSON = f"""
    (SELECT json_agg(json_build_array(role, rights)) FROM access_representation WHERE {_HERE} AND {_RUNS}),
    {_BIRTH}
"""  # noqa: S608 (constant text)
_ABOUT_PROFESSIONAL = f"""
    (SELECT json_agg(json_build_array(codename, {_RUNS}, extent, families, express))
     FROM access_dossiergrant g JOIN auth_permission p ON p.id = g.permission_id WHERE {_HERE}),
    EXISTS(SELECT 1 FROM access_block WHERE {_HERE} AND {_RUNS}),
    (SELECT readable FROM access_matrixrow WHERE profession = %(profession)s AND version_id =
     (SELECT id FROM access_matrixversion WHERE effective_from <= %(at)s ORDER BY effective_from DESC LIMIT 1)),
    ARRAY(SELECT content_object_id FROM documents_documentgrant WHERE {_HERE} AND {_RUNS}),
    ARRAY(SELECT kind FROM access_emergencyaccess WHERE {_HERE} AND {_RUNS}),
    {_BIRTH}
"""  # noqa: S608 (constant text)


def _facts(caller: Caller, dossier: Dossier, at: dt.datetime, found: Sequence[Any]) -> Facts:
    common: dict[str, Any] = {
        "dossier_id": dossier.pk,
        "at": at,
        "is_open": dossier.is_open,
        "minor": found[-1] is not None and not of_age(found[-1], at),
    }
    if caller.role is not Role.PROFESSIONAL:
        role, rights = _standing(caller, found[0] or [], minor=common["minor"])
        return Facts(role=role, rights=rights, **common)
    rows, blocked, readable, documents, emergencies, _ = found
    held = {codename: limits for codename, runs, *limits in rows or [] if runs}
    had = any(codename == AUTHORISED for codename, *_ in rows or [])
    return Facts(
        role=Role.PROFESSIONAL,
        author=caller.author,
        purpose=caller.purpose,
        regulator=caller.regulator,
        needs_express=caller.needs_express,
        blocked=blocked,
        authorisation=_authorisation(*held[AUTHORISED]) if AUTHORISED in held else None,
        expired=had and AUTHORISED not in held,
        treating=TREATING in held,
        broke_glass=EmergencyAccess.Kind.BREAK_GLASS in emergencies,
        typed_number=EmergencyAccess.Kind.NUMBER in emergencies,
        documents=frozenset(documents),
        readable=frozenset(readable or ()),
        vital=frozenset(terms.table("vital")) if EmergencyAccess.Kind.NUMBER in emergencies else frozenset(),
        allows_break_glass=dossier.allows_break_glass,
        allows_regulation=dossier.allows_regulation,
        shows_masked_in_emergency=dossier.shows_masked_in_emergency,
        **common,
    )


def _authorisation(extent: str, families: list[str], express: bool) -> Authorisation:
    limited = extent == DossierGrant.Extent.LIMITED
    return Authorisation(
        types=types_of(families) if limited else None,
        emergency_only=extent == DossierGrant.Extent.EMERGENCY,
        express=express,
    )


def types_of(families: Collection[str]) -> frozenset[str]:
    """The types of documents of these families."""
    return frozenset(code for code, term in terms.table("types").items() if term.extra["family"] in families)


def _standing(caller: Caller, rows: list[tuple[str, list[str]]], *, minor: bool) -> tuple[Role, frozenset[str]]:
    """How a person stands to this dossier: herself first, then guardian, then parent, then carer.

    Past the majority a parent has no right left as such: if the holder made a carer of him, that is what he is.
    """
    held = {role: rights for role, rights in rows}
    family = (Role.PARENT, Role.CARER) if minor else (Role.CARER, Role.PARENT)
    for role in (Role.HOLDER, Role.GUARDIAN, *family):
        if role in held:
            return role, frozenset(held[role])
    # A quality found at an earlier question is not kept: it may have ended since.
    return Role.OTHER if caller.role in PERSONS else caller.role, frozenset()


_KINDS = {
    Role.HOLDER: ActorKind.HOLDER,
    Role.PARENT: ActorKind.REPRESENTATIVE,
    Role.GUARDIAN: ActorKind.REPRESENTATIVE,
    Role.CARER: ActorKind.CARER,
}


def _as_he_stands(caller: Caller, facts: Facts) -> Caller:
    """A person's quality is known from the dossier he is looking at: it goes in the trail."""
    if facts.role not in _KINDS:
        return caller
    return replace(caller, actor=replace(caller.actor, kind=_KINDS[facts.role]), role=facts.role)


def _is_secret(caller: Caller, facts: Facts) -> bool:
    return caller.role is Role.PROFESSIONAL and caller.purpose is Purpose.SECRET and facts.minor


def _trace_refusal(
    caller: Caller,
    event: Event,
    dossier_id: uuid.UUID | None,
    ground: str | Ground,
    object_id: uuid.UUID | None,
    secret: bool,
) -> None:
    trail.record_now(
        event,
        by=caller.actor,
        dossier_id=dossier_id,
        allowed=False,
        ground=ground,
        mode=SECRET if secret else "normal",
        object_id=object_id,
    )
