"""Small pieces of a FHIR message, read whatever their shape: never an error but a Problem."""

import base64
import binascii
import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

from fhir import systems
from fhir.problems import invalid, required

PARIS = ZoneInfo("Europe/Paris")
# Beyond these years no document was ever written, and moments overflow when their zone changes.
FIRST_YEAR, LAST_YEAR = 1800, 2200
DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)


def first(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        value = value[0] if value else {}
    return value if isinstance(value, dict) else {}


def every(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, dict)]


def texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def codes_of(concept: Any) -> list[str]:
    return [
        coding["code"]
        for one in every(concept)
        for coding in every(one.get("coding"))
        if isinstance(coding.get("code"), str)
    ]


def identifier_of(resource: dict[str, Any]) -> tuple[str, str]:
    """System and value of the first identifier; a national one before the others."""
    found = [
        (str(one.get("system") or ""), one["value"])
        for one in every(resource.get("identifier"))
        if isinstance(one.get("value"), str)
    ]
    national = [one for one in found if one[0] in (systems.PS_IDNAT, systems.STRUCT_IDNAT, systems.RPPS)]
    return (national or found or [("", "")])[0]


def string(resource: dict[str, Any], name: str, at: str, longest: int) -> str:
    value = resource.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid("Un texte est attendu.", f"{at}.{name}")
    return value.strip()[:longest]


def size(value: Any, at: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid("La taille est un nombre d'octets.", f"{at}.content[0].attachment.size")
    return value


def media(value: Any) -> str:
    return str(value or "").split(";")[0].strip().lower()


def decode(data: Any, at: str) -> bytes:
    if not isinstance(data, str) or not data:
        raise required("Le contenu manque.", at)
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Le contenu n'est pas en base64.", at) from error


def moment(value: Any, at: str) -> dt.datetime | None:
    """A FHIR date or instant; the start of the day in Paris when it says no hour."""
    if value is None:
        return None
    if isinstance(value, str) and DATE.fullmatch(value):
        whole = value + "-01-01"[len(value) - 4 :] if len(value) in (4, 7) else value
        try:
            found = dt.datetime.fromisoformat(whole.replace("Z", "+00:00"))
            if FIRST_YEAR <= found.year <= LAST_YEAR:
                return found if found.tzinfo else found.replace(tzinfo=PARIS)
        except ValueError:
            pass
    raise invalid("Cette date n'existe pas, ou n'a pas la forme AAAA-MM-JJ.", at)
