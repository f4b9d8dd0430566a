"""Where a letter about a dossier goes: to who asked, at the address given with the request, else to the holder."""

import uuid
from dataclasses import dataclass

from patients.models import Patient
from patients.models_requests import Request


@dataclass(frozen=True)
class Address:
    """`lines`: below the name; none when no address is known, and the letter waits at the counter."""

    name: str
    lines: tuple[str, ...]


def of(dossier_id: uuid.UUID, request_id: uuid.UUID | None = None) -> Address:
    """Of this request; without one, of the holder, at the last address she gave for an answer."""
    patient = Patient.objects.get(dossier_id=dossier_id)
    known = Request.objects.holders().filter(dossier_id=dossier_id).order_by("-asked_at")
    row = known.filter(pk=request_id).first() if request_id else known.exclude(address="").first()
    name = row.requester if row is not None else patient.name
    text = (row.address if row is not None else "") or "\n".join(filter(None, [patient.address, patient.postal_code]))
    return Address(name, tuple(line.strip() for line in text.splitlines() if line.strip()))
