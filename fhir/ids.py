"""Logical ids: dossier and object in one, 64 hexadecimal characters (the most FHIR allows).

Whatever is asked for by id is thereby asked for within its dossier.
"""

import uuid


class UnknownId(ValueError):
    """Not an id of ours: the same 404 as one that does not exist."""


def join(dossier: uuid.UUID, thing: uuid.UUID) -> str:
    return dossier.hex + thing.hex


def split(value: str) -> tuple[uuid.UUID, uuid.UUID]:
    if len(value) != 64 or not value.isascii() or not value.isalnum() or value != value.lower():
        raise UnknownId
    try:
        return uuid.UUID(value[:32]), uuid.UUID(value[32:])
    except ValueError as error:
        raise UnknownId from error


def dossier_of(value: str) -> uuid.UUID:
    """The dossier a Patient id names."""
    if len(value) != 32 or not value.isascii() or not value.isalnum() or value != value.lower():
        raise UnknownId
    try:
        return uuid.UUID(value)
    except ValueError as error:
        raise UnknownId from error
