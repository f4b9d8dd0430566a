"""The policy decides as the table written by hand from rules.md, whatever stands between actor and dossier (G7)."""

import datetime as dt
import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from access.facts import Act, Authorisation, Facts, Ground, Purpose, Right, Role
from access.policy import Decision, Scope, decide
from tests.access import table

YES_NO = [False, True]
NONE: frozenset[str] = frozenset()
EXTENTS = [None, frozenset({table.BOTH}), frozenset({table.READ, table.NEITHER}), frozenset({table.NEITHER})]
AUTHORISATIONS = [None, *(Authorisation(*kind) for kind in itertools.product(EXTENTS, YES_NO, YES_NO))]
TYPES = list(itertools.product([NONE, table.READABLE], [NONE, table.VITAL_TYPES, frozenset({table.VITAL})]))
RIGHTS = [frozenset(some) for size in range(6) for some in itertools.combinations(Right, size)]
FLAGS = ["is_open", "minor", "regulator", "needs_express", "blocked", "expired"]
FLAGS += ["treating", "broke_glass", "typed_number"]
SWITCHES = ["allows_break_glass", "allows_regulation", "shows_masked_in_emergency"]

# Every combination of what can stand between a professional and a dossier; then, shorter, all the others.
PROFESSIONALS = 4 * 2**9 * 17 * 2 * 6 * 2**3
OTHERS = 6 * 4 * 2**5 * 2 * 2 * 32


def professionals(step: int) -> Iterator[Facts]:
    combinations = itertools.product(
        Purpose, AUTHORISATIONS, [NONE, table.OPENED_IDS], TYPES, *[YES_NO] * len(FLAGS + SWITCHES)
    )
    for purpose, authorisation, documents, (readable, vital), *values in itertools.islice(
        combinations, 0, None, step
    ):
        yield Facts(
            Role.PROFESSIONAL,
            table.DOSSIER,
            table.NOW,
            author=table.ME,
            purpose=purpose,
            authorisation=authorisation,
            documents=documents,
            readable=readable,
            vital=vital,
            **dict(zip(FLAGS + SWITCHES, values, strict=True)),
        )


def others(step: int) -> Iterator[Facts]:
    """Whatever a fact says of a professional opens nothing to anybody else."""
    roles = [role for role in Role if role is not Role.PROFESSIONAL]
    authorisations = [None, Authorisation(express=True)]
    flags = ["is_open", "minor", "blocked", "treating", "broke_glass"]
    combinations = itertools.product(
        roles, Purpose, authorisations, [NONE, table.OPENED_IDS], RIGHTS, *[YES_NO] * len(flags)
    )
    for role, purpose, authorisation, documents, rights, *values in itertools.islice(combinations, 0, None, step):
        yield Facts(
            role,
            table.DOSSIER,
            table.NOW,
            author=table.ME,
            purpose=purpose,
            regulator=True,
            typed_number=True,
            authorisation=authorisation,
            documents=documents,
            readable=table.READABLE,
            vital=table.VITAL_TYPES,
            rights=rights,
            **dict(zip(flags, values, strict=True)),
        )


def shelf() -> Callable[[Scope], int]:
    """What a scope lets see of the shelf, computed once a scope: as long as one test runs, no longer."""
    return cache(lambda scope: table.those(scope.covers))


def compare(combinations: Iterable[Facts]) -> Counter[str]:
    """How often each rule decided. Fails at the first answer that is not the table's."""
    hits: Counter[str] = Counter()
    seen = shelf()
    for facts in combinations:
        for act in Act:
            rule, answer = table.rule_of(act, facts), decide(act, facts)
            hits[rule.name] += 1
            wanted = rule.sees(facts) if rule.sees else None
            found = seen(answer.scope) if answer.scope else None
            if (answer.allowed, answer.ground, found) != (rule.allowed, rule.ground, wanted):
                pytest.fail(f"{rule.name}\n{act}: {answer}\n{facts}\nnot as the table: {rule.allowed} {rule.ground}")
    return hits


def test_the_policy_decides_as_the_table_and_every_rule_decides_somewhere():
    """One combination in 23 (a prime: no fact keeps step with it), eleven acts each; a glance first, to fail soon."""
    compare(itertools.chain(professionals(1009), others(101)))
    hits = compare(itertools.chain(professionals(23), others(5)))
    assert {rule.name for rule in table.RULES} == set(hits)
    assert hits.total() == 11 * (-(-PROFESSIONALS // 23) - (-OTHERS // 5)) > 1_500_000


@pytest.mark.slow
def test_the_policy_decides_as_the_table_over_every_combination():
    hits = compare(itertools.chain(professionals(1), others(1)))
    assert hits.total() == 11 * (PROFESSIONALS + OTHERS)


@pytest.mark.parametrize(
    "right",
    [{"treating": True}, {"broke_glass": True}, {"documents": table.OPENED_IDS}, {"typed_number": True}],
    ids=["treating doctor", "a broken glass", "one document opened", "an emergency number"],
)
def test_a_further_right_takes_nothing_away(right):
    seen = shelf()
    for facts in professionals(499):
        before, after = (decide(Act.LIST, one).scope for one in (facts, replace(facts, **right)))
        assert before is None or (after is not None and not seen(before) & ~seen(after)), facts


def test_the_mode_told_all_along_is_that_of_the_ground():
    """EX_0.3-1050: an access that is not the ordinary one is called by its name."""
    modes = {"break_glass", "regulation", "emergency_number"}
    for facts in professionals(997):
        answer = decide(Act.LIST, facts)
        expected = str(answer.ground) if answer and str(answer.ground) in modes else "normal"
        assert answer.mode == expected


@pytest.mark.parametrize(
    ("role", "minor", "ground"),
    [("holder", False, "holder"), ("parent", True, "representative"), ("guardian", False, "representative")],
)
@pytest.mark.parametrize("act", ["manage", "authorise", "trail", "deposit"])
def test_who_manages_a_dossier_does_it_in_his_quality(role, minor, ground, act):
    at = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    facts = Facts(dossier_id=uuid.UUID(int=1), at=at, role=Role(role), minor=minor, is_open=True)
    assert decide(Act(act), facts) == Decision(True, Ground(ground))
