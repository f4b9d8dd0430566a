"""Who may do what, written by hand from rules.md, sections 3 and 12, and from nothing else.

The first rule that holds decides, as section 2.1 orders them: who asks, is the dossier open, which mode,
is he blocked, what was he given, what does his profession read. A rule does not say a scope: it says which
documents of a small shelf are seen, on which there is one of every kind.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from access.facts import Act, Authorisation, Facts, Ground, Purpose, Right, Role

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DOSSIER, OTHER_DOSSIER = uuid.UUID(int=1), uuid.UUID(int=2)
ME, SOMEBODY = "810000000001", "810000000002"

# -- the shelf ------------------------------------------------------------------------------------------
# Types of documents: what his profession reads and an emergency number opens, only the one, the other, neither.
BOTH, READ, VITAL, NEITHER = "11502-2", "11488-4", "60591-5", "ATTEST-RESID"
READABLE = frozenset({BOTH, READ})
VITAL_TYPES = frozenset({BOTH, VITAL})


NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Item:
    """A document, as far as it matters who sees it."""

    type_code: str
    mask: tuple[bool, dt.datetime | None]
    announcement: dt.datetime | None
    secret: bool
    author_ids: list[str]
    opened: bool  # by the holder, to him
    state: str = "current"
    dossier_id: uuid.UUID = DOSSIER
    pk: uuid.UUID = field(default_factory=lambda: uuid.UUID(int=next(NUMBERS)))

    masked = property(lambda self: self.mask[0])
    masked_until = property(lambda self: self.mask[1])
    withheld = property(lambda self: self.announcement is not None)
    visible_from = property(lambda self: self.announcement)


MASKS = [(False, None), (True, None), (True, NOW + DAY), (True, NOW), (True, NOW - DAY)]
ANNOUNCEMENTS = [None, NOW + DAY, NOW, NOW - DAY]
SHELF = [
    Item(type_code, mask, announcement, secret, authors, opened)
    for type_code, mask, announcement, secret in itertools.product(
        [BOTH, READ, VITAL, NEITHER], MASKS, ANNOUNCEMENTS, [False, True]
    )
    for authors, opened in ([[SOMEBODY], False], [[SOMEBODY, ME], False], [[SOMEBODY], True])
    if not (mask[0] and announcement)  # D8: masked and withheld together is refused
]
SHELF += [
    Item(BOTH, MASKS[0], None, False, [SOMEBODY], False, "superseded"),
    Item(BOTH, MASKS[0], None, False, [SOMEBODY, ME], False, "deleted"),
    Item(BOTH, MASKS[0], None, False, [SOMEBODY], True, "deleted"),
    Item(BOTH, MASKS[0], None, False, [SOMEBODY, ME], False, "current", OTHER_DOSSIER),
]

Seen = int  # a set of documents of the shelf, one bit each


def those(holds: Callable[[Item], bool]) -> Seen:
    return sum(1 << place for place, item in enumerate(SHELF) if holds(item))


ALL = those(lambda item: item.state != "deleted" and item.dossier_id == DOSSIER)
MASKED = those(lambda item: item.masked and (item.masked_until is None or item.masked_until > NOW)) & ALL
AWAITING = those(lambda item: item.withheld and item.visible_from > NOW) & ALL
SECRET = those(lambda item: item.secret) & ALL
MINE = those(lambda item: ME in item.author_ids) & ALL
OPENED = those(lambda item: item.opened) & ALL
OPENED_IDS = frozenset(item.pk for item in SHELF if item.opened)
TYPES = {code: those(lambda item, code=code: item.type_code == code) & ALL for code in (BOTH, READ, VITAL, NEITHER)}


def of_types(codes: Collection[str]) -> Seen:
    return sum(TYPES[code] for code in codes)


# -- what is seen ---------------------------------------------------------------------------------------
def in_session(facts: Facts, seen: Seen) -> Seen:
    """EX_0.1-1100: in a secret session, nothing else is handled."""
    return seen & SECRET if facts.purpose is Purpose.SECRET else seen


def his_own(facts: Facts) -> Seen:
    """D3: what he wrote, those only, masked too."""
    return in_session(facts, MINE)


def his(facts: Facts) -> Seen:
    """And what the holder opened to him."""
    return in_session(facts, MINE | (OPENED if facts.documents else 0))


def everything(facts: Facts) -> Seen:
    return in_session(facts, ALL)


def in_emergency(facts: Facts, codes: Collection[str]) -> Seen:
    """D6: masked only if the holder switched that on; awaiting announcement, yes."""
    return of_types(codes) & (ALL if facts.shows_masked_in_emergency else ~MASKED)


def by_glass(facts: Facts) -> Seen:
    return in_session(facts, in_emergency(facts, facts.readable)) | his(facts)


def by_number(facts: Facts) -> Seen:
    """What is vital, beside all that he was given: a further right takes nothing away."""
    vital = in_session(facts, in_emergency(facts, facts.readable & facts.vital)) | his(facts)
    return vital | as_authorised(facts) if usable(facts) else vital


def as_authorised(facts: Facts) -> Seen:
    given = facts.authorisation
    codes = facts.readable if given.types is None else facts.readable & given.types
    seen = in_emergency(facts, codes) if given.emergency_only else of_types(codes) & ~MASKED
    return in_session(facts, seen) | his(facts)


def by_carer(facts: Facts) -> Seen:
    return ALL & ~AWAITING & ~SECRET & (ALL if Right.MASKED in facts.rights else ~MASKED)


# -- who stands where -----------------------------------------------------------------------------------
SPEAKS = {Role.PARENT, Role.GUARDIAN}
PERSONS = {Role.HOLDER, Role.PARENT, Role.GUARDIAN, Role.CARER}
READING = {Act.LIST, Act.OPEN}
SETTINGS = {Act.MANAGE, Act.AUTHORISE, Act.TRAIL}
CARERS_ACTS = {Act.DEPOSIT: Right.DEPOSIT, Act.AUTHORISE: Right.AUTHORISE, Act.TRAIL: Right.TRAIL}


def professional(facts: Facts) -> bool:
    return facts.role in {Role.PROFESSIONAL, Role.STRUCTURE}


def person(facts: Facts) -> bool:
    return facts.role in PERSONS


def called(facts: Facts) -> bool:
    return facts.purpose is Purpose.REGULATION


def given(facts: Facts) -> Authorisation | None:
    """D18: for an occupational doctor or a PMI doctor, only what the holder himself gave to him."""
    kept = facts.authorisation
    return None if facts.needs_express and kept is not None and not kept.express else kept


def usable(facts: Facts) -> bool:
    kept = given(facts)
    return kept is not None and (not kept.emergency_only or facts.purpose is Purpose.EMERGENCY)


def always(_: Facts) -> bool:
    return True


# -- the rules ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Rule:
    name: str  # its number in rules.md, then what it says
    acts: Collection[Act]
    holds: Callable[[Facts], bool]
    allowed: bool
    ground: Ground
    sees: Callable[[Facts], Seen] | None = None


def no(name: str, acts: Collection[Act], holds: Callable[[Facts], bool], ground: Ground) -> Rule:
    return Rule(name, acts, holds, False, ground)


def yes(
    name: str,
    acts: Collection[Act],
    holds: Callable[[Facts], bool],
    ground: Ground,
    sees: Callable[[Facts], Seen] | None = None,
) -> Rule:
    return Rule(name, acts, holds, True, ground, sees)


RULES = [
    # Who asks. Nothing of the dossier, not even that it is closed, is said to whom it does not concern (D17).
    no(
        "D19 counter, operator, insurer, super-user: never", Act, lambda f: f.role is Role.OTHER, Ground.NOT_CONCERNED
    ),
    no(
        "3.6 a structure feeds, never reads, never speaks for a person (EX_GEN-1320)",
        READING | {Act.OWN, Act.RECORD, Act.BREAK, Act.CLOSE},
        lambda f: f.role is Role.STRUCTURE,
        Ground.NOT_A_PERSON,
    ),
    no("3.1 the holder's settings are the holder's", SETTINGS, professional, Ground.NOT_CONCERNED),
    no(
        "D17 professionals' questions are theirs",
        {Act.EXISTS, Act.OWN, Act.RECORD, Act.BREAK, Act.CLOSE},
        person,
        Ground.NOT_CONCERNED,
    ),
    yes("D17 he learns that a dossier exists, its state, his right", {Act.EXISTS}, professional, Ground.IDENTIFIED),
    no(
        "3.5 the parents' right ends at the majority",
        Act,
        lambda f: f.role is Role.PARENT and not f.minor,
        Ground.OF_AGE,
    ),
    no("D11 no account of one's own before it", Act, lambda f: f.role is Role.HOLDER and f.minor, Ground.NOT_OF_AGE),
    # Is it open?
    no(
        "D13 closed: nobody reads, nobody feeds",
        READING | {Act.OWN, Act.DEPOSIT, Act.RECORD, Act.BREAK, Act.CLOSE},
        lambda f: not f.is_open,
        Ground.CLOSED,
    ),
    # Persons.
    yes("L1111-19 the holder", SETTINGS | {Act.DEPOSIT}, lambda f: f.role is Role.HOLDER, Ground.HOLDER),
    yes("3.5 who speaks for him", SETTINGS | {Act.DEPOSIT}, lambda f: f.role in SPEAKS, Ground.REPRESENTATIVE),
    *(
        yes(
            f"3.5 a carer was given {right}",
            {act},
            lambda f, right=right: f.role is Role.CARER and right in f.rights,
            Ground.CARER,
        )
        for act, right in CARERS_ACTS.items()
    ),
    yes(
        "R1111-53 the holder sees all but what awaits announcement",
        READING,
        lambda f: f.role is Role.HOLDER,
        Ground.HOLDER,
        lambda f: ALL & ~AWAITING,
    ),
    yes(
        "D12 a representative neither that, nor what the minor keeps secret",
        READING,
        lambda f: f.role in SPEAKS,
        Ground.REPRESENTATIVE,
        lambda f: ALL & ~AWAITING & ~SECRET,
    ),
    yes(
        "3.5 a carer who was given reading",
        READING,
        lambda f: f.role is Role.CARER and Right.READ in f.rights,
        Ground.CARER,
        by_carer,
    ),
    no("3.5 a carer has no right that was not given", Act, lambda f: f.role is Role.CARER, Ground.NOT_ENTITLED),
    # Centre 15: neither authorisations nor blocks are looked at (D5).
    no(
        "D7 the Centre 15 consults and does not write",
        {Act.DEPOSIT, Act.RECORD, Act.BREAK, Act.CLOSE},
        called,
        Ground.READS_ONLY,
    ),
    no("D7 nor has he deposits of his own there", {Act.OWN}, called, Ground.NOT_CONCERNED),
    no(
        "3.3 the Centre 15 is who his token says",
        READING,
        lambda f: called(f) and not f.regulator,
        Ground.NOT_A_REGULATOR,
    ),
    no("R1111-48 the holder opposed it", READING, lambda f: called(f) and not f.allows_regulation, Ground.OPPOSED),
    no(
        "D20 nothing for an unknown profession, on a call",
        READING,
        lambda f: called(f) and not f.readable,
        Ground.NOT_ENTITLED,
    ),
    yes(
        "L1111-17 a call came in for this person",
        READING,
        called,
        Ground.REGULATION,
        lambda f: in_emergency(f, f.readable),
    ),
    # Blocked?
    no("D2 D3 D4 D5 blocked: no reading, no feeding, no glass", Act, lambda f: f.blocked, Ground.BLOCKED),
    no(
        "D11 a secret session is with a minor",
        Act,
        lambda f: f.purpose is Purpose.SECRET and not f.minor,
        Ground.NOT_OF_AGE,
    ),
    # What needs no right.
    yes("D4 feeding is a duty", {Act.DEPOSIT}, always, Ground.FEEDING),
    no(
        "EX_0.1-1100 a secret session handles its documents, nothing else",
        {Act.RECORD, Act.BREAK, Act.CLOSE},
        lambda f: f.purpose is Purpose.SECRET,
        Ground.NOT_CONCERNED,
    ),
    no(
        "3.6 a secretary, whose profession reads nothing, feeds and records nobody's word (D20)",
        {Act.RECORD, Act.BREAK, Act.CLOSE},
        lambda f: not f.readable,
        Ground.NOT_ENTITLED,
    ),
    yes("EX_0.3-1010 the holder's word is recorded", {Act.RECORD}, always, Ground.IDENTIFIED),
    no(
        "R1111-48 no glass where the holder opposed it",
        {Act.BREAK},
        lambda f: not f.allows_break_glass,
        Ground.OPPOSED,
    ),
    yes(
        "11.17 who follows her passes on that she wants it closed",
        {Act.CLOSE},
        lambda f: given(f) is not None or (f.treating and not f.needs_express),  # D18
        Ground.IDENTIFIED,
    ),
    no("11.17 a stranger does not", {Act.CLOSE}, always, Ground.NOT_AUTHORISED),
    yes("3.3 any professional present may break it", {Act.BREAK}, always, Ground.IDENTIFIED),
    yes("D3 his own deposits, those only", {Act.OWN}, always, Ground.AUTHOR, his_own),
    # What he was given, the strongest first.
    yes(
        "D1 the treating doctor sees everything, masked too (L1111-16)",
        READING,
        lambda f: f.treating and not f.needs_express,  # D18
        Ground.TREATING_DOCTOR,
        everything,
    ),
    yes(
        "3.3 D18 the glass is broken, by an occupational doctor too: any professional present (L1111-17 I)",
        READING,
        lambda f: f.broke_glass and f.allows_break_glass and bool(f.readable),
        Ground.BREAK_GLASS,
        by_glass,
    ),
    yes(
        "3.1 authorised: what his profession reads",
        READING,
        lambda f: usable(f) and given(f).types is None and bool(f.readable),
        Ground.AUTHORISED,
        as_authorised,
    ),
    yes(
        "S45 the emergency number opens what is vital",
        READING,
        lambda f: f.typed_number and bool(f.vital & f.readable),
        Ground.EMERGENCY_NUMBER,
        by_number,
    ),
    yes(
        "S42 authorised for some types",
        READING,
        lambda f: usable(f) and given(f).types is not None and bool(given(f).types & f.readable),
        Ground.AUTHORISED,
        as_authorised,
    ),
    yes("S41 one masked document opened to him", READING, lambda f: bool(f.documents), Ground.OPENED_TO_HIM, his),
    yes("D3 the author opens what he wrote", {Act.OPEN}, always, Ground.AUTHOR, his_own),
    # Why not.
    no(
        "D18 occupational doctor, PMI doctor",
        {Act.LIST},
        lambda f: f.needs_express and given(f) is None,
        Ground.EXPRESS_NEEDED,
    ),
    no(
        "D20 a broken glass shows an unknown profession nothing",
        {Act.LIST},
        lambda f: f.broke_glass and f.allows_break_glass,
        Ground.NOT_ENTITLED,
    ),
    no(
        "S39 authorised for emergencies only",
        {Act.LIST},
        lambda f: given(f) is not None and not usable(f),
        Ground.EMERGENCY_ONLY,
    ),
    no("D20 unknown profession or type", {Act.LIST}, usable, Ground.NOT_ENTITLED),
    no("EX_0.3-1020 an ended authorisation is none", {Act.LIST}, lambda f: f.expired, Ground.EXPIRED),
    no("3.1 no authorisation, no reading", {Act.LIST}, always, Ground.NOT_AUTHORISED),
]
BY_ACT = {act: [rule for rule in RULES if act in rule.acts] for act in Act}


def rule_of(act: Act, facts: Facts) -> Rule:
    return next(rule for rule in BY_ACT[act] if rule.holds(facts))
