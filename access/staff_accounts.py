"""The accounts of agents and operators, as the operator makes and ends them: traced, none is deleted."""

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db import transaction

from access.models import CaisseGroupGrant, User
from access.sessions import trace_account
from audit.trail import Event
from patients.models import Caisse

STAFF = (User.Kind.AGENT, User.Kind.OPERATOR)


class NotDone(Exception):
    """Why, in words."""


def add(email: str, first: str, last: str, *, caisse: str = "") -> User:
    """An agent who serves this Caisse; an operator without one. No password: `access_code` gives the way in."""
    if User.objects.filter(email__iexact=email).exists():
        raise NotDone("Cette adresse a déjà un compte.")
    served = Caisse.objects.filter(code=caisse).first() if caisse else None
    if caisse and served is None:
        raise NotDone("Aucune caisse n'a ce code.")
    kind = User.Kind.AGENT if served else User.Kind.OPERATOR
    with transaction.atomic():
        user = User.objects.create_user(
            email, kind=kind, first_name=first, last_name=last, is_staff=True, is_superuser=served is None
        )
        if served is not None:
            user.groups.add(_group(served))
        trace_account(user, Event.STAFF_ADDED, means="commande", detail={"kind": kind.value})
    return user


def _group(caisse: Caisse) -> Group:
    group, _ = Group.objects.get_or_create(name=f"Guichet {caisse.name}")
    serve = Permission.objects.get(codename="serve_caisse", content_type__app_label="patients")
    CaisseGroupGrant.objects.get_or_create(content_object=caisse, group=group, permission=serve)
    return group


def end(email: str) -> User:
    """Out at once, sessions included; the account stays, for what it did is traced under its name."""
    with transaction.atomic():
        user = User.objects.select_for_update(of=("self",)).filter(email__iexact=email, kind__in=STAFF).first()
        if user is None or not user.is_active:
            raise NotDone("Aucun compte actif de guichet ou d'exploitation à cette adresse.")
        user.is_active = False
        user.save(update_fields=["is_active"])
        keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
        Session.objects.filter(session_key__in=list(keys)).delete()
        trace_account(user, Event.STAFF_ENDED, means="commande")
    return user
