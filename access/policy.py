"""Who may do what, how much of it, and why: pure rules, the strongest first. No database, no request.

Facts in, `Decision` out. The answer, its explanation (« pourquoi ? ») and the preview are this one
function. Numbers D1-D20 are those of the settled decisions, each quoted where it is applied.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Act(StrEnum):
    """What is asked for."""

    LIST = "list"  # list, search: the whole dossier as far as his rights go
    OPEN = "open"  # one document by its id
    OWN = "own"  # what he deposited himself
    DEPOSIT = "deposit"
    MANAGE = "manage"  # holder's pages: authorise, block, mask, read the trace
    EXISTS = "exists"  # is there a dossier, in which state, and may I (D17)
    RECORD = "record"  # a professional records what the holder said to him: authorised, treating doctor


class Ground(StrEnum):
    """Why: what the professional is told, what the trace keeps, what the holder reads."""

    # allowed
    HOLDER = "holder"
    REPRESENTATIVE = "representative"
    CARER = "carer"
    TREATING_DOCTOR = "treating_doctor"
    AUTHORISED = "authorised"
    OPENED_TO_HIM = "opened_to_him"  # one masked document opened to one person
    AUTHOR = "author"
    FEEDING = "feeding"
    IDENTIFIED = "identified"
    # refused
    CLOSED = "closed"
    BLOCKED = "blocked"
    NOT_AUTHORISED = "not_authorised"
    EXPIRED = "expired"
    NOT_ENTITLED = "not_entitled"  # the profession, or the situation, reads nothing
    NOT_CONCERNED = "not_concerned"
    NOT_A_PERSON = "not_a_person"  # a structure's certificate or software feeds and never reads


class Role(StrEnum):
    """How the actor stands to the dossier, as his session says."""

    PROFESSIONAL = "professional"
    STRUCTURE = "structure"
    HOLDER = "holder"
    REPRESENTATIVE = "representative"
    CARER = "carer"
    OTHER = "other"  # counter, operator, insurer, super-user: never reads (D19)


PERSONS = frozenset({Role.HOLDER, Role.REPRESENTATIVE, Role.CARER})


class HasVisibility(Protocol):
    pk: uuid.UUID
    dossier_id: uuid.UUID
    type_code: str
    state: str
    masked: bool
    withheld: bool
    visible_from: dt.datetime | None
    secret: bool
    author_ids: list[str]


@dataclass(frozen=True)
class Facts:
    """What the policy needs to know, read in one query by the gate."""

    role: Role
    dossier_id: uuid.UUID
    at: dt.datetime
    is_open: bool = True
    author: str = ""  # the reference under which his documents carry him
    blocked: bool = False
    authorised: bool = False
    expired: bool = False  # had an authorisation that ended
    treating: bool = False
    documents: frozenset[uuid.UUID] = frozenset()  # masked documents opened to him alone
    readable: frozenset[str] = frozenset()  # types his profession reads: the matrix in force


@dataclass(frozen=True)
class Scope:
    """Which documents exist for the actor. Proven equal to `Document.objects.within`."""

    dossier_id: uuid.UUID
    at: dt.datetime
    general: bool = True  # False: only his own and those opened to him
    types: frozenset[str] | None = None  # None: every type
    masked: bool = False
    withheld: bool = False
    secret: bool = False
    author: str = ""
    documents: frozenset[uuid.UUID] = field(default_factory=frozenset)

    def covers(self, document: HasVisibility) -> bool:
        if document.dossier_id != self.dossier_id or document.state == "deleted":
            return False
        if self.author and self.author in document.author_ids:
            return True
        if document.pk in self.documents:
            return True
        if not self.general:
            return False
        shown = document.visible_from is not None and document.visible_from <= self.at
        return (
            (self.types is None or document.type_code in self.types)
            and (self.masked or not document.masked)
            and (self.withheld or not document.withheld or shown)
            and (self.secret or not document.secret)
        )


@dataclass(frozen=True)
class Decision:
    """The answer, its ground, and what it opens (`scope` is None when refused or not about content)."""

    allowed: bool
    ground: Ground
    scope: Scope | None = None

    def __bool__(self) -> bool:
        return self.allowed


def decide(act: Act, facts: Facts) -> Decision:
    """May this actor do this act on this dossier? Default: no."""
    return _RULES[act](facts)


def _list(facts: Facts) -> Decision:
    if facts.role in PERSONS:
        return _read_as_person(facts)
    if (refusal := _never_reads(facts)) is not None:  # a refusal is falsy
        return refusal
    if facts.treating:
        return Decision(True, Ground.TREATING_DOCTOR, _scope(facts, masked=True, types=None))  # D1, L1111-16
    if facts.authorised and facts.readable:
        return Decision(True, Ground.AUTHORISED, _scope(facts, types=facts.readable))
    if facts.documents:
        return Decision(True, Ground.OPENED_TO_HIM, _scope(facts, general=False))
    if facts.authorised:
        return Decision(False, Ground.NOT_ENTITLED)  # D20: a profession the matrix does not know
    return Decision(False, Ground.EXPIRED if facts.expired else Ground.NOT_AUTHORISED)


def _open(facts: Facts) -> Decision:
    """Like a list; and without a right, still what he wrote himself, masked too (D3, R1111-49)."""
    decision = _list(facts)
    return decision if decision or facts.role in PERSONS else _own(facts)


def _own(facts: Facts) -> Decision:
    if (refusal := _never_reads(facts)) is not None:  # a refusal is falsy
        return refusal
    return Decision(True, Ground.AUTHOR, _scope(facts, general=False))


def _never_reads(facts: Facts) -> Decision | None:
    if facts.role is Role.STRUCTURE:
        return Decision(False, Ground.NOT_A_PERSON)
    if facts.role is not Role.PROFESSIONAL:
        return Decision(False, Ground.NOT_CONCERNED)  # D19
    if not facts.is_open:
        return Decision(False, Ground.CLOSED)  # D13, author and treating doctor included
    if facts.blocked:
        return Decision(False, Ground.BLOCKED)  # D2, D3
    return None


def _read_as_person(facts: Facts) -> Decision:
    if not facts.is_open:
        return Decision(False, Ground.CLOSED)  # D13: a copy is asked for, nothing is browsed
    if facts.role is Role.HOLDER:
        return Decision(True, Ground.HOLDER, _scope(facts, masked=True, types=None, withheld=False))
    if facts.role is Role.REPRESENTATIVE:
        scope = _scope(facts, masked=True, types=None, withheld=False, secret=False)  # D12
        return Decision(True, Ground.REPRESENTATIVE, scope)
    return Decision(False, Ground.NOT_ENTITLED)  # a carer's rights are explicit: none is given yet


def _deposit(facts: Facts) -> Decision:
    """Feeding is a duty: authorisation governs reading (D4). A block stops it, a closing too (D13)."""
    if not facts.is_open:
        return Decision(False, Ground.CLOSED)
    if facts.role is Role.HOLDER:
        return Decision(True, Ground.HOLDER)
    if facts.role is Role.REPRESENTATIVE:
        return Decision(True, Ground.REPRESENTATIVE)
    if facts.role not in {Role.PROFESSIONAL, Role.STRUCTURE}:
        return Decision(False, Ground.NOT_CONCERNED)
    if facts.blocked:
        return Decision(False, Ground.BLOCKED)
    return Decision(True, Ground.FEEDING)


def _manage(facts: Facts) -> Decision:
    """The holder's own acts. A closed dossier still shows its state and its trace (D13)."""
    if facts.role is Role.HOLDER:
        return Decision(True, Ground.HOLDER)
    if facts.role is Role.REPRESENTATIVE:
        return Decision(True, Ground.REPRESENTATIVE)
    return Decision(False, Ground.NOT_CONCERNED)


def _exists(facts: Facts) -> Decision:
    """D17: an identified professional with the INS learns existence, state and his own authorisation."""
    if facts.role in {Role.PROFESSIONAL, Role.STRUCTURE}:
        return Decision(True, Ground.IDENTIFIED)
    return Decision(False, Ground.NOT_CONCERNED)


def _record(facts: Facts) -> Decision:
    """He asked the holder, who said yes or no: his word is recorded, except by whom the holder blocked.

    Never a structure's certificate: the act is a named person's (EX_0.3-1010).
    """
    if (refusal := _never_reads(facts)) is not None:  # a refusal is falsy
        return refusal
    return Decision(True, Ground.IDENTIFIED)


_RULES = {
    Act.LIST: _list,
    Act.OPEN: _open,
    Act.OWN: _own,
    Act.DEPOSIT: _deposit,
    Act.MANAGE: _manage,
    Act.EXISTS: _exists,
    Act.RECORD: _record,
}


def _scope(
    facts: Facts,
    *,
    general: bool = True,
    types: frozenset[str] | None = frozenset(),
    masked: bool = False,
    withheld: bool = True,
    secret: bool = True,
) -> Scope:
    return Scope(
        dossier_id=facts.dossier_id,
        at=facts.at,
        general=general,
        types=types,
        masked=masked,
        withheld=withheld,
        secret=secret,
        author=facts.author if facts.role is Role.PROFESSIONAL else "",
        documents=facts.documents,
    )
