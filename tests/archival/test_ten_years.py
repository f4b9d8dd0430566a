"""When the ten years are over: the product's rule against another, written apart, over 20,000 pairs of instants.

The other rule knows no time zone database: summer time is from the last Sunday of March to the last of October, at
one o'clock UTC (directive 2000/84/EC); dates are triples that are compared.
"""

import datetime as dt
import random

import pytest
from django.db import transaction

from archival import destruction
from patients import dossiers
from tests import factories as make

PAIRS, DOSSIERS, MOMENTS = 20_000, 60, 40


def last_sunday(year, month):
    for day in range(31, 24, -1):
        # Zeller's congruence (March 3, ..., February 14 of the year before): 1 is Sunday
        if (day + 13 * (month + 1) // 5 + year % 100 + year % 100 // 4 + year // 400 + 5 * (year // 100)) % 7 == 1:
            return day
    raise AssertionError


def paris(at):
    """(year, month, day) on a French clock."""
    begins = (3, last_sunday(at.year, 3), 1)
    ends = (10, last_sunday(at.year, 10), 1)
    summer = begins <= (at.month, at.day, at.hour) < ends
    local = at + dt.timedelta(hours=2 if summer else 1)
    return local.year, local.month, local.day


def may_be_destroyed(closed_at, now):
    year, month, day = paris(closed_at)
    last = (year + 10, 3, 1) if (month, day) == (2, 29) else (year + 10, month, day)
    return paris(now) > last


def instants(draw):
    """Many near what is treacherous: midnight in Paris, changes of hour, the end of February, the tenth birthday."""
    year = draw.randrange(2015, 2051)
    kind = draw.randrange(4)
    if kind == 0:
        day = dt.datetime(year, 2, 27, tzinfo=dt.UTC) + dt.timedelta(days=draw.randrange(4))
    elif kind == 1:
        month = draw.choice([3, 10])
        day = dt.datetime(year, month, last_sunday(year, month), tzinfo=dt.UTC)
    else:
        day = dt.datetime(year, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=draw.randrange(365))
    hour = draw.choice([0, 1, 21, 22, 23, draw.randrange(24)])
    closed_at = day + dt.timedelta(hours=hour, microseconds=draw.choice([0, 1, -1, draw.randrange(3_600_000_000)]))
    near = closed_at.replace(year=closed_at.year + 10, day=min(closed_at.day, 28))
    now = near + dt.timedelta(days=draw.choice([-1, 0, 0, 1, 1, 2, 3, draw.randrange(-4000, 4000)]))
    now = now.replace(hour=draw.choice([0, 21, 22, 23, draw.randrange(24)]))
    return closed_at, now + dt.timedelta(microseconds=draw.choice([0, 1, -1]))


def test_never_a_day_early_never_a_day_late(time_machine):
    draw = random.Random(20261124)
    answers = []
    for _ in range(PAIRS):
        closed_at, now = instants(draw)
        time_machine.move_to(now, tick=False)
        expected = may_be_destroyed(closed_at, now)
        assert dossiers.is_over(closed_at) is expected, (closed_at, now)
        answers.append(expected)
    assert 0.3 < sum(answers) / PAIRS < 0.7  # the sample is about the border


def test_the_other_rule_knows_its_sundays():
    assert [last_sunday(2026, 3), last_sunday(2026, 10), last_sunday(2032, 10), last_sunday(2040, 3)] == [
        29,
        25,
        31,
        25,
    ]


@pytest.mark.django_db
def test_what_is_found_and_claimed_in_the_database_is_what_the_other_rule_says(time_machine):
    """The index looks 3,650 days back, and the claim asks again: neither is a day early nor a day late."""
    draw = random.Random(20261127)
    pairs = [instants(draw) for _ in range(DOSSIERS)]
    known = {make.DossierFactory(closed=True, closed_at=closed_at).pk: closed_at for closed_at, _ in pairs}
    sizes = set()
    for now in [now for _, now in pairs][:MOMENTS]:
        time_machine.move_to(now, tick=False)
        expected = {key for key, closed_at in known.items() if may_be_destroyed(closed_at, now)}
        assert set(destruction.due(1000)) == expected
        with transaction.atomic():
            assert {key for key in known if destruction._claim(key)} == expected
            transaction.set_rollback(True)
        sizes.add(len(expected))
    assert len(sizes) > 5
