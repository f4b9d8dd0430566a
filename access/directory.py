"""The directory of professionals, as a holder searches it: names and places, nothing of any dossier."""

import uuid
from dataclasses import dataclass

from django.db.models import Q

from access.models import Professional
from access.words import polite
from patients import terms
from patients.names import plain

SHOWN = 20
SHORTEST = 3  # letters of a name
DOCTOR = "10"  # TRE_G15


@dataclass(frozen=True)
class Card:
    """A professional in words."""

    id: uuid.UUID
    name: str
    profession: str
    speciality: str
    places: tuple[str, ...]
    rpps: str
    doctor: bool


def search(text: str, given: str = "") -> list[Card]:
    """By RPPS (exact) or by the start of the family name, at most `SHOWN`, in alphabetical order."""
    found = Professional.objects.filter(active=True)
    number = text.replace(" ", "")
    if number.isdigit():
        found = found.filter(idnat=f"8{number}")
    else:
        # The directory is written in capitals, often without accents; people type otherwise.
        found = found.filter(Q(family__istartswith=text) | Q(family__istartswith=plain(text)))
        if given:
            found = found.filter(Q(given__istartswith=given) | Q(given__istartswith=plain(given)))
    rows = found.order_by("family", "given", "id").prefetch_related("situations__structure")[:SHOWN]
    return [card(row) for row in rows]


def card(professional: Professional) -> Card:
    """Reads the situations: prefetch them for a list."""
    places = [
        ", ".join(filter(None, [situation.structure.name, situation.structure.city]))
        for situation in professional.situations.all()
        if situation.structure is not None
    ]
    return Card(
        id=professional.pk,
        name=polite(professional.name),
        profession=terms.display("professions", professional.profession),
        speciality=terms.speciality(professional.speciality) if professional.speciality else "",
        places=tuple(dict.fromkeys(places)),
        rpps=professional.rpps,
        doctor=professional.profession == DOCTOR,
    )
