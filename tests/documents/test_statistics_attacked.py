"""Somebody with every published table, the rule of rounding, and which groups are not empty: he finds no small one.

The tables of a month are sums that share a total, the departments within their region. On such a tree, bounds passed
up then down are exact: what this attacker does not find, nobody who reads these tables does. He does the same with
those who may open a dossier, and knows that no more were opened there, in all the months together.
"""

import csv
import datetime as dt
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as asked_of
from hypothesis import strategies as st

from documents import coverage, statistics
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


def up(group):
    """What its parts say of the group."""
    for parts in group.ways:
        for part in parts:
            up(part)
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


def rounding(group, base):
    """What the rule says of a figure, alone."""
    for one in everybody(group):
        one.low, one.high = one.told, one.told + base - 1


def found(*wholes, bounds=()):
    """The groups that the attacker knows to be small, and not empty. `bounds`: a group, others that it holds."""
    groups = [one for whole in wholes for one in everybody(whole)]
    before = None
    while before != (before := [(one.low, one.high) for one in groups]):
        for whole in wholes:
            up(whole)
            down(whole)
        for holder, held in bounds:
            lows = sum(one.low for one in held)
            holder.low = max(holder.low, lows)
            for one in held:
                one.high = min(one.high, holder.high - (lows - one.low))
    assert all(one.low <= one.count <= one.high for one in groups)  # he reasons well
    return sorted({one.name for one in groups if one.low >= SMALL.start and one.high < SMALL.stop})


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
    month = Group("all", count=23, told=22, ways=[parts])
    rounding(month, 11)
    assert found(month) == ["10"]


@given(months().filter(lambda month: month.count))
@asked_of(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_published_table_nor_several_together_show_a_group_under_eleven(client, month):
    keep(month)
    read(client, month)
    rounding(month, statistics.STEP)
    assert found(month) == []


@given(months())
@asked_of(max_examples=400, deadline=None)
def test_nor_does_any_month_of_small_and_telling_counts(month):
    tell(month)
    assert found(month) == []


def tell(group):
    for one in everybody(group):
        one.told = statistics.rounded(one.count)
    rounding(group, statistics.STEP)


def test_the_attacker_finds_what_days_by_regions_would_give_away():
    """Ten days with 19 dossiers in one region and 1 in another: 20 each, and the other region has 10 in all."""
    days = [
        Group(name, count=20, ways=[[Group(f"{name}, 35", count=19), Group(f"{name}, 2A", count=1)]])
        for name in DAYS[:10]
    ]
    regions = [
        Group(name, count=10 * count, ways=[[day.ways[0][place] for day in days]])
        for place, (name, count) in enumerate((("Bretagne", 19), ("Corse", 1)))
    ]
    month = Group("2026-10", count=200, ways=[days, regions])
    tell(month)
    assert found(month) == [f"{name}, 2A" for name in DAYS[:10]]
    tell(alone := Group("2026-10", count=200, ways=[[Group(name, count=20) for name in DAYS[:10]]]))
    assert found(alone) == []


# -- who may open, beside what was opened ---------------------------------------------------------------
@st.composite
def years(draw):
    """Months of the same departments, and who may open: as many as opened or a few more, so that it says the most."""
    months = [_spread(draw, lambda: draw(TELLING | st.just(0))) for _ in range(draw(st.integers(1, 4)))]
    return months, _spread(draw, lambda: draw(st.sampled_from([0, 0, 1, 19, 40, 400])), months)


def _spread(draw, count, months=()):
    """A total of regions of departments; with `months`, this many more than were opened in them."""
    regions = []
    for name, departments in REGIONS.items():
        parts = [Group(one, count=count() + sum(opened(one, months))) for one in departments]
        regions.append(Group(name, count=sum(one.count for one in parts), ways=[parts]))
    return Group("", count=sum(one.count for one in regions), ways=[regions])


def opened(name, months):
    return [one.count for month in months for one in everybody(month) if one.name == name]


def bounds_of(months, may):
    return [
        (holder, [one for month in months for one in everybody(month) if one.name == holder.name])
        for holder in everybody(may)
    ]


def hold(months, may):
    """What is told of all; and of each place that is left out, what the rule says of it to whoever knows why."""
    for month in months:
        tell(month)
    bounds = bounds_of(months, may)
    most = {holder.name: sum(one.high for one in held) for holder, held in bounds}
    (regions,) = may.ways
    told = chosen(may.count, [may], months, most)
    if told:
        told |= (inside := chosen(may.count, regions, months, most))
        for one in regions:
            if one.name in inside:
                told |= chosen(one.count, one.ways[0], months, most)
    for one in everybody(may):
        if one.name in told:
            one.low, one.high = told[one.name], told[one.name] + statistics.STEP - 1
        elif statistics.rounded(one.count) < most[one.name]:
            one.low, one.high = 0, most[one.name] - 1 + statistics.STEP - 1
        else:
            one.low, one.high = most[one.name], math.inf
    return bounds, told


def chosen(whole, parts, months, most):
    known = [one for one in parts if one.count or any(opened(one.name, months))]
    counts = {one.name: statistics.rounded(one.count) for one in known}
    return coverage.fitting(statistics.rounded(whole), counts, {one.name: most[one.name] for one in known})


@given(years())
@asked_of(max_examples=300, deadline=None)
def test_who_may_open_shows_no_small_group_of_openings(year):
    months, may = year
    bounds, _ = hold(months, may)
    assert found(*months, may, bounds=bounds) == []


def region(name, **departments):
    return Group(
        name, count=sum(departments.values()), ways=[[Group(one, count=n) for one, n in departments.items()]]
    )


def one_region(here, there):
    return [region("Bretagne", **{"35": here, "22": there})]


def two_regions(here, there):
    return [region("Bretagne", **{"35": here}), region("Corse", **{"22": there})]


def one_a_month(count, placed):
    """Of 20 openings a month, one is where as many may open as ever do; 1,520 may in the other department."""
    months = [Group("", count=20, ways=[placed(19, 1)]) for _ in range(count)]
    return months, Group("", count=1520 + count, ways=[placed(1520, count)])


@pytest.mark.parametrize("placed", [one_region, two_regions])
@pytest.mark.parametrize("count", [10, 30, 39])
def test_the_attacker_finds_what_every_count_of_who_may_open_would_give_away(count, placed):
    months, may = one_a_month(count, placed)
    bounds, _ = hold(months, may)
    assert found(*months, may, bounds=bounds) == []
    for month in months:
        tell(month)
    tell(may)
    assert "22" in found(*months, may, bounds=bounds)


@given(years().filter(lambda year: year[0][0].count and year[1].count))
@asked_of(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_published_tables_are_those_that_were_attacked(client, code_tables, year):
    months, may = year
    Statistic.objects.all().delete()
    cells = [("opened", place, month) for place, month in enumerate(months, 1)] + [("eligible", len(months), may)]
    kinds = dict.fromkeys(REGIONS, "region") | {"": "all"}
    Statistic.objects.bulk_create(
        Statistic(
            measure=measure,
            dimension=kinds.get(one.name, "department"),
            value=one.name,
            count=one.count,
            day=dt.date(2026, place, 1),
        )
        for measure, place, whole in cells
        for one in everybody(whole)
        if one.count
    )
    Statistic.objects.create(measure="opened", dimension="all", value="", count=1, day=dt.date(2027, 1, 1))
    _, told = hold(months, may)
    text = client.get("/statistiques.csv").content.decode()
    rows = [row for row in csv.DictReader(text.splitlines(), delimiter=";")]
    assert {row["value"]: int(row["count"]) for row in rows if row["measure"] == "eligible"} == told
    for name in REGIONS:  # the view of a region tells rows of the same tables, and no other
        text = client.get("/statistiques.csv", {"region": name}).content.decode()
        assert all(row in rows for row in csv.DictReader(text.splitlines(), delimiter=";"))
