"""The person at the gate: which dossier this account is looking at, and every holder's page's frame.

A person may hold her own dossier and represent others (a parent): she chooses, the choice stays in the
session and in sight, and each trace says in which quality she acted. The choice is no right: the gate asks
again at each request. A professional's account never lands here, even when its owner has a dossier (A8).
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from access import gate, sessions
from access.facts import Act, Ground, Role
from access.gate import Caller, Entry
from access.models import Representation, User
from access.words import polite, refusal_to_holder
from audit.trail import ActorKind, Event, TrailDown
from patients import dossiers

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
SESSION_KEY = "dossier"
ROLES = {
    Representation.Role.HOLDER: "votre dossier",
    Representation.Role.PARENT: "vous êtes son parent",
    Representation.Role.GUARDIAN: "vous êtes son tuteur",
    Representation.Role.CARER: "vous êtes son aidant",
}

ABSENT = (Ground.NOT_ENTITLED, Ground.NOT_CONCERNED)


class NotAPerson(Exception):
    """A professional's, an agent's or an operator's account: the pages of a holder are not for it."""


class NotChosen(Exception):
    """No dossier is chosen yet, and there is not exactly one."""


@dataclass(frozen=True)
class Choice:
    """A dossier this account may look at."""

    dossier_id: uuid.UUID
    name: str
    quality: str
    role: Representation.Role = Representation.Role.HOLDER
    rights: tuple[str, ...] = ()  # of a carer


def choices(user: User) -> list[Choice]:
    """The dossiers this account speaks for: its own first. A parent's end with the majority."""
    rows = Representation.objects.running().filter(user=user, role__in=ROLES)
    rows = rows.exclude(dossier__state="destroyed").select_related("dossier__patient")
    known: dict[uuid.UUID, Choice] = {}
    for row in sorted(rows, key=lambda row: row.role != Representation.Role.HOLDER):
        role = Representation.Role(row.role)
        of_age = dossiers.of_age(row.dossier.patient.birth_date, timezone.now())
        if role == (Representation.Role.PARENT if of_age else Representation.Role.HOLDER):  # D11
            continue
        choice = Choice(
            row.dossier_id, polite(row.dossier.patient.name), ROLES[role], role, tuple(sorted(row.rights))
        )
        known.setdefault(row.dossier_id, choice)
    return list(known.values())


def choose(request: HttpRequest, choice: Choice, *, several: bool) -> None:
    """Look at this dossier from now on. Another quality is another session key (I4)."""
    if SESSION_KEY in request.session:
        request.session.cycle_key()
    request.session[SESSION_KEY] = {
        "id": choice.dossier_id.hex,
        "name": choice.name,
        "quality": choice.quality,
        "several": several,
        "carer": choice.role == Representation.Role.CARER,
        "rights": list(choice.rights),
    }


def person(request: HttpRequest) -> User:
    """The signed-in account. Raises `NotAPerson`."""
    user = request.user
    if not isinstance(user, User) or user.kind != User.Kind.PERSON:
        raise NotAPerson
    return user


def dossier_of(request: HttpRequest) -> uuid.UUID:
    """The dossier looked at; the only one is chosen by itself. Raises `NotAPerson`, `NotChosen`."""
    user = person(request)
    chosen = request.session.get(SESSION_KEY)
    if chosen:
        return uuid.UUID(chosen["id"])
    found = choices(user)
    if len(found) != 1:
        raise NotChosen
    choose(request, found[0], several=False)
    return found[0].dossier_id


def carers_rights(request: HttpRequest) -> tuple[str, ...] | None:
    """What a carer may do in the dossier chosen, as the table says now; None for who is no carer. Raises `Absent`.

    Only names of doors, and nothing of the dossier: each door asks the gate again.
    """
    wanted = dossier_of(request)
    if not request.session[SESSION_KEY].get("carer"):
        return None
    found = next((one for one in choices(person(request)) if one.dossier_id == wanted), None)
    if found is None or found.role != Representation.Role.CARER:
        request.session.pop(SESSION_KEY, None)
        raise gate.Absent
    request.session[SESSION_KEY] = request.session[SESSION_KEY] | {"rights": list(found.rights)}
    return found.rights


def caller(request: HttpRequest) -> Caller:
    """The person at the gate; her quality (holder, representative) is found there."""
    user = person(request)
    return Caller(user, user.actor(ActorKind.HOLDER, means=sessions.means_of(request, user)))


@contextmanager
def enter(request: HttpRequest, act: Act, event: Event, **options: Any) -> Iterator[Entry]:
    """Through the gate, into the dossier this person is looking at. What her menu shows follows her rights."""
    with gate.enter(caller(request), act, event, dossier_id=dossier_of(request), **options) as entry:
        shown = {"carer": entry.facts.role is Role.CARER, "rights": sorted(entry.facts.rights)}
        chosen = request.session[SESSION_KEY]
        if any(chosen.get(name) != value for name, value in shown.items()):
            request.session[SESSION_KEY] = chosen | shown
        yield entry


def page(view: View[P]) -> View[P]:
    """A page of the holder: what stops her at the door is said in words; what is absent is 404."""

    @wraps(view)
    def framed(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotAPerson:
            return render(request, "access/not_a_person.html", status=403)
        except NotChosen:
            return redirect("dossiers")
        except gate.Refused as error:
            return refused(request, error)
        except gate.Absent as error:
            raise Http404 from error
        except TrailDown:
            return render(request, "access/trail_down.html", status=503)

    return framed


def refused(request: HttpRequest, error: gate.Refused) -> HttpResponse:
    """What is not hers is absent. A dossier that closed, or whose holder came of age, is said: she knew it."""
    ground = error.decision.ground
    if ground in ABSENT:
        raise Http404
    context = {"ground": ground.value, "words": refusal_to_holder(ground)}
    return render(request, "access/refused.html", context, status=403)
