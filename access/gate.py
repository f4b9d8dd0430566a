"""The one door to a dossier's content.

Whatever lists, searches, opens, exports or previews a dossier, or writes in it, passes here: facts
(one query), decision (pure), trace (committed before a byte leaves), then the caller's own code.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject
from django.utils import timezone

from access.models import Block, DossierGrant, MatrixRow, Representation, User
from access.policy import Act, Decision, Facts, Ground, Role, Scope, decide
from audit import trail
from audit.trail import Actor, ActorKind, Event
from patients.ins import Ins
from patients.models import Dossier, IdentityIndex


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
    rows = Dossier.objects.all()
    if ins is not None:
        known = IdentityIndex.objects.filter(lookup=ins.lookup).values("dossier_id")[:1]
        rows = rows.filter(pk=Subquery(known))
    else:
        rows = rows.filter(pk__in=[dossier_id] if dossier_id else [])
    if caller.user is not None:
        rows = rows.annotate(**_about(caller, caller.user, at))
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    dossier = rows.first()
    if dossier is None or dossier.state == Dossier.State.DESTROYED:
        raise Absent
    return dossier, _facts(caller, dossier, at)


def _about(caller: Caller, user: User, at: dt.datetime) -> dict[str, Any]:
    running = Q(since__lte=at) & (Q(until=None) | Q(until__gt=at))
    here = {"dossier": OuterRef("pk"), "user": user}
    if caller.role is not Role.PROFESSIONAL:
        roles = Representation.objects.filter(running, **here).values("role")
        return {"found_roles": ArraySubquery(roles)}
    grants = DossierGrant.objects.filter(content_object=OuterRef("pk"), user=user).values(
        found=JSONObject(right=F("permission__codename"), runs=running)
    )
    blocks = Block.objects.filter(running, **here)
    matrix = MatrixRow.objects.filter(profession=caller.actor.profession, version__effective_from__lte=at)
    opened = Dossier._meta.get_field("document_grants").related_model
    assert isinstance(opened, type) and issubclass(opened, models.Model)
    return {
        "found_grants": ArraySubquery(grants),
        "found_block": Exists(blocks),
        "found_readable": Subquery(matrix.order_by("-version__effective_from").values("readable")[:1]),
        "found_documents": ArraySubquery(opened._default_manager.filter(running, **here).values("content_object_id")),
    }


def _facts(caller: Caller, dossier: Dossier, at: dt.datetime) -> Facts:
    found = dossier.__dict__
    role = caller.role
    if roles := found.get("found_roles"):
        role = Role.HOLDER if "holder" in roles else Role.CARER if set(roles) == {"carer"} else Role.REPRESENTATIVE
    grants = found.get("found_grants") or []
    consult = [grant["runs"] for grant in grants if grant["right"] == "consult_dossier"]
    return Facts(
        role=role,
        dossier_id=dossier.pk,
        at=at,
        is_open=dossier.is_open,
        author=caller.author if role is Role.PROFESSIONAL else "",
        blocked=bool(found.get("found_block")),
        authorised=any(consult),
        expired=bool(consult) and not any(consult),
        treating=any(grant["runs"] for grant in grants if grant["right"] == "consult_masked"),
        documents=frozenset(found.get("found_documents") or ()),
        readable=frozenset(found.get("found_readable") or ()),
    )


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
