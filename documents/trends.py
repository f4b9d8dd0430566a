"""Laboratory results for a person: a table with what is out of range, and a curve per (code, unit).

A curve is drawn only from documents that exist for the reader, in force, with at least two points.
Geometry is computed here and drawn as SVG by the template: no script, no style attribute (strict CSP).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from access.policy import Scope
from documents.models import Document, Result

WIDTH, HEIGHT = 600, 180
LEFT, RIGHT, TOP, BOTTOM = 16, 16, 28, 28
MAX_POINTS = 60
MARK = 10  # side of a lozenge
APART = 12  # units of the canvas between two points

# HL7 ObservationInterpretation: code -> what a person reads
HIGH, LOW, ABNORMAL, NORMAL = "high", "low", "abnormal", ""
WORDS = {HIGH: "au-dessus", LOW: "en dessous", ABNORMAL: "inhabituel", NORMAL: ""}
INTERPRETATIONS = {
    "H": HIGH,
    "HH": HIGH,
    "HU": HIGH,
    ">": HIGH,
    "L": LOW,
    "LL": LOW,
    "LU": LOW,
    "<": LOW,
    "A": ABNORMAL,
    "AA": ABNORMAL,
    "N": NORMAL,
}


@dataclass(frozen=True)
class Row:
    """One line of the table of a document."""

    display: str
    value: str
    unit: str
    range: str
    mark: str
    at: dt.datetime | None

    @property
    def word(self) -> str:
        return WORDS[self.mark]


@dataclass(frozen=True)
class Point:
    at: dt.datetime
    number: Decimal
    mark: str
    x: float = 0
    y: float = 0

    @property
    def value(self) -> str:
        return french(self.number)

    @property
    def left(self) -> float:
        """Corner of the lozenge drawn for what is out of range."""
        return round(self.x - MARK / 2, 1)

    @property
    def top(self) -> float:
        return round(self.y - MARK / 2, 1)

    @property
    def word(self) -> str:
        return WORDS[self.mark]


@dataclass(frozen=True)
class Curve:
    """A series over time, placed on a canvas of WIDTH × HEIGHT. `band`: top and height of the usual range."""

    display: str
    unit: str
    points: tuple[Point, ...]
    band: tuple[float, float] | None
    range: str
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def path(self) -> str:
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def summary(self) -> str:
        first, last = self.points[0], self.points[-1]
        way = "stable" if last.number == first.number else "en hausse" if last.number > first.number else "en baisse"
        return f"{len(self.points)} résultats, de {first.value} à {last.value} {self.unit} : {way}." + (
            f" Dernier résultat {last.word} des valeurs habituelles." if last.word and last.mark != ABNORMAL else ""
        )


def rows_of(results: Iterable[Result]) -> list[Row]:
    return [
        Row(
            display=one.display,
            value=one.value.replace(".", ",") if one.number is not None else one.value,
            unit=one.unit,
            range=_range(one),
            mark=mark_of(one),
            at=one.at,
        )
        for one in results
    ]


def mark_of(result: Result) -> str:
    """What the laboratory says; when it says nothing, the number against its own bounds."""
    said = INTERPRETATIONS.get(result.interpretation.strip().upper())
    if said is not None:
        return said
    low, high = _decimal(result.low), _decimal(result.high)
    if result.number is not None and high is not None and result.number > high:
        return HIGH
    if result.number is not None and low is not None and result.number < low:
        return LOW
    return NORMAL


def _range(result: Result) -> str:
    low, high = result.low.replace(".", ","), result.high.replace(".", ",")
    if low and high:
        return f"{low} à {high}"
    return f"au moins {low}" if low else f"au plus {high}" if high else ""


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def french(number: Decimal) -> str:
    """Without useless zeros, with a comma."""
    return f"{number.normalize():f}".replace(".", ",")


def curves_of(results: list[Result], scope: Scope) -> list[Curve]:
    """The history of what this document measures, over the documents that exist for this person: one query."""
    wanted: dict[tuple[str, str], Result] = {}
    for one in sorted(results, key=lambda one: one.prior):  # a prior result rarely recalls its range
        if one.number is not None and one.code:
            wanted.setdefault((one.code, one.unit), one)
    if not wanted:
        return []
    within = Document.objects.within(scope).filter(state=Document.State.CURRENT)
    found = Result.objects.filter(
        dossier_id=scope.dossier_id,
        document__in=within.values("pk"),
        code__in={code for code, _ in wanted},
        number__isnull=False,
        at__isnull=False,
    ).order_by("at", "prior")
    series: dict[tuple[str, str], dict[dt.datetime, Result]] = defaultdict(dict)
    for one in found:
        if one.at is not None:  # a result, and its later copy as prior, are one
            series[one.code, one.unit].setdefault(one.at, one)
    return [
        _curve(named, list(series[key].values())[-MAX_POINTS:])
        for key, named in wanted.items()
        if len(series[key]) > 1
    ]


def _curve(named: Result, results: list[Result]) -> Curve:
    low, high = _decimal(named.low), _decimal(named.high)
    numbers = [one.number for one in results if one.number is not None]
    bounds = [bound for bound in (low, high) if bound is not None]
    floor, ceiling = min(numbers + bounds), max(numbers + bounds)
    spread = (ceiling - floor) or Decimal(1)
    floor, ceiling = floor - spread / 10, ceiling + spread / 10

    def height_of(number: Decimal) -> float:
        return round(TOP + float((ceiling - number) / (ceiling - floor)) * (HEIGHT - TOP - BOTTOM), 1)

    places = _places([one.at for one in results if one.at is not None])
    points = tuple(
        Point(one.at, one.number, mark_of(one), x, height_of(one.number))
        for one, x in zip(results, places, strict=True)
        if one.at is not None and one.number is not None
    )
    band = None
    if bounds:
        top = height_of(high if high is not None else ceiling)
        bottom = height_of(low if low is not None else floor)
        band = (top, round(bottom - top, 1))
    return Curve(named.display, named.unit, points, band, _range(named))


def _places(moments: list[dt.datetime]) -> list[float]:
    """Abscissae in proportion to time; evenly spread when two points would hide each other."""
    width, last = WIDTH - LEFT - RIGHT, len(moments) - 1
    span = (moments[-1] - moments[0]).total_seconds() or 1.0
    by_time = [LEFT + (moment - moments[0]).total_seconds() / span * width for moment in moments]
    if all(after - before >= APART for before, after in pairwise(by_time)):
        return [round(place, 1) for place in by_time]
    return [round(LEFT + index * width / last, 1) for index in range(len(moments))]
