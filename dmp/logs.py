"""What goes in the log of an error: its code and what it is about, never a value.

Exceptions quote what they met: « Invalid address "…" », the recipients a mail server refused, the path of a file,
the row that PostgreSQL had in hand (« DETAIL: Key (email)=(…) already exists »). A log is read by people who have no
right to any of it. So an error's own words are taken out, whoever raised it; only those that speak of code alone keep
them.
"""

import datetime as dt
import json
import logging
import re
import smtplib
from collections.abc import Iterator

import psycopg

# They name attributes, modules, arguments, settings: what a programmer wrote, never what a person typed.
_OF_CODE = (AttributeError, ImportError, MemoryError, NameError, NotImplementedError, RecursionError, TypeError)
# For a message that reached us as text alone (an exception turned into words by somebody else).
_VALUES = re.compile(r"(DETAIL|CONTEXT): .*")
_IDENTIFIERS = re.compile(
    r"""(?ix)
    # keys of dossiers and documents (a path has them)
    \b[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?:[0-9a-f]{32})?\b
    # numbers of persons, with their key or without, written in one piece or by groups, Corsica included
    | \b[12378][\s.-]?\d\d[\s.-]?\d\d[\s.-]?\d[0-9ab][\s.-]?\d{3}[\s.-]?\d{3}(?:[\s.-]?\d\d)?\b
    # numbers of professionals
    | \b\d{11,12}\b
    # telephones
    | (?<![\d.])(?:(?:\+|00)33[\s.-]?(?:\(0\))?|0)[1-9](?:[\s.-]?\d\d){4}(?!\d)
    # addresses, but for the names of our own workers
    | \b(?!celery@)[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+
    """
)


class Discreet(logging.Formatter):
    """A formatter that takes the values out of errors that quote them, in messages and in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        given = list(record.args.values()) if isinstance(record.args, dict) else list(record.args or ())
        roots = [record.exc_info[1] if record.exc_info else None, record.msg, *given]
        for error in _chain([one for one in roots if isinstance(one, BaseException)]):
            if not isinstance(error, _OF_CODE) and len(said := str(error)) > 3:
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


def _about(error: BaseException) -> str:
    """SQLSTATE, table and constraint; the number of an error of the system or of a mail server; else its kind alone.

    Enough to find the line of code and the rule.
    """
    known = error if isinstance(error, psycopg.Error) else error.__cause__
    found: list[object] = [type(error).__name__]
    if isinstance(known, psycopg.Error):
        diag = known.diag
        found = [known.sqlstate or found[0], diag.table_name, diag.column_name, diag.constraint_name]
    elif isinstance(error, smtplib.SMTPResponseException):
        found.append(error.smtp_code)
    elif isinstance(error, OSError):
        found += [error.errno, error.strerror if isinstance(error.errno, int) else None]
    return f"[{' '.join(str(one) for one in found if one)}]"


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
