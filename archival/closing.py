"""What the operator closes, on proof: a fraud, a double, a death. He alone undoes it (`requests.may_undo`)."""

import uuid

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from access.models import Representation, User
from audit.trail import Actor
from patients import dossiers, notices
from patients.models import Dossier, Notice


def close_on_proof(dossier_id: uuid.UUID, closure: Dossier.Closure, *, evidence: str, by: Actor) -> None:
    """The person is told, but the dead. Raises ValidationError."""
    with transaction.atomic():
        dossiers.close(dossier_id, closure=closure, by=by, reason=evidence)
        if closure == Dossier.Closure.DEATH:
            _end_access(dossier_id)
        else:
            notices.tell_all(dossier_id, Notice.Kind.DOSSIER_CLOSED)


def _end_access(dossier_id: uuid.UUID) -> None:
    """Whoever uses the account of a dead person is not she: out at once, here and in what she followed for others."""
    accounts = _holders(dossier_id)
    _set_active(accounts, active=False)
    keys = UserSession.objects.filter(user__in=accounts).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(keys)).delete()


def give_back_access(dossier_id: uuid.UUID) -> None:
    """She was not dead. Nothing else makes a person's account inactive."""
    _set_active(_holders(dossier_id), active=True)


def _set_active(accounts: list[User], *, active: bool) -> None:
    for account in accounts:
        account.is_active = active
        account.save(update_fields=["is_active"])


def _holders(dossier_id: uuid.UUID) -> list[User]:
    rows = Representation.objects.running().filter(dossier_id=dossier_id, role=Representation.Role.HOLDER)
    return list(User.objects.filter(pk__in=list(rows.values_list("user_id", flat=True)), kind=User.Kind.PERSON))
