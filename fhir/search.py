"""Search parameters of ITI-66 and ITI-67, read into values. What is not named here never reaches a query."""

import base64
import binascii
import datetime as dt
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fhir import systems
from fhir.elements import FIRST_YEAR, LAST_YEAR, PARIS
from fhir.problems import Problem, bad_search
from fhir.read_document import Subject, subject_of

MAX_COUNT, DEFAULT_COUNT = 200, 50
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

TOKENS = {
    "type", "category", "event", "facility", "format", "setting", "security-label", "status",
    "identifier", "related", "_id",
}  # fmt: skip
DATES = {"date", "creation", "period", "period-start", "period-end", "_lastUpdated"}
TEXTS = {"author.given", "author.family"}
REFERENCES = {"relatesto"}
LIST_TOKENS = {"_id", "code", "status", "designationType", "identifier", "sourceId", "authorOrg"}
LIST_TEXTS = {"source.given", "source.family", "title", "source"}
CONTROLS = {"patient", "patient.identifier", "subject", "subject.identifier", "isArchived"}
RESULTS = {"_count", "_sort", "_total", "_format", "cursor"}
SORTS = {"date", "-date", "_lastUpdated", "-_lastUpdated"}
# PDSm writes the author's parameters in several ways; one meaning each.
ALIASES = {
    "patient:identifier": "patient.identifier",
    "subject": "patient",
    "subject.identifier": "patient.identifier",
    "author:PractitionerRole.practitioner.family": "author.family",
    "author:Practitioner.family": "author.family",
    "author:Practitioner.given": "author.given",
    "source:PractitionerRole.name": "source.family",
    "relatesTo": "relatesto",
}


@dataclass(frozen=True)
class Token:
    """`system|code`: an empty system means any."""

    code: str
    system: str = ""


@dataclass(frozen=True)
class Period:
    """A comparison with the half-open interval that a date names."""

    prefix: str
    start: dt.datetime
    stop: dt.datetime


@dataclass(frozen=True)
class Cursor:
    """After which row the next page starts: its date and id."""

    date: dt.datetime
    id: uuid.UUID

    def __str__(self) -> str:
        raw = f"{self.date.astimezone(dt.UTC).isoformat()}|{self.id.hex}".encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            stamp, _, name = raw.partition("|")
            moment = dt.datetime.fromisoformat(stamp)
            if moment.tzinfo is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
                raise ValueError
            return cls(moment.astimezone(dt.UTC), uuid.UUID(name))
        except (binascii.Error, ValueError, UnicodeError) as error:
            raise bad_search("Ce lien de page n'est pas valable : reprenez la recherche.", "cursor") from error


@dataclass(frozen=True)
class Search:
    """A search that was understood. `tokens` and `texts`: alternatives a parameter; `dates`: all must hold."""

    subject: Subject
    tokens: dict[str, tuple[Token, ...]]
    texts: dict[str, tuple[str, ...]]
    dates: tuple[tuple[str, Period], ...]
    archived: bool | None = None
    count: int = DEFAULT_COUNT
    sort: str = "-date"
    total: bool = False
    cursor: Cursor | None = None
    understood: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()

    def codes(self, name: str) -> list[str]:
        return [token.code for token in self.tokens.get(name, ())]


def documents(pairs: Iterable[tuple[str, str]]) -> Search:
    """ITI-67: patient and status are needed. Raises Problem 400."""
    return _read(pairs, TOKENS, TEXTS | REFERENCES, DATES, needed="status")


def lists(pairs: Iterable[tuple[str, str]]) -> Search:
    """ITI-66: patient and code are needed; status, which PDSm asks for, may be left out. Raises Problem 400."""
    return _read(pairs, LIST_TOKENS, LIST_TEXTS, {"date"}, needed="code")


def _read(
    pairs: Iterable[tuple[str, str]], tokens: set[str], texts: set[str], dates: set[str], *, needed: str
) -> Search:
    fields: dict[str, Any] = {"tokens": {}, "texts": {}, "dates": []}
    known, values = tokens | texts | dates | CONTROLS, dict[str, str]()
    understood, ignored = [], []
    for raw, value in pairs:
        name = ALIASES.get(raw, raw)
        if "\0" in value or len(value) > 1000:
            raise bad_search("Une valeur de recherche n'est pas valable.", raw[:40])
        if name not in known | RESULTS:
            if name.partition(":")[0] in known:
                raise bad_search("Ce modificateur n'est pas pris en charge.", raw[:40])
            ignored.append(raw[:60])
            continue
        # Given twice, a parameter means AND: only dates do that here.
        if name not in dates and values.setdefault(name, value) != value:
            raise bad_search("Ce paramètre se donne une fois : séparez les valeurs par des virgules.", raw)
        if (raw, value) in understood:
            continue
        understood.append((raw, value))
        if name in tokens:
            fields["tokens"][name] = tuple(_token(one, name) for one in value.split(","))
        elif name in texts:
            fields["texts"][name] = _texts(value, name)
        elif name in dates:
            fields["dates"].append((name, period(value, name)))
        else:
            _control(name, value, fields)
    if "subject" not in fields:
        raise bad_search("Désignez le patient (patient ou patient.identifier).", "patient")
    if needed not in fields["tokens"]:
        raise Problem(400, "required", f"Le paramètre {needed} est obligatoire.", expression=f"http.{needed}")
    fields["dates"] = tuple(fields["dates"])
    return Search(understood=tuple(understood), ignored=tuple(ignored), **fields)


def _token(text: str, name: str) -> Token:
    system, bar, code = text.rpartition("|")
    if not code:
        raise bad_search("Une valeur manque : un code, ou système|code.", name)
    return Token(code, systems.normal(system) if bar else "")


def _texts(value: str, name: str) -> tuple[str, ...]:
    found = tuple(filter(None, value.split(",")))
    if not found:
        raise bad_search("Une valeur manque.", name)
    return found


def _subject(name: str, value: str) -> Subject:
    if name == "patient.identifier":
        system, _, number = value.rpartition("|")
        found = subject_of({"identifier": {"system": system, "value": number}})
    else:
        found = subject_of({"reference": value if "/" in value or "?" in value else f"Patient/{value}"})
    if found is None:
        raise bad_search("Le patient se désigne par système|matricule (urn:oid de l'INS).", name)
    return found


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise bad_search("Dites true ou false.", "isArchived")
    return value == "true"


def _control(name: str, value: str, fields: dict[str, Any]) -> None:
    if name in ("patient", "patient.identifier"):
        if fields.setdefault("subject", subject := _subject(name, value)) != subject:
            raise bad_search("Désignez un seul patient, d'une seule façon.", name)
    elif name == "isArchived":
        fields["archived"] = _boolean(value)
    elif name == "_count":
        if not value.isascii() or not value.isdigit() or len(value) > 6:
            raise bad_search("Le nombre par page est un entier.", name)
        fields["count"] = max(1, min(int(value), MAX_COUNT))
    elif name == "_sort":
        if value not in SORTS:
            raise bad_search("Le tri se fait par date ou _lastUpdated.", name)
        fields["sort"] = value
    elif name == "_total":
        fields["total"] = value == "accurate"
    elif name == "cursor":
        fields["cursor"] = Cursor.parse(value)


_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def period(text: str, name: str = "date") -> Period:
    """`[prefix]date`, to the precision given: 2024-03 is the whole month, Paris time without a zone."""
    prefix = text[:2] if text[:2] in PREFIXES else "eq"
    written = text[2:] if text[:2] in PREFIXES else text
    match = _DATE.fullmatch(written)
    if not match:
        raise bad_search("Une date s'écrit AAAA, AAAA-MM, AAAA-MM-JJ ou avec l'heure.", name)
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        tz = (
            PARIS
            if not zone
            else dt.UTC
            if zone == "Z"
            else dt.datetime.fromisoformat(f"2000-01-01T00:00{zone}").tzinfo
        )
        start = dt.datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=tz,
        )
        if not month:
            stop = start.replace(year=start.year + 1)
        elif not day:
            stop = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        elif not hour:
            stop = start + dt.timedelta(days=1)
        else:
            stop = start + (dt.timedelta(seconds=1) if second else dt.timedelta(minutes=1))
        if not 1 < start.year < 9998:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise bad_search("Cette date n'existe pas.", name) from error
    return Period(prefix, start, stop)
