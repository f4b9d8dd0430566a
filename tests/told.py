"""What a trace says, whole: a field too many or too few is seen."""

from typing import Any

from audit.models import Trace

BY_ITSELF = {"id", "dossier_id", "at", "seq", "salt", "leaf", "request_id", "ip", "channel"}


def told(trace: Trace) -> dict[str, Any]:
    """Whatever it says, but for its own place in the trail; what is empty is left out."""
    said = {field.name: getattr(trace, field.name) for field in Trace._meta.concrete_fields}
    return {name: value for name, value in said.items() if name not in BY_ITSELF and value not in ("", None, {})}


def acts(dossier: Any) -> list[Trace]:
    return list(Trace.objects.about(dossier.pk).order_by("seq"))


def last_told(dossier: Any) -> dict[str, Any]:
    return told(acts(dossier)[-1])
