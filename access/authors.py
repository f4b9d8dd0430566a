"""Who did what, of those whom a history or a row keeps as text (`audit.trail.Actor.reference`).

Staff by their names. A professional and an establishment have none here: that a psychiatrist opened a dossier is
already something of its holder's health.
"""

import uuid
from collections.abc import Iterable

from access.models import User
from audit.trail import SYSTEM, ActorKind

STAFF = (ActorKind.COUNTER, ActorKind.OPERATOR, "user")  # whose id is an account's
OTHERS = {
    ActorKind.HOLDER: "la personne",
    ActorKind.REPRESENTATIVE: "son représentant légal",
    ActorKind.CARER: "son aidant",
    ActorKind.PROFESSIONAL: "un professionnel de santé",
    ActorKind.STRUCTURE: "un établissement",
}


def names(references: Iterable[str | None]) -> list[str]:
    """In their order; one query."""
    parted = [(one or SYSTEM.reference).partition(":")[::2] for one in references]
    keys = {name for kind, name in parted if kind in STAFF and _is_uuid(name)}
    staff = User.objects.filter(pk__in=keys, kind__in=(User.Kind.AGENT, User.Kind.OPERATOR))
    known = {str(user.pk): str(user) for user in staff}
    return [(kind in STAFF and known.get(name)) or _unnamed(kind, name) for kind, name in parted]


def _unnamed(kind: str, name: str) -> str:
    if kind == ActorKind.SYSTEM and name != SYSTEM.id:
        return f"la commande {name}"
    return OTHERS.get(kind, "le service")  # type: ignore[call-overload]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
