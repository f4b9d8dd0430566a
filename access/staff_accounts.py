"""The accounts of agents and operators, as an operator makes, changes and ends them: none is deleted.

Each act writes the account's history, with its author and the reason, and one trace that concerns no dossier.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db import transaction

from access import recovery
from access.models import CaisseGroupGrant, User
from audit import trail
from audit.trail import Actor, Event
from patients.models import Caisse

STAFF = (User.Kind.AGENT, User.Kind.OPERATOR)


class NotDone(Exception):
    """Why, in words."""


def add(email: str, first: str, last: str, *, caisse: str = "", by: Actor, reason: str) -> User:
    """An agent who serves this Caisse; an operator without one. No password: `access_code` gives the way in."""
    if User.objects.filter(email__iexact=email).exists():
        raise NotDone("Cette adresse a déjà un compte.")
    served = _caisse(caisse) if caisse else None
    user = User(email=User.objects.normalize_email(email), first_name=first, last_name=last, is_staff=True)
    user.set_unusable_password()
    with transaction.atomic():
        _become(user, served)
        _save(user, by, reason)
        if served is not None:
            user.groups.add(_group(served, by, reason))
        _trace(Event.STAFF_ADDED, user, by, reason, kind=user.kind, caisse=caisse)
    return user


def end(email: str, *, by: Actor, reason: str) -> User:
    """Out at once, sessions included; the account stays, for what it did is traced under its name."""
    with _changing(email, active=True) as user:
        _leave_one(user)
        user.is_active = False
        _save(user, by, reason)
        _sign_out(user)
        _trace(Event.STAFF_ENDED, user, by, reason)
    return user


def take_back(email: str, *, by: Actor, reason: str) -> User:
    """The account is good again, with what it served; its password and its second factor do not come back."""
    with _changing(email, active=False) as user:
        user.is_active = True
        user.set_unusable_password()
        _save(user, by, reason)
        Authenticator.objects.filter(user=user).delete()
        _trace(Event.STAFF_CHANGED, user, by, reason, act="take_back")
    return user


def serve(email: str, caisse: str, *, by: Actor, reason: str) -> User:
    with _changing(email, active=True) as user:
        if user.kind != User.Kind.AGENT:
            raise NotDone("Un exploitant ne sert aucune caisse : staff role --caisse en fait un agent.")
        user.groups.add(_group(_caisse(caisse), by, reason))
        _save(user, by, reason)
        _trace(Event.STAFF_CHANGED, user, by, reason, act="serve", caisse=caisse)
    return user


def leave(email: str, caisse: str, *, by: Actor, reason: str) -> User:
    """He serves this Caisse no more; the others he served, he still does."""
    with _changing(email, active=True) as user:
        groups = list(
            user.groups.filter(pk__in=CaisseGroupGrant.objects.filter(content_object=caisse).values("group"))
        )
        if not groups:
            raise NotDone("Il ne sert pas cette caisse.")
        if CaisseGroupGrant.objects.filter(group__in=groups).exclude(content_object=caisse).exists():
            raise NotDone("Son groupe sert aussi une autre caisse : changez ses groupes dans « Tables et comptes ».")
        user.groups.remove(*groups)
        _save(user, by, reason)
        _trace(Event.STAFF_CHANGED, user, by, reason, act="leave", caisse=caisse)
    return user


def change_role(email: str, *, caisse: str = "", by: Actor, reason: str) -> User:
    """An agent of this Caisse and of no other; an operator without one. He signs in anew."""
    served = _caisse(caisse) if caisse else None
    with _changing(email, active=True) as user:
        if served is not None:
            _leave_one(user)
        _become(user, served)
        user.groups.set([_group(served, by, reason)] if served is not None else [])
        _save(user, by, reason)
        _sign_out(user)
        _trace(Event.STAFF_CHANGED, user, by, reason, act="role", kind=user.kind, caisse=caisse)
    return user


def reset(email: str, *, by: Actor, reason: str) -> tuple[User, str]:
    """The telephone is lost: no second factor is left, and nobody comes in without the code that this returns."""
    with _changing(email, active=True) as user:
        Authenticator.objects.filter(user=user).delete()
        _save(user, by, reason)
        _sign_out(user)
        _trace(Event.STAFF_CHANGED, user, by, reason, act="reset")
        return user, recovery.hand_over(user, by=by, evidence="exploitant")


@contextmanager
def _changing(email: str, *, active: bool) -> Iterator[User]:
    with transaction.atomic():
        rows = User.objects.select_for_update(of=("self",)).filter(email__iexact=email, kind__in=STAFF)
        user = rows.filter(is_active=active).first()
        if user is None:
            state = "actif" if active else "fermé"
            raise NotDone(f"Aucun compte {state} de guichet ou d'exploitation à cette adresse.")
        yield user


def _become(user: User, served: Caisse | None) -> None:
    user.kind = User.Kind.AGENT if served is not None else User.Kind.OPERATOR
    user.is_superuser = served is None


def _leave_one(user: User) -> None:
    """Somebody must be able to sign what is done next."""
    others = User.objects.filter(kind=User.Kind.OPERATOR, is_active=True).exclude(pk=user.pk)
    if user.kind == User.Kind.OPERATOR and not others.exists():
        raise NotDone("C'est le dernier exploitant : ajoutez-en un autre d'abord.")


def _caisse(code: str) -> Caisse:
    found = Caisse.objects.filter(code=code).first()
    if found is None:
        raise NotDone("Aucune caisse n'a ce code.")
    return found


def _group(caisse: Caisse, by: Actor, reason: str) -> Group:
    group, _ = Group.objects.get_or_create(name=f"Guichet {caisse.name}")
    serve = Permission.objects.get(codename="serve_caisse", content_type__app_label="patients")
    if not CaisseGroupGrant.objects.filter(content_object=caisse, group=group, permission=serve).exists():
        grant = CaisseGroupGrant(content_object=caisse, group=group, permission=serve)
        grant._history_user, grant._change_reason = by, reason  # type: ignore[attr-defined]
        grant.save()
    return group


def _save(user: User, by: Actor, reason: str) -> None:
    """One row of history an act, even when what changed is beside the account: his groups, his second factor."""
    user._history_user, user._change_reason = by, reason  # type: ignore[attr-defined]
    user.save()


def _sign_out(user: User) -> None:
    keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(keys)).delete()


def _trace(event: Event, user: User, by: Actor, reason: str, **detail: Any) -> None:
    said = {name: value for name, value in detail.items() if value}
    trail.record(event, by=by, dossier_id=None, object_kind="account", object_id=user.pk, reason=reason, detail=said)
