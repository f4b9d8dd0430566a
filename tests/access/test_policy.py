"""The policy against a table written by hand from rules.md (sections 3 and 12), not from the code.

Each line: what stands between the professional and the dossier, then what he gets when he lists, when
he opens one document, when he asks for his own, when he deposits.
"""

import datetime as dt
import itertools
import uuid

import pytest

from access.facts import Act, Authorisation, Facts, Ground, Role
from access.policy import decide
from tests.factories import READABLE

DOSSIER = uuid.uuid4()
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
NOTHING = frozenset()
YES = Authorisation()

# rule (number in rules.md), facts, then: list, open, own, deposit
TABLE = [
    ("D4 feeding needs no right", {}, "no:not_authorised", "own", "own", "yes:feeding"),
    ("an ended right is no right", {"expired": True}, "no:expired", "own", "own", "yes:feeding"),
    ("authorised: the matrix's types", {"authorisation": YES}, "types", "types", "own", "yes:feeding"),
    ("D1 treating doctor sees masked", {"treating": True}, "all", "all", "own", "yes:feeding"),
    (
        "D1 also beside an authorisation",
        {"treating": True, "authorisation": YES},
        "all",
        "all",
        "own",
        "yes:feeding",
    ),
    ("D2 a block beats an authorisation", {"authorisation": YES, "blocked": True}, *["no:blocked"] * 4),
    ("D2 a block beats the treating doctor", {"treating": True, "blocked": True}, *["no:blocked"] * 4),
    ("D3 a blocked author reads nothing", {"blocked": True}, *["no:blocked"] * 4),
    ("D13 closed for all", {"is_open": False, "treating": True}, *["no:closed"] * 4),
    ("D13 closed comes before blocked", {"is_open": False, "blocked": True}, *["no:closed"] * 4),
    (
        "D20 unknown profession",
        {"authorisation": YES, "readable": NOTHING},
        "no:not_entitled",
        "own",
        "own",
        "yes:feeding",
    ),
    ("one document opened to him", {"documents": frozenset({DOSSIER})}, "his", "his", "own", "yes:feeding"),
]
ACTS = [Act.LIST, Act.OPEN, Act.OWN, Act.DEPOSIT]


def answer(decision):
    scope = decision.scope
    if not decision:
        return f"no:{decision.ground}"
    if scope is None:
        return f"yes:{decision.ground}"
    if not scope.general:
        return "his" if decision.ground == Ground.OPENED_TO_HIM else "own"
    return "all" if scope.types is None and scope.masked else "types"


@pytest.mark.parametrize(
    ("rule", "facts", "act", "expected"),
    [(line[0], line[1], act, line[2 + column]) for line in TABLE for column, act in enumerate(ACTS)],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_professional(rule, facts, act, expected):
    known = {"author": "810000000000", "readable": frozenset(READABLE)} | facts
    assert answer(decide(act, Facts(Role.PROFESSIONAL, DOSSIER, NOW, **known))) == expected


def test_counter_operator_insurer_and_super_user_never_read_nor_feed_nor_manage():
    """D19. No combination of facts changes it."""
    for flags in itertools.product([False, True], repeat=4):
        names = ("broke_glass", "treating", "blocked", "is_open")
        facts = Facts(Role.OTHER, DOSSIER, NOW, readable=frozenset(READABLE), **dict(zip(names, flags, strict=True)))
        assert not any(decide(act, facts) for act in Act)


def test_a_structure_feeds_and_never_reads():
    """Section 3.6: certificates of structures and secretaries feed only."""
    facts = Facts(Role.STRUCTURE, DOSSIER, NOW, authorisation=YES, readable=frozenset(READABLE))
    assert decide(Act.DEPOSIT, facts)
    for act in (Act.LIST, Act.OPEN, Act.OWN):
        assert decide(act, facts).ground == Ground.NOT_A_PERSON


@pytest.mark.parametrize(
    ("role", "withheld", "secret"),
    [(Role.HOLDER, False, True), (Role.GUARDIAN, False, False)],
    ids=["holder", "D12 guardian"],
)
def test_persons_see_every_type_masked_included(role, withheld, secret):
    scope = decide(Act.LIST, Facts(role, DOSSIER, NOW)).scope
    assert (scope.types, scope.masked, scope.withheld, scope.secret) == (None, True, withheld, secret)


def test_a_closed_dossier_shows_its_holder_its_trace_and_nothing_else():
    """D13."""
    facts = Facts(Role.HOLDER, DOSSIER, NOW, is_open=False)
    assert decide(Act.MANAGE, facts)
    assert not any(decide(act, facts) for act in (Act.LIST, Act.OPEN, Act.DEPOSIT))


def test_a_carer_has_no_right_that_was_not_given():
    facts = Facts(Role.CARER, DOSSIER, NOW)
    assert not any(decide(act, facts) for act in Act)


def test_only_an_identified_professional_learns_that_a_dossier_exists():
    """D17."""
    allowed = {role for role in Role if decide(Act.EXISTS, Facts(role, DOSSIER, NOW))}
    assert allowed == {Role.PROFESSIONAL, Role.STRUCTURE}
