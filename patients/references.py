"""The reference of a document on paper: what a letter cites. An agent types it, whose role reads no document.

It is the document's id, and four characters that say a slip of a key or a document of another dossier, without
looking anything up.
"""

import uuid
from hashlib import sha256

from django.core.exceptions import ValidationError

from patients.codes import ALPHABET, typed

WRITES_ID, WRITES_CHECK, GROUP = 26, 4, 5  # five bits a character
WRONG = "Cette référence n'est pas celle d'un document de ce dossier : relisez-la, elle a trente caractères."


def of(dossier_id: uuid.UUID, document_id: uuid.UUID) -> str:
    """On paper: six groups of five."""
    plain = _plain(dossier_id, document_id)
    return " ".join(plain[start : start + GROUP] for start in range(0, len(plain), GROUP))


def read(dossier_id: uuid.UUID, text: str) -> uuid.UUID:
    """The document that it names. Raises ValidationError."""
    plain, number = typed(text), 0
    for character in plain[:WRITES_ID]:
        number = number * len(ALPHABET) + max(ALPHABET.find(character), 0)
    if number < 2**128:
        document_id = uuid.UUID(int=number)
        if plain == _plain(dossier_id, document_id):
            return document_id
    raise ValidationError({"reference": WRONG})


def _plain(dossier_id: uuid.UUID, document_id: uuid.UUID) -> str:
    check = int.from_bytes(sha256(dossier_id.bytes + document_id.bytes).digest())
    return _written(document_id.int, WRITES_ID) + _written(check, WRITES_CHECK)


def _written(number: int, characters: int) -> str:
    """Its last bits, five a character."""
    return "".join(ALPHABET[number >> 5 * rank & 31] for rank in reversed(range(characters)))
