"""JSON in, JSON out."""

from typing import Any

import orjson

from fhir.problems import malformed

MAX_TEXT = 4096  # characters of any text but base64 data and narrative
LONG = {"data", "div", "sigFormat"}


def loads(body: bytes) -> Any:
    """The parsed object or array. Of a name given twice the last one counts, everywhere alike.

    Raises Problem 400: not JSON (too deep included), a NUL, a text beyond reason.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed("Le corps de la requête n'est pas du JSON valable.") from error
    if not isinstance(parsed, (dict, list)):
        raise malformed("Le corps de la requête doit être un objet JSON.")
    _check(parsed)
    return parsed


def _check(parsed: Any) -> None:
    waiting = [("", parsed)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
            if any("\0" in key for key in value):
                raise malformed("Un nom contient un caractère nul.")
        elif isinstance(value, list):
            waiting.extend((name, one) for one in value)
        elif isinstance(value, str) and name not in LONG:
            if "\0" in value:
                raise malformed("Un texte contient un caractère nul.")
            if len(value) > MAX_TEXT:
                raise malformed("Un texte est trop long.")


def dumps(resource: Any) -> bytes:
    return orjson.dumps(resource)


def text(resource: dict[str, Any]) -> str:
    """The form in which a resource is stored, and later served as it stands."""
    return orjson.dumps(resource).decode()
