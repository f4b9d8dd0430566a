"""Look-ups in the code tables: small, the same for everybody, kept a minute in the process."""

import time
from dataclasses import dataclass

from patients.models import Term

TABLE_OF_TYPES = "types"
SECONDS = 60


@dataclass(frozen=True)
class TypeTerm:
    """A document type, with what the tables draw from it: XDS class (ASS_X16), family on screen."""

    code: str
    system: str
    display: str
    class_code: str | None
    family: str | None


_types: dict[str, TypeTerm] = {}
_read_at = -float(SECONDS)


def type_of(code: str) -> TypeTerm | None:
    """The document type with this code; None when the tables in force do not know it."""
    global _types, _read_at
    if time.monotonic() - _read_at > SECONDS or code not in _types:
        _types, _read_at = _read(), time.monotonic()
    return _types.get(code)


def _read() -> dict[str, TypeTerm]:
    rows = Term.objects.filter(table=TABLE_OF_TYPES)
    return {
        row.code: TypeTerm(
            row.code,
            row.system,
            row.display,
            row.extra.get("class_code") or None,
            row.extra.get("family") or None,
        )
        for row in rows
    }
