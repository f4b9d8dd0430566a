"""« Statistiques »: for everybody, as a page, CSV or JSON; a small group is never found (documents.statistics)."""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from documents import coverage, statistics
from documents.statistics import Figure, Statistic
from patients import terms
from patients.models import Channel

Dimension, Measure = Statistic.Dimension, Statistic.Measure
OF_MEASURE = {
    Measure.OPENED: (Dimension.ALL, Dimension.REGION, Dimension.DEPARTMENT, Dimension.CHANNEL, Dimension.REGIME),
    Measure.ELIGIBLE: (Dimension.ALL, Dimension.REGION, Dimension.DEPARTMENT, Dimension.REGIME),
    Measure.DEPOSITED: (Dimension.ALL, Dimension.FAMILY),
    Measure.READ: (Dimension.ALL, Dimension.FAMILY),
    Measure.EMERGENCY: (Dimension.ALL, Dimension.KIND),
    Measure.CONTESTED: (Dimension.ALL,),
}
OF_REGION = (Dimension.REGION, Dimension.DEPARTMENT)
COLUMNS = ("measure", "dimension", "value", "period", "count")


@dataclass(frozen=True)
class Asked:
    """One table among those that are published; any other is not found."""

    measure: Statistic.Measure
    dimension: Statistic.Dimension
    region: str
    by_day: bool

    @classmethod
    def of(cls, request: HttpRequest) -> "Asked":
        said = request.GET
        region, by_day = said.get("region", ""), said.get("par") == "jour"
        try:
            measure = Measure(said.get("mesure", Measure.OPENED))
            dimension = Dimension(said.get("selon", Dimension.DEPARTMENT if region else Dimension.ALL))
        except ValueError as error:
            raise Http404 from error
        if region and (region not in coverage.regions() or dimension not in OF_REGION or by_day):
            raise Http404
        if dimension not in OF_MEASURE[measure] or (by_day and not _has_days(measure, dimension)):
            raise Http404
        return cls(measure, dimension, region, by_day)

    @property
    def figures(self) -> list[Figure]:
        return list(_figures(self.measure, self.dimension, self.region, self.by_day))


def _has_days(measure: Statistic.Measure, dimension: Statistic.Dimension) -> bool:
    return dimension == Dimension.ALL and measure != Measure.ELIGIBLE


def _figures(
    measure: Statistic.Measure, dimension: Statistic.Dimension, region: str, by_day: bool
) -> Iterator[Figure]:
    if measure == Measure.ELIGIBLE:
        found: Iterable[Figure] = () if by_day else coverage.eligible(dimension)
    else:
        found = statistics.published(measure, dimension, by_day=by_day)
    inside = {region, *coverage.departments(region)}
    return (one for one in found if not region or one.value in inside)


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    asked = Asked.of(request)
    documents = _deposits(asked.dimension) if asked.measure == Measure.READ and not asked.by_day else {}
    months = groupby(asked.figures, lambda one: one.period[:7])
    context = {
        "asked": asked,
        "has_days": _has_days(asked.measure, asked.dimension),
        "by_document": bool(documents),
        "measures": Measure,
        "dimensions": OF_MEASURE[asked.measure],
        "regions": coverage.regions(),
        "whole": coverage.places(Dimension.REGION, [asked.region])[0] if asked.region else None,
        "places": _places(asked),
        "months": [_month(period, list(found), documents) for period, found in months][::-1],
    }
    return render(request, "documents/statistics.html", context)


def _places(asked: Asked) -> list[dict[str, Any]]:
    """The region's departments or every region: what was opened, who may, the share."""
    if asked.measure not in (Measure.OPENED, Measure.ELIGIBLE) or asked.by_day:
        return []
    if asked.region:
        found = coverage.places(Dimension.DEPARTMENT, coverage.departments(asked.region))
    elif asked.dimension == Dimension.REGION:
        found = coverage.places(Dimension.REGION, coverage.regions())
    else:
        found = []
    largest = max((one.opened for one in found), default=0)
    return [{"place": one, "bar": round(100 * one.opened / largest) if largest else 0} for one in found]


def _deposits(dimension: Statistic.Dimension) -> dict[tuple[str, str], int]:
    """Of each month and family, what is published of the documents: reads are told beside it."""
    return {(one.period, one.value): one.count for one in statistics.published(Measure.DEPOSITED, dimension)}


def _month(period: str, figures: list[Figure], documents: dict[tuple[str, str], int]) -> dict[str, Any]:
    largest = max(one.count for one in figures)
    bars = [
        {
            "words": _words(one),
            "day": dt.date.fromisoformat(one.period) if one.period != period else None,
            "count": one.count,
            "share": round(100 * one.count / largest),
            "each": one.count / of if (of := documents.get((period, one.value))) else None,
        }
        for one in sorted(figures, key=lambda one: (one.period, -one.count, one.value))
    ]
    return {"begins": dt.date.fromisoformat(f"{period}-01"), "bars": bars}


def _words(figure: Figure) -> str:
    if figure.dimension == Dimension.ALL:
        return "Total"
    if figure.dimension == Dimension.CHANNEL:
        return str(Channel(figure.value).label)
    if figure.dimension == Dimension.FAMILY:
        return terms.display("families", figure.value)
    return figure.value


@login_not_required
@require_safe
def data(request: HttpRequest, form: str) -> HttpResponse:
    """All that is published; with `?par=jour`, the totals day by day; with `?region=`, that of a region."""
    asked = Asked.of(request)
    figures = [
        figure
        for measure, dimensions in OF_MEASURE.items()
        for dimension in dimensions
        if dimension in OF_REGION or not asked.region
        for figure in _figures(measure, dimension, asked.region, asked.by_day)
    ]
    if form == "json":
        return JsonResponse({"rounded_down_to": statistics.STEP, "figures": [asdict(one) for one in figures]})
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="statistiques.csv"'
    writer = csv.writer(answer, delimiter=";")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(one, name) for name in COLUMNS] for one in figures)
    return answer
