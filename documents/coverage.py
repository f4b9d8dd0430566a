"""How many insured persons may open a dossier, and how many dossiers were opened there (feature S86).

Who reads both tables knows one thing more: no more dossiers were opened than people who may. A department where
nearly all have one would so be found, month after month. Hence the count of a place is told only where it says
nothing of the openings (`fitting`): with 19 more in every month that was told, there would still be people enough.
Whoever sees it knows of no month that it cannot have been so; whoever does not see it learns that it is less than
that sum, which says nothing either. Those who come to the register later are not in the count: it does not bound the
openings that follow it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Min

from documents import statistics
from documents.statistics import STEP, Figure, Statistic
from patients import terms

Dimension, Measure = Statistic.Dimension, Statistic.Measure


def fitting(whole: int, parts: Mapping[str, int], most: Mapping[str, int]) -> dict[str, int]:
    """The rounded counts that are told of the parts of `whole`; `most`: dossiers there can have been in each.

    The others are what is left of the whole: enough is left out that all their openings could be in it.
    """
    told = {value: count for value, count in parts.items() if count and count >= most.get(value, 0)}
    silent = [value for value in {*parts, *most} if value not in told]
    while told and silent and whole - sum(told.values()) < sum(most.get(value, 0) for value in silent):
        smallest = min(told, key=lambda value: (told[value], value))
        silent.append(smallest)
        del told[smallest]
    return told


def eligible(dimension: Statistic.Dimension) -> Iterator[Figure]:
    """What is published of who may open, a stock a year."""
    counts = {one: _stocks(one) for one in {Dimension.ALL, Dimension.REGION, dimension}}
    for day in sorted(counts[Dimension.ALL]):
        for value, count in sorted(_of_stock(day, dimension, counts).items()):
            yield Figure(Measure.ELIGIBLE, dimension, value, f"{day:%Y-%m}", count)


Stocks = dict[dt.date, dict[str, int]]


def _stocks(dimension: Statistic.Dimension) -> Stocks:
    """By month and value, rounded; what comes to 0 as well, since somebody is there."""
    found: Stocks = {}
    before = statistics.told_before() or dt.date.min
    rows = Statistic.objects.filter(measure=Measure.ELIGIBLE, dimension=dimension, day__lt=before)
    for day, value, count in rows.values_list("day", "value", "count"):
        found.setdefault(day, {})[value] = statistics.rounded(count)
    return found


def _of_stock(
    day: dt.date, dimension: Statistic.Dimension, counts: dict[Statistic.Dimension, Stocks]
) -> dict[str, int]:
    """The parts that are told: of the whole or, for departments, of each region that is told itself."""

    def parts(of: Statistic.Dimension) -> dict[str, int]:
        return counts[of].get(day, {})

    total = fitting(parts(Dimension.ALL).get("", 0), parts(Dimension.ALL), _most(day, Dimension.ALL))
    if dimension == Dimension.ALL or not total:
        return total
    if dimension != Dimension.DEPARTMENT:
        return fitting(total[""], parts(dimension), _most(day, dimension))
    regions = fitting(total[""], parts(Dimension.REGION), _most(day, Dimension.REGION))
    here, most = parts(Dimension.DEPARTMENT), _most(day, Dimension.DEPARTMENT)
    told: dict[str, int] = {}
    for region, whole in regions.items():
        inside = set(departments(region))
        told |= fitting(
            whole,
            {value: count for value, count in here.items() if value in inside},
            {value: count for value, count in most.items() if value in inside},
        )
    return told


def _most(day: dt.date, dimension: Statistic.Dimension) -> dict[str, int]:
    """For each value that has a dossier or may have one: what the tables of months let there be until that month."""
    first = Statistic.objects.filter(measure=Measure.OPENED).aggregate(day=Min("day"))["day"] or day
    months = max(0, 12 * (day.year - first.year) + day.month - first.month + 1)
    either = Statistic.objects.filter(measure__in=(Measure.OPENED, Measure.ELIGIBLE), dimension=dimension)
    most = Counter(dict.fromkeys(either.order_by().values_list("value", flat=True).distinct(), (STEP - 1) * months))
    for one in statistics.published(Measure.OPENED, dimension):
        if one.period <= f"{day:%Y-%m}":
            most[one.value] += one.count
    return most


def regions() -> list[str]:
    return sorted({term.display for term in terms.table("departments").values()})


def departments(region: str) -> list[str]:
    return sorted(code for code, term in terms.table("departments").items() if term.display == region)


@dataclass(frozen=True)
class Place:
    """Made of published figures alone, so that it says no more than they do."""

    value: str
    opened: int  # at least, since the beginning
    eligible: int  # at least; 0: not told
    share: int | None  # in percent, at least


def places(dimension: Statistic.Dimension, values: list[str]) -> list[Place]:
    """These regions, departments or regimes, with the latest stock that is told."""
    opened: Counter[str] = Counter()
    for one in statistics.published(Measure.OPENED, dimension):
        opened[one.value] += one.count
    may = {one.value: one.count for one in eligible(dimension)}  # the latest of each is the last
    return [_place(value, opened[value], may.get(value, 0)) for value in values]


def _place(value: str, opened: int, may: int) -> Place:
    share = 100 * opened // (may + STEP - 1) if may else None
    return Place(value, opened, may, share if share is not None and share <= 100 else None)
