"""The names of those whom a history, or a row, keeps as text (`audit.trail.Actor.reference`)."""

import uuid
from collections.abc import Iterable

from access.models import Professional, User
from audit.trail import SYSTEM, ActorKind

_UNNAMED = "le service"


def names(references: Iterable[str | None]) -> list[str]:
    """In their order; two queries at most."""
    parted = [(one or SYSTEM.reference).partition(":")[::2] for one in references]
    known = {
        str(one.pk): str(one) for one in User.objects.filter(pk__in=[name for _, name in parted if _is_uuid(name)])
    }
    numbers = [name for kind, name in parted if kind == ActorKind.PROFESSIONAL]
    if numbers:
        known |= {one.idnat: one.name for one in Professional.objects.filter(idnat__in=numbers)}
    return [known.get(name) or _unnamed(kind, name) for kind, name in parted]


def _unnamed(kind: str, name: str) -> str:
    return f"la commande {name}" if kind == ActorKind.SYSTEM and name != SYSTEM.id else _UNNAMED


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
