"""« Statistiques »: for everybody, as a page, CSV or JSON; a small group is never found (documents.statistics)."""

import csv
import datetime as dt
from dataclasses import asdict
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from documents import statistics
from documents.statistics import Figure, Statistic
from patients import terms
from patients.models import Channel

Dimension, Measure = Statistic.Dimension, Statistic.Measure
OF_MEASURE = {
    Measure.OPENED: (Dimension.ALL, Dimension.REGION, Dimension.DEPARTMENT, Dimension.CHANNEL, Dimension.REGIME),
    Measure.DEPOSITED: (Dimension.ALL, Dimension.FAMILY),
    Measure.READ: (Dimension.ALL, Dimension.FAMILY),
    Measure.EMERGENCY: (Dimension.ALL, Dimension.KIND),
    Measure.CONTESTED: (Dimension.ALL,),
}
COLUMNS = ("measure", "dimension", "value", "period", "count")


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    measure, dimension = _asked(request)
    figures = list(statistics.published(measure, dimension))
    documents = _deposits(dimension) if measure == Measure.READ else {}
    context = {
        "by_document": bool(documents),
        "measures": Measure,
        "measure": measure,
        "dimensions": OF_MEASURE[measure],
        "dimension": dimension,
        "months": [
            _month(period, list(found), documents) for period, found in groupby(figures, lambda one: one.period)
        ][::-1],
    }
    return render(request, "documents/statistics.html", context)


def _asked(request: HttpRequest) -> tuple[Statistic.Measure, Statistic.Dimension]:
    try:
        measure = Measure(request.GET.get("mesure", Measure.OPENED))
        dimension = Dimension(request.GET.get("selon", Dimension.ALL))
    except ValueError as error:
        raise Http404 from error
    if dimension not in OF_MEASURE[measure]:
        raise Http404
    return measure, dimension


def _deposits(dimension: Statistic.Dimension) -> dict[tuple[str, str], int]:
    """Of each month and family, what is published of the documents: reads are told beside it."""
    return {(one.period, one.value): one.count for one in statistics.published(Measure.DEPOSITED, dimension)}


def _month(period: str, figures: list[Figure], documents: dict[tuple[str, str], int]) -> dict[str, Any]:
    largest = max(one.count for one in figures)
    bars = [
        {
            "words": _words(one),
            "count": one.count,
            "share": round(100 * one.count / largest),
            "each": one.count / of if (of := documents.get((period, one.value))) else None,
        }
        for one in sorted(figures, key=lambda one: (-one.count, one.value))
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
    """All that is published; with `?par=jour`, the totals day by day."""
    by_day = request.GET.get("par") == "jour"
    figures = [
        figure
        for measure, dimensions in OF_MEASURE.items()
        for dimension in dimensions
        for figure in statistics.published(measure, dimension, by_day=by_day)
    ]
    if form == "json":
        return JsonResponse({"rounded_down_to": statistics.STEP, "figures": [asdict(one) for one in figures]})
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="statistiques.csv"'
    writer = csv.writer(answer, delimiter=";")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(one, name) for name in COLUMNS] for one in figures)
    return answer
