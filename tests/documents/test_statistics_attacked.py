"""Somebody with every published table, the rule of rounding, and which groups are not empty: he finds no small one.

The tables of a month are sums that share a total, the departments within their region. On such a tree, bounds passed
up then down are exact: what this attacker does not find, nobody who reads these tables does.
"""

import csv
import datetime as dt
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as asked_of
from hypothesis import strategies as st

from documents import statistics
from documents.statistics import Statistic

pytestmark = pytest.mark.django_db

SMALL = range(1, 11)  # a group that nobody may find: somebody is in it, and fewer than 11


@dataclass
class Group:
    """What is told of it, and each way in which it is the sum of others."""

    name: str
    told: int = 0
    count: int = 0  # the truth: the attacker does not look
    ways: list[list["Group"]] = field(default_factory=list)
    low: int = 0
    high: float = math.inf


def up(group, base):
    """What the group and its parts say of it."""
    group.low, group.high = group.told, group.told + base - 1
    for parts in group.ways:
        for part in parts:
            up(part, base)
        group.low = max(group.low, sum(part.low for part in parts))
        group.high = min(group.high, sum(part.high for part in parts))


def down(group):
    """What the whole and the others say of each part."""
    for parts in group.ways:
        lows, highs = sum(part.low for part in parts), sum(part.high for part in parts)
        for part in parts:
            low = max(part.low, group.low - (highs - part.high))
            part.high = min(part.high, group.high - (lows - part.low))
            part.low = low
        for part in parts:
            down(part)


def everybody(group):
    yield group
    for parts in group.ways:
        for part in parts:
            yield from everybody(part)


def found(month, base):
    """The groups that the attacker knows to be small, and not empty."""
    up(month, base)
    down(month)
    groups = list(everybody(month))
    assert all(one.low <= one.count <= one.high for one in groups)  # he reasons well
    return [one.name for one in groups if one.low >= SMALL.start and one.high < SMALL.stop]


# -- worlds: counts that make the roundings say the most ------------------------------------------------
TELLING = st.sampled_from([1, 2, 9, 10, 11, 12, 13, 18, 19, 20, 21, 22, 39, 40, 41, 59])
DAYS = [f"2026-10-{day:02d}" for day in range(1, 32)]
REGIMES = ["Régime général", "Régime agricole", "Autre régime"]
CHANNELS = ["counter", "online", "api"]
REGIONS = {"Bretagne": ["22", "29", "35", "56"], "Corse": ["2A", "2B"], "Guyane": ["973"]}


def shared(draw, total, names):
    """`total` people among some of these names, the last one taking what is left."""
    parts, left = [], total
    for name in names:
        if left and (count := min(left, draw(TELLING))):
            parts.append(Group(name, count=count))
            left -= count
    if left:
        parts[-1].count += left
    return parts


@st.composite
def months(draw):
    regions = []
    for name, departments in REGIONS.items():
        parts = [Group(one, count=count) for one in departments if (count := draw(TELLING | st.just(0)))]
        if parts:
            regions.append(Group(name, count=sum(one.count for one in parts), ways=[parts]))
    total = sum(one.count for one in regions)
    ways = [regions, *(shared(draw, total, names) for names in (DAYS, REGIMES, CHANNELS))] if total else []
    return Group("2026-10", count=total, ways=ways)


def keep(month):
    """The world as the nightly count leaves it."""
    Statistic.objects.all().delete()
    regions, days, regimes, channels = month.ways
    last = dt.date.fromisoformat(days[-1].name)
    first = [("all", "", one.count, dt.date.fromisoformat(one.name)) for one in days]
    rest = [("region", one) for one in regions] + [("regime", one) for one in regimes]
    rest += [("department", one) for region in regions for one in region.ways[0]]
    rest += [("channel", one) for one in channels]
    after = ("all", "", 1, dt.date(2026, 11, 1))  # October is over
    rows = [after, *first] + [(dimension, one.name, one.count, last) for dimension, one in rest]
    Statistic.objects.bulk_create(
        Statistic(measure="opened", dimension=dimension, value=value, count=count, day=day)
        for dimension, value, count, day in rows
    )


def read(client, month):
    """Every figure that is published, laid on the tree of the groups: none is of anything else."""
    told: dict[tuple[str, str, str], int] = {}
    for asked in ({}, {"par": "jour"}):
        text = client.get("/statistiques.csv", asked).content.decode()
        for row in csv.DictReader(text.splitlines(), delimiter=";"):
            told[row["period"], row["dimension"], row["value"]] = int(row["count"])
    for one in everybody(month):
        kinds = ("regime", "channel", "region", "department")
        names = [("2026-10", kind, one.name) for kind in kinds] + [(one.name, "all", "")]
        one.told = next((told.pop(name) for name in names if name in told), 0)
    assert not told


def test_the_attacker_finds_what_rounding_to_elevens_gives_away():
    """Twenty-three dossiers, thirteen of one regime: 22, 11, and so the other regime has 1 to 10."""
    parts = [Group("13", count=13, told=11), Group("10", count=10)]
    assert found(Group("all", count=23, told=22, ways=[parts]), 11) == ["10"]


@given(months().filter(lambda month: month.count))
@asked_of(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_published_table_nor_several_together_show_a_group_under_eleven(client, month):
    keep(month)
    read(client, month)
    assert found(month, statistics.STEP) == []


@given(months())
@asked_of(max_examples=400, deadline=None)
def test_nor_does_any_month_of_small_and_telling_counts(month):
    for one in everybody(month):
        one.told = statistics.rounded(one.count)
    assert found(month, statistics.STEP) == []
