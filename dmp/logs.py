"""What goes in the log of an error: its code and what it is about, never a value.

A ValueError quotes the value: « Invalid address "…" ». PostgreSQL's message holds the row: « DETAIL: Key
(email)=(…) already exists », « invalid input syntax: "…" », a parameter in CONTEXT. A log is read by people who have
no right to any of it.
"""

import datetime as dt
import json
import logging
import re
from collections.abc import Iterator

import psycopg

# For a message that reached us as text alone (an exception turned into words by somebody else).
_VALUES = re.compile(r"(DETAIL|CONTEXT): .*")
# Keys of dossiers and documents (a path has them), numbers of persons (13 to 15 characters, Corsica included).
_IDENTIFIERS = re.compile(
    r"(?i)\b[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?:[0-9a-f]{32})?\b|\b[12378]\d{5}[0-9ab]\d{6}(?:\d\d)?\b"
)


class Discreet(logging.Formatter):
    """A formatter that takes the values out of errors that quote them, in messages and in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        given = list(record.args.values()) if isinstance(record.args, dict) else list(record.args or ())
        roots = [record.exc_info[1] if record.exc_info else None, record.msg, *given]
        for error in _chain([one for one in roots if isinstance(one, BaseException)]):
            if isinstance(error, (psycopg.Error, ValueError)) and len(said := str(error)) > 3:
                # As it stands, and as `repr` writes it.
                for form in (said, repr(said)[1:-1]):
                    text = text.replace(form, _about(error))
        return _IDENTIFIERS.sub("…", _VALUES.sub(r"\1: …", text))


class AsJson(Discreet):
    """The same, one JSON object a line, for who gathers logs (`DMP_LOG_FORMAT=json`)."""

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        said = {"at": at, "level": record.levelname, "logger": record.name, "said": super().format(record)}
        return json.dumps(said, ensure_ascii=False)


def _about(error: psycopg.Error | ValueError) -> str:
    """SQLSTATE, table and constraint: enough to find the line of code and the rule. Of a value, its kind of error."""
    if isinstance(error, ValueError):
        return f"[{type(error).__name__}]"
    found = [error.sqlstate, error.diag.table_name, error.diag.column_name, error.diag.constraint_name]
    return f"[{' '.join(one for one in found if one) or type(error).__name__}]"


def _chain(roots: list[BaseException]) -> Iterator[BaseException]:
    """Every error behind these, each once."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        waiting += [one for one in (error.__cause__, error.__context__, *inner) if one is not None]
