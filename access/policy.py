"""Who may do what, how much of it, and why: pure rules, the strongest first. No database, no request.

Facts in, `Decision` out. The answer, its explanation (« pourquoi ? ») and the preview are this one
function. Numbers D1-D20 are those of the settled decisions, each quoted where it is applied.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from access.facts import PERSONS, REPRESENTATIVES, Act, Authorisation, Facts, Ground, Purpose, Right, Role


class HasVisibility(Protocol):
    pk: uuid.UUID
    dossier_id: uuid.UUID
    type_code: str
    state: str
    masked: bool
    masked_until: dt.datetime | None
    withheld: bool
    visible_from: dt.datetime | None
    secret: bool
    author_ids: list[str]


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
    only_secret: bool = False  # a secret session handles nothing else (EX_0.1-1100)
    masked_types: frozenset[str] = frozenset()  # these, masked or not, though `masked` is False

    def covers(self, document: HasVisibility) -> bool:
        if document.dossier_id != self.dossier_id or document.state == "deleted":
            return False
        if self.only_secret and not document.secret:
            return False
        if self.author and self.author in document.author_ids:
            return True
        if document.pk in self.documents:
            return True
        if not self.general:
            return False
        masked = document.masked and (document.masked_until is None or document.masked_until > self.at)
        shown = document.visible_from is not None and document.visible_from <= self.at
        return (
            (self.types is None or document.type_code in self.types)
            and (self.masked or not masked or document.type_code in self.masked_types)
            and (self.withheld or not document.withheld or shown)
            and (self.secret or not document.secret)
        )


# How an access is called in the trail when it is not the ordinary one (shown all along, EX_0.3-1050).
MODES = {
    Ground.BREAK_GLASS: "break_glass",
    Ground.REGULATION: "regulation",
    Ground.EMERGENCY_NUMBER: "emergency_number",
}


@dataclass(frozen=True)
class Decision:
    """The answer, its ground, and what it opens (`scope` is None when refused or not about content)."""

    allowed: bool
    ground: Ground
    scope: Scope | None = None

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def mode(self) -> str:
        return MODES.get(self.ground, "normal") if self.allowed else "normal"


def decide(act: Act, facts: Facts) -> Decision:
    """May this actor do this act on this dossier? Default: no."""
    return _RULES[act](facts)


def _no(ground: Ground) -> Decision:
    return Decision(False, ground)


def _yes(ground: Ground) -> Decision:
    return Decision(True, ground)


# -- reading ------------------------------------------------------------------------------------------
def _list(facts: Facts) -> Decision:
    if facts.role in PERSONS:
        return _person_reads(facts)
    if (refusal := _never_reads(facts)) is not None:  # a refusal is falsy
        return refusal
    if facts.purpose is Purpose.REGULATION:
        return _regulates(facts)
    decision = _professional_reads(facts)
    if decision.scope is not None and facts.purpose is Purpose.SECRET:
        return replace(decision, scope=replace(decision.scope, only_secret=True))
    return decision


def authorised(facts: Facts) -> Authorisation | None:
    """D18: of an occupational or PMI doctor, only what the holder gave him herself, to him: nothing by a team."""
    given = facts.authorisation
    return None if facts.needs_express and given is not None and not given.express else given


def is_treating(facts: Facts) -> bool:
    """D18: nor is he ever the treating doctor."""
    return facts.treating and not facts.needs_express


def _professional_reads(facts: Facts) -> Decision:
    """The strongest right decides alone: its ground is what the trace says.

    In an emergency an occupational doctor is one of the professionals present (L1111-17 I): D18 does not stop him.
    """
    given = authorised(facts)
    if is_treating(facts):
        return Decision(True, Ground.TREATING_DOCTOR, _scope(facts, masked=True))  # D1, L1111-16
    glass = facts.broke_glass and facts.allows_break_glass
    if glass and facts.readable:
        return Decision(True, Ground.BREAK_GLASS, _emergency_scope(facts, facts.readable))  # L1111-17 I
    usable = given is not None and (not given.emergency_only or facts.purpose is Purpose.EMERGENCY)
    if given is not None and usable and given.types is None and facts.readable:
        return Decision(True, Ground.AUTHORISED, _authorised_scope(facts, given))
    if facts.typed_number and facts.vital & facts.readable:
        return Decision(True, Ground.EMERGENCY_NUMBER, _number_scope(facts, given if usable else None))
    if given is not None and usable and _types(facts, given):
        return Decision(True, Ground.AUTHORISED, _authorised_scope(facts, given))
    if facts.documents:
        return Decision(True, Ground.OPENED_TO_HIM, _scope(facts, general=False))
    return _no(_why_not(facts, given, usable, glass))


def _why_not(facts: Facts, given: Authorisation | None, usable: bool, glass: bool) -> Ground:
    if facts.needs_express and given is None:
        return Ground.EXPRESS_NEEDED
    if usable or glass:
        return Ground.NOT_ENTITLED  # D20: a profession unknown to the matrix, or types it does not read
    if given is not None:
        return Ground.EMERGENCY_ONLY
    return Ground.EXPIRED if facts.expired else Ground.NOT_AUTHORISED


def _regulates(facts: Facts) -> Decision:
    """A call came in for this person: neither authorisations nor blocks are looked at (D5, L1111-17 I)."""
    if not facts.regulator:
        return _no(Ground.NOT_A_REGULATOR)
    if not facts.allows_regulation:
        return _no(Ground.OPPOSED)
    if not facts.readable:
        return _no(Ground.NOT_ENTITLED)
    scope = replace(_emergency_scope(facts, facts.readable), author="", documents=frozenset())
    return Decision(True, Ground.REGULATION, scope)  # in the name of the call: nothing of his own


def _open(facts: Facts) -> Decision:
    """Like a list; and without a right, still what he wrote himself, masked too (D3, R1111-49)."""
    decision = _list(facts)
    if decision or facts.role in PERSONS or facts.purpose is Purpose.REGULATION:
        return decision
    return _own(facts)


def _own(facts: Facts) -> Decision:
    if (refusal := _never_reads(facts)) is not None:
        return refusal
    if facts.purpose is Purpose.REGULATION:
        return _no(Ground.NOT_CONCERNED)  # he consults in the name of the call, not in his own
    scope = _scope(facts, general=False)
    only_secret = facts.purpose is Purpose.SECRET
    return Decision(True, Ground.AUTHOR, replace(scope, documents=frozenset(), only_secret=only_secret))


def _never_reads(facts: Facts) -> Decision | None:
    if facts.role is Role.STRUCTURE:
        return _no(Ground.NOT_A_PERSON)
    if facts.role is not Role.PROFESSIONAL:
        return _no(Ground.NOT_CONCERNED)  # D19
    if not facts.is_open:
        return _no(Ground.CLOSED)  # D13, author and treating doctor included
    if facts.blocked and facts.purpose is not Purpose.REGULATION:
        return _no(Ground.BLOCKED)  # D2, D3, D5
    if facts.purpose is Purpose.SECRET and not facts.minor:
        return _no(Ground.NOT_OF_AGE)
    return None


def _person_reads(facts: Facts) -> Decision:
    if (refusal := _no_standing(facts)) is not None:
        return refusal
    if not facts.is_open:
        return _no(Ground.CLOSED)  # D13: a copy is asked for, nothing is browsed
    if facts.role is Role.HOLDER:
        return Decision(True, Ground.HOLDER, _scope(facts, masked=True, withheld=False))
    if facts.role in REPRESENTATIVES:
        return Decision(True, Ground.REPRESENTATIVE, _scope(facts, masked=True, withheld=False, secret=False))  # D12
    if Right.READ not in facts.rights:
        return _no(Ground.NOT_ENTITLED)
    scope = _scope(facts, masked=Right.MASKED in facts.rights, withheld=False, secret=False)
    return Decision(True, Ground.CARER, scope)


def _no_standing(facts: Facts) -> Decision | None:
    """A person whose quality ended, or has not begun, with the holder's age."""
    if facts.role is Role.PARENT and not facts.minor:
        return _no(Ground.OF_AGE)
    if facts.role is Role.HOLDER and facts.minor:
        return _no(Ground.NOT_OF_AGE)  # D11
    return None


# -- writing and managing -----------------------------------------------------------------------------
def _deposit(facts: Facts) -> Decision:
    """Feeding is a duty: authorisation governs reading (D4). A block stops it, a closing too (D13)."""
    if facts.role is Role.OTHER:
        return _no(Ground.NOT_CONCERNED)  # D19, and before all: that it is closed is not told to anybody (D17)
    if (refusal := _no_standing(facts)) is not None:
        return refusal
    if not facts.is_open:
        return _no(Ground.CLOSED)
    if facts.role in PERSONS:
        return _person_may(facts, Right.DEPOSIT)
    if facts.purpose is Purpose.REGULATION:
        return _no(Ground.READS_ONLY)  # D7
    if facts.blocked:
        return _no(Ground.BLOCKED)
    if facts.purpose is Purpose.SECRET and not facts.minor:
        return _no(Ground.NOT_OF_AGE)
    return _yes(Ground.FEEDING)


def _person_may(facts: Facts, right: Right | None = None) -> Decision:
    """Holder and representatives may; a carer what he was given (`right`), or nothing."""
    if (refusal := _no_standing(facts)) is not None:
        return refusal
    if facts.role is Role.HOLDER:
        return _yes(Ground.HOLDER)
    if facts.role in REPRESENTATIVES:
        return _yes(Ground.REPRESENTATIVE)
    if facts.role is Role.CARER:
        return _yes(Ground.CARER) if right in facts.rights else _no(Ground.NOT_ENTITLED)
    return _no(Ground.NOT_CONCERNED)


def _manage(facts: Facts) -> Decision:
    """The holder's own settings. A closed dossier still shows its state (D13)."""
    return _person_may(facts)


def _authorise(facts: Facts) -> Decision:
    return _person_may(facts, Right.AUTHORISE)


def _trail(facts: Facts) -> Decision:
    """Also of a closed dossier (D13, L1111-19)."""
    return _person_may(facts, Right.TRAIL)


def _exists(facts: Facts) -> Decision:
    """D17: an identified professional with the INS learns existence, state and his own authorisation."""
    if facts.role in {Role.PROFESSIONAL, Role.STRUCTURE}:
        return _yes(Ground.IDENTIFIED)
    return _no(Ground.NOT_CONCERNED)


def _record(facts: Facts) -> Decision:
    """He asked the holder, who said yes or no: his word is recorded, except by whom the holder blocked.

    Never a structure's certificate: the act is a named person's (EX_0.3-1010). Nor who reads nothing by his
    profession: a secretary feeds, under the responsibility of the author she names (D20, EX_GEN-1320).
    """
    if (refusal := _never_reads(facts)) is not None:
        return refusal
    if facts.purpose is Purpose.REGULATION:
        return _no(Ground.READS_ONLY)  # D7
    if facts.purpose is Purpose.SECRET:
        return _no(Ground.NOT_CONCERNED)  # EX_0.1-1100: a right given there would be read by the parents
    return _yes(Ground.IDENTIFIED) if facts.readable else _no(Ground.NOT_ENTITLED)


def _break(facts: Facts) -> Decision:
    """Any professional present may, unless the holder opposed it (R1111-48) or blocked that person (D5)."""
    if not (decision := _record(facts)):
        return decision
    return decision if facts.allows_break_glass else _no(Ground.OPPOSED)


def _close(facts: Facts) -> Decision:
    """Who follows her, and no stranger, passes on that she wants her dossier closed (rules 1.3, 11.17)."""
    if not (decision := _record(facts)):
        return decision
    return decision if authorised(facts) or is_treating(facts) else _no(Ground.NOT_AUTHORISED)


_RULES: dict[Act, Callable[[Facts], Decision]] = {
    Act.LIST: _list,
    Act.OPEN: _open,
    Act.OWN: _own,
    Act.DEPOSIT: _deposit,
    Act.MANAGE: _manage,
    Act.AUTHORISE: _authorise,
    Act.TRAIL: _trail,
    Act.EXISTS: _exists,
    Act.RECORD: _record,
    Act.BREAK: _break,
    Act.CLOSE: _close,
}


# -- scopes -------------------------------------------------------------------------------------------
def _types(facts: Facts, given: Authorisation) -> frozenset[str]:
    return facts.readable if given.types is None else facts.readable & given.types


def _authorised_scope(facts: Facts, given: Authorisation) -> Scope:
    if given.emergency_only:
        return _emergency_scope(facts, _types(facts, given))
    return _scope(facts, types=_types(facts, given))


def _emergency_scope(facts: Facts, types: frozenset[str]) -> Scope:
    """D6: masked documents only if the holder switched that on; those awaiting announcement yes."""
    return _scope(facts, types=types, masked=facts.shows_masked_in_emergency)


def _number_scope(facts: Facts, given: Authorisation | None) -> Scope:
    """What is vital, and still all that the holder authorised him for: a number takes nothing away (S45)."""
    scope = _emergency_scope(facts, facts.vital & facts.readable)
    if given is None:
        return scope
    more = _authorised_scope(facts, given)
    seen = frozenset().union(*(one.types for one in (scope, more) if one.masked and one.types))
    return replace(scope, types=(scope.types or frozenset()) | _types(facts, given), masked=False, masked_types=seen)


def _scope(
    facts: Facts,
    *,
    general: bool = True,
    types: frozenset[str] | None = None,
    masked: bool = False,
    withheld: bool = True,
    secret: bool = True,
) -> Scope:
    professional = facts.role is Role.PROFESSIONAL
    return Scope(
        dossier_id=facts.dossier_id,
        at=facts.at,
        general=general,
        types=types,
        masked=masked,
        withheld=withheld,
        secret=secret,
        author=facts.author if professional else "",
        documents=facts.documents if professional else frozenset(),
    )
