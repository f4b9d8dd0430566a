"""Scale rule R6 (docs/adr/0002): SQL on a dossier-scoped table names the dossier, or the test that ran it fails.
So does a lock that does not say which table it locks: a join added one day would lock the shared rows too.

Every statement of the product is read by a parser of PostgreSQL's language. A scoped table that is selected
from, updated or deleted from must have its distribution column bound: equal to a value, in a list or a
subquery, or equal to the same column of a table that is bound. What tests themselves ask is not judged.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import sqlglot
from sqlglot import exp

from audit import schema

ROOT = Path(__file__).resolve().parents[1]
BARE_LOCK = re.compile(r"\bFOR (?:NO KEY )?UPDATE(?! OF\b)")
# `update_or_create`, `exists`: on one table that nothing is joined to, Django does not name it.
LOCKS_ALL = {
    "access/matrix.py:load",
    "access/recovery.py:password_reset",
    "archival/restored.py:destroy_again",
    "archival/sweep.py:run",
    "documents/keys.py:make",
}
MUTANT = re.compile(r"^x(?:_|ǁ[^ǁ]+ǁ)(\w+)__mutmut_\w+$")  # how mutmut names a function it changes
PRODUCT = ("access", "archival", "audit", "dmp", "documents", "patients")

# What goes over dossiers on purpose, and why: file:function of the product. Every other place names its dossier.
ACROSS = {
    "access/admin_contests.py:changelist_view": "what the operator has to answer, whatever the dossier",
    "access/admin_contests.py:get_object": "one of them, by its id",
    "access/api_alerts.py:given": "the authorisations just given to one professional: an index by account",
    "access/admin_emergencies.py:changelist_view": "the operator's list of broken glasses to attest: a partial index",
    "access/admin_emergencies.py:get_object": "one row of that list, by its key",
    "access/attestations.py:escalate": "the same, every hour; each row is then changed in its own dossier",
    "access/attestations.py:missing": "the same, for the command",
    "access/emergencies_seen.py:_patients_of": "the patients of one treating doctor: an index by account",
    "access/emergencies_seen.py:_to_attest": "what one professional has to attest: the same partial index",
    "access/holder.py:choices": "the dossiers an account speaks for, once a session: an index by account",
    "access/persons.py:helps": "of how many persons one account is a carer (five at most): an index by account",
    "access/recovery.py:_tell": "the same, when its password is remade: each of its dossiers is told",
    "access/recovery.py:addressee": "the same: whose letter it is",
    "access/sessions.py:_qualities": "the same, when a session opens or ends",
    "access/sessions.py:trace_refusal": "the same: the holder's own, when a sign-in is refused",
    "access/request_queue.py:_contests": "the operators' list of work: an index holds those not answered",
    "access/request_queue.py:_viewed": "the counter's list of work, whatever the dossier: an index holds what runs",
    "access/request_queue.py:by_number": "a request by the number of its receipt: an index by number",
    "access/request_reminders.py:_contests": "deadlines that come near: an index holds those not answered",
    "access/request_reminders.py:_requests": "deadlines that come near: an index holds what runs",
    "archival/carry_out.py:ready": "what was accepted and waits to be done: the same index; each is then locked",
    "archival/carry_out.py:warn_of_destruction": "accepted destructions of the coming week: the same index",
    "archival/management/commands/demo_ten_years.py:handle": "a person without dossier: in a demonstration alone",
    "archival/remains.py:rows_of": "two tables keyed by the hash of a number: by dossier, for an operator",
    "archival/holds.py:running": "the operators' list of legal holds",
    "archival/holds.py:by_id": "one of them, by its id",
    "archival/holds.py:past": "the history of one of them, by its id",
    "archival/copies.py:destroy_ended": "copies past their eight days, whatever the dossier: a partial index",
    "archival/copies.py:forgotten": "copies to be made, whatever the dossier: the same index",
    "archival/copies.py:legal_by_id": "one that an operator prepared, by its id",
    "archival/copies.py:listed": "the operator's list of copies: the same index",
    "archival/copies.py:sweep": "files of copies against rows: the same index",
    "archival/envelopes.py:print_asked": "what agents asked to print, whatever the dossier: a partial index",
    "archival/envelopes.py:destroy_handed": "what was handed over these last days: a partial index",
    "archival/requested_copies.py:waiting": "copies that an accepted request asks for: an index holds what runs",
    "audit/limits.py:recent": "acts of one actor in the last minutes, on any dossier: an index by time",
    "archival/purge.py:empty": "two tables keyed by the hash of a number: by dossier, once in ten years",
    "archival/destruction.py:_lookups": "the same: the number of who held it, to end her openings",
    "archival/destruction.py:due": "what is past its ten years, whatever the dossier",
    "archival/overdue.py:dossiers": "what should be gone for a day, whatever the dossier",
    "archival/overdue.py:holds": "legal holds that wait for a second operator: a count",
    "archival/destruction.py:_accounts_of_nothing_else": "the other dossiers of an account: an index by account",
    "archival/sweep.py:_without_dossier": "every night, rows whose dossier is nowhere",
    "archival/restored.py:come_back": "every dossier against the tombstones, after a restoration",
    "audit/proofs.py:_holed": "the whole trail, every dossier's ranks: the operator's proof",
    "audit/proofs.py:verify": "the same, every leaf",
    "audit/management/commands/trail.py:handle": "the same: how many there are",
    "access/management/commands/traces_of.py:handle": "how many traces one professional left",
    "access/management/commands/traces_of.py:_write": "what one professional did: asked of the operator, traced",
    "dmp/backups.py:_count": "how many rows a backup holds",
    "dmp/health.py:_notices": "the outbox, whatever the dossier: its own index",
    "dmp/management/commands/drill_check.py:handle": "documents drawn at random from a restored backup",
    "documents/api_change.py:visible": "PDSm's conditional PATCH names no dossier; the gate decides each one",
    "documents/papers.py:reseal": "letters that wait for their dossier's key: an index holds them alone",
    "documents/feed.py:_half": "a file of the insurer names thousands of persons: found by key, merged as a set",
    "documents/feed.py:forget_old": "every night, what left the window, a batch at a time",
    "documents/statistics.py:recount": "how many, whatever the dossier: counted once a night",
    "documents/sweep.py:sweep": "every night, every file against every row",
    "patients/numbers.py:under_provisional_number": "the same person under a provisional number: an index by birth",
    "patients/notices.py:tell_who_came_of_age": "who came of age this week, whatever the dossier",
    "patients/tasks.py:send_notices": "the outbox, whatever the dossier; each row is then locked in its own",
}

Node = tuple[str, str]  # alias, column
Fact = frozenset[Node]  # one column: bound; two: equal to each other


def unfiltered(sql: str, scoped: dict[str, str]) -> set[str]:
    """The scoped tables this statement reads or changes without naming their dossier."""
    # The driver's placeholders are not SQL.
    text = re.sub(r"%\(\w+\)s|%[sbt]", "$1", sql).replace("%%", "%")
    found: set[str] = set()
    for statement in sqlglot.parse(text, dialect="postgres"):
        if statement is not None:
            views = {cte.alias for cte in statement.find_all(exp.CTE)}
            for query in statement.find_all(exp.Select, exp.Update, exp.Delete):
                found |= _unbound(query, {name: by for name, by in scoped.items() if name not in views})
    return found


def _unbound(query: exp.Expression, scoped: dict[str, str]) -> set[str]:
    tables = {table.alias_or_name: table.name for table in _tables(query)}
    wanted = {(alias, scoped[name]): name for alias, name in tables.items() if name in scoped}
    if not wanted:
        return set()
    conditions = [query.args.get("where"), *(join.args.get("on") for join in _joins(query))]
    facts = {fact for one in conditions if one is not None for fact in _facts(one, tables)}
    bound = {node for fact in facts if len(fact) == 1 for node in fact}
    while more := {node for fact in facts if fact & bound for node in fact} - bound:
        bound |= more
    return {name for node, name in wanted.items() if node not in bound}


def _joins(query: exp.Expression) -> Iterator[exp.Join]:
    yield from query.args.get("joins") or []
    for source in _sources(query):
        yield from source.args.get("joins") or []


def _sources(query: exp.Expression) -> Iterator[exp.Expression]:
    if not isinstance(query, exp.Select):
        yield query.this
    # The key of FROM is `from_` in recent releases.
    clause = query.args.get("from_") or query.args.get("from")
    if clause is not None:
        yield clause.this
    yield from query.args.get("using") or []


def _tables(query: exp.Expression) -> Iterator[exp.Table]:
    joined = (join.this for join in _joins(query))
    yield from (one for one in (*_sources(query), *joined) if isinstance(one, exp.Table))


def _facts(condition: exp.Expression, tables: dict[str, str]) -> set[Fact]:
    """What must hold for a row to be taken: an AND adds up, an OR keeps what both sides say."""
    condition = condition.unnest() if isinstance(condition, exp.Paren) else condition
    if isinstance(condition, exp.Where):
        return _facts(condition.this, tables)
    if isinstance(condition, exp.And):
        return _facts(condition.left, tables) | _facts(condition.right, tables)
    if isinstance(condition, exp.Or):
        return _facts(condition.left, tables) & _facts(condition.right, tables)
    if isinstance(condition, exp.EQ):
        sides = [_nodes(condition.left, tables), _nodes(condition.right, tables)]
        # A column equal to itself says nothing.
        return {a | b for a in sides[0] or {frozenset()} for b in sides[1] or {frozenset()} if a != b}
    if isinstance(condition, exp.In):
        return _nodes(condition.this, tables)
    return set()


def _nodes(side: exp.Expression, tables: dict[str, str]) -> set[Fact]:
    """The columns of this query's own tables that a side is; none for a value, a subquery, an outer column."""
    if isinstance(side, exp.Tuple):
        return {fact for one in side.expressions for fact in _nodes(one, tables)}
    if isinstance(side, exp.Cast | exp.Paren):
        return _nodes(side.this, tables)
    if not isinstance(side, exp.Column):
        return set()
    owners = [side.table] if side.table else list(tables)
    return {frozenset({(alias, side.name)}) for alias in owners if alias in tables}


class Guard:
    """Watches the connections; keeps what it found until a test takes it."""

    def __init__(self) -> None:
        self.scoped: dict[str, str] = {}
        self.found: list[str] = []
        self._judge = lru_cache(maxsize=None)(self._read)
        self._lock = lru_cache(maxsize=None)(lambda sql: "locks every table" if BARE_LOCK.search(sql) else "")

    def learn(self, cursor: Any) -> None:
        self.scoped = schema.scoped_tables(cursor)
        self._names = re.compile("|".join(map(re.escape, self.scoped)))
        self._judge.cache_clear()

    def watch(self, connection: Any, **_: Any) -> None:
        """Receives `connection_created`: threads of a live server have connections of their own."""
        if connection.alias == "default" and self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if self.scoped and isinstance(sql, str):
            for said, allowed in ((self._judge(sql), ACROSS), (self._lock(sql), LOCKS_ALL)):
                place = place_of(sys._getframe(1)) if said else ""
                if place and place not in allowed:
                    self.found.append(f"{place}: {said}: {sql[:300]}")
        return execute(sql, params, many, context)

    def _read(self, sql: str) -> str:
        if not self._names.search(sql) or not re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b", sql, re.I):
            return ""
        try:
            return ", ".join(sorted(unfiltered(sql, self.scoped)))
        except sqlglot.errors.SqlglotError as error:
            return f"not understood ({error})"


def place_of(frame: FrameType | None) -> str:
    """The product's code that asked, as file:function; empty when a test did."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT):
            parts = path.relative_to(ROOT).parts
            if parts[0] == "tests":
                return ""
            if parts[0] in PRODUCT:
                name = MUTANT.sub(r"\1", frame.f_code.co_name)
                return f"{'/'.join(parts)}:{name}"
        frame = frame.f_back
    return ""


guard = Guard()
