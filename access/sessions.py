"""The opening of a session is an act, and every act is traced (rules.md section 4, article R1111-43).

A person's goes in the trail of each dossier she may look at from then on, in the quality she has there: its
holder reads « X a ouvert une session » even when X then opened nothing. That of an agent or an operator
concerns no dossier. A professional opens none: each of his requests carries his token, and its own trace.
"""

import uuid

from allauth.account.authentication import get_authentication_records
from django.db import transaction
from django.http import HttpRequest

from access.models import Representation, User
from audit import trail
from audit.trail import ANONYMOUS, Actor, ActorKind, Event

NOBODY = uuid.UUID(int=0)
KINDS = {
    Representation.Role.HOLDER: ActorKind.HOLDER,
    Representation.Role.PARENT: ActorKind.REPRESENTATIVE,
    Representation.Role.GUARDIAN: ActorKind.REPRESENTATIVE,
}


def means_of(request: HttpRequest, user: User) -> str:
    """How this session was opened: `password+code`, `mfa`…"""
    methods = [str(record["method"]) for record in get_authentication_records(request, user)]
    return ("+".join(dict.fromkeys(methods)) or "compte")[:40]


def trace_opening(request: HttpRequest, user: User, detail: dict[str, object] | None = None) -> None:
    """Before the session exists: no trace, no session. Raises `TrailDown`."""
    trace_account(user, Event.SIGNED_IN, means=means_of(request, user), detail=detail)


def trace_refusal(email: str, by: Actor = ANONYMOUS) -> None:
    """A sign-in refused. Of an account that exists, in the trail of its holder, who sees that somebody tries.

    Of an address without account nothing is kept. The statements are the same for both, and as many.
    """
    row = User.objects.filter(email=email.lower()).values_list("pk", "emailaddress").first()
    account, has_address = row or (None, None)
    if has_address:  # allauth asks one question more about an address it does not find among its own
        User.objects.filter(email=email.lower()).exists()
    own = Representation.objects.running().filter(user=account or NOBODY, role=Representation.Role.HOLDER)
    dossier_id = own.values_list("dossier_id", flat=True).first()
    with transaction.atomic():
        trail.record(
            Event.SIGN_IN_REFUSED,
            by=by,
            dossier_id=dossier_id,
            allowed=False,
            object_kind="account",
            object_id=account,
        )


def trace_account(user: User, event: Event, *, means: str, detail: dict[str, object] | None = None) -> None:
    """One transaction a dossier that this account may look at. Raises `TrailDown`."""
    for dossier_id, kind in _qualities(user).items():
        with transaction.atomic():
            by = user.actor(kind, means=means)
            trail.record(event, by=by, dossier_id=dossier_id, object_kind="account", detail=detail)


def _qualities(user: User) -> dict[uuid.UUID | None, ActorKind | None]:
    if user.kind != User.Kind.PERSON:
        return {None: None}
    rows = Representation.objects.running().filter(user=user, role__in=KINDS).exclude(dossier__state="destroyed")
    held = sorted(rows.values_list("dossier_id", "role"), key=lambda row: row[1] == Representation.Role.HOLDER)
    # The holder last: of two qualities in one dossier, hers is the one that is kept.
    return {dossier_id: KINDS[Representation.Role(role)] for dossier_id, role in held} or {None: None}
