"""Reading a carte Vitale at the counter. One door: what a site plugs in is named by `DMP_CARD_READER`.

The reader is on the agent's desk, and what the card says is signed: a real site plugs in the component of the
assurance maladie (docs/counter.md). A card shows a number; it opens nothing by itself: the consent does.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from patients import ins
from patients.ins import Ins


class NoCard(Exception):
    """No reader, no card, or a card that cannot be read. The message says what to do."""


@dataclass(frozen=True)
class Card:
    """What is used of a card: the number. Its names are those of the register, not of the card."""

    ins: Ins


class CardReader(Protocol):
    def read(self) -> Card:
        """The card in the reader now. Raises `NoCard`."""
        ...


def reader() -> CardReader | None:
    made: CardReader | None = import_string(settings.CARD_READER)() if settings.CARD_READER else None
    return made


class FromFile:
    """The demonstration's reader: a file stands for the card. Without the file, the reader is empty."""

    def read(self) -> Card:
        try:
            said = json.loads(Path(settings.CARD_FILE).read_text())
            return Card(ins.check(said["number"], said["oid"]))
        except FileNotFoundError as error:
            raise NoCard("Aucune carte dans le lecteur : insérez-la, puce vers le haut.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            raise NoCard(
                "Cette carte ne se lit pas : tapez le numéro, et notez les traits de la personne."
            ) from error
