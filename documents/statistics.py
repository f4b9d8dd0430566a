"""Figures for the regional coordinator and for all (features S86-S88): counted by PostgreSQL, published by twenties.

Nobody who reads every table that is published finds a group that has 1 to 10 people in it:
- a figure is the multiple of 20 below the count, and what comes to 0 is not listed. So what is not told is 0 to 19:
  neither that there is somebody, nor that there are few;
- the tables of a month are sums of one total, departments within their region. If the others do not fill a whole, a
  multiple of 20 at least is missing: a group known not to be empty may always have 19 people or more (a step of 11
  does not hold this: of 22, 11 here leave 1 to 10 there). It holds from 12 on for sums that make a tree: therefore
  days are told for the total alone, since days by regions would be a grid (docs/adr/0014);
- how many may open a dossier is told once a year, where it says nothing of the openings (documents.coverage);
- a month that was told is not counted again: two publications cannot be compared.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from audit.scoped import uuid7
from patients.dossiers import OPENING_WAYS, youngest_of_age

STEP = 20  # 12 at least


class Statistic(models.Model):
    """How many, on that day, of that measure, for one value of one dimension. Exact: never shown as it is."""

    class Measure(models.TextChoices):
        OPENED = "opened", "dossiers ouverts"
        DEPOSITED = "deposited", "documents ajoutés"
        READ = "read", "documents consultés par des professionnels"
        EMERGENCY = "emergency", "accès en urgence"
        CONTESTED = "contested", "accès contestés par leur titulaire"
        ELIGIBLE = "eligible", "assurés qui peuvent ouvrir un dossier"

    class Dimension(models.TextChoices):
        ALL = "all", "tout"
        CHANNEL = "channel", "voie d'ouverture"
        REGIME = "regime", "régime"
        DEPARTMENT = "department", "département de la caisse"
        REGION = "region", "région de la caisse"
        FAMILY = "family", "famille de documents"
        KIND = "kind", "voie de l'urgence"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    day = models.DateField("jour")
    measure = models.CharField("mesure", max_length=20, choices=Measure)
    dimension = models.CharField("dimension", max_length=20, choices=Dimension)
    value = models.CharField("valeur", max_length=60)
    count = models.BigIntegerField("compte")

    class Meta:
        verbose_name = "statistique"
        verbose_name_plural = "statistiques"
        constraints = [
            models.UniqueConstraint(fields=["measure", "dimension", "day", "value"], name="one_count_a_cell")
        ]

    def __str__(self) -> str:
        return f"{self.get_measure_display()} du {self.day:%d/%m/%Y}"


# Each: the day, then every dimension with its value, grouped in one reading of the table.
_OPENED = """
SELECT (d.opened_at AT TIME ZONE 'Europe/Paris')::date AS day, 'opened' AS measure,
    CASE WHEN grouping(d.opened_channel) = 0 THEN 'channel' WHEN grouping(r.name) = 0 THEN 'regime'
         WHEN grouping(c.department) = 0 THEN 'department' WHEN grouping(t.display) = 0 THEN 'region' ELSE 'all' END,
    coalesce(d.opened_channel, r.name, c.department, t.display, ''), count(*)
FROM patients_dossier d JOIN patients_caisse c ON c.code = d.caisse_id JOIN patients_regime r ON r.code = d.regime_id
LEFT JOIN patients_term t ON t."table" = 'departments' AND t.code = c.department
WHERE d.opened_at >= %(since)s
GROUP BY GROUPING SETS ((1, d.opened_channel), (1, r.name), (1, c.department), (1, t.display), (1))"""
_DEPOSITED = """
SELECT (deposited_at AT TIME ZONE 'Europe/Paris')::date AS day, 'deposited',
    CASE WHEN grouping(family) = 0 THEN 'family' ELSE 'all' END, coalesce(family, ''), count(*)
FROM documents_document WHERE deposited_at >= %(since)s GROUP BY GROUPING SETS ((1, family), (1))"""
_READ = """
SELECT (a.at AT TIME ZONE 'Europe/Paris')::date AS day, 'read',
    CASE WHEN grouping(t.extra->>'family') = 0 THEN 'family' ELSE 'all' END, coalesce(t.extra->>'family', ''),
    count(*)
FROM audit_trace a LEFT JOIN patients_term t ON t."table" = 'types' AND t.code = a.object_type
WHERE a.at >= %(since)s AND a.event = 'document_read' AND a.allowed AND a.actor_kind = 'professional'
GROUP BY GROUPING SETS ((1, t.extra->>'family'), (1))"""
_EMERGENCY = """
SELECT (since AT TIME ZONE 'Europe/Paris')::date AS day, 'emergency',
    CASE WHEN grouping(kind) = 0 THEN 'kind' ELSE 'all' END, coalesce(kind, ''), count(*)
FROM access_emergencyaccess WHERE since >= %(since)s GROUP BY GROUPING SETS ((1, kind), (1))"""
_CONTESTED = """
SELECT (asked_at AT TIME ZONE 'Europe/Paris')::date AS day, 'contested', 'all', '', count(*)
FROM access_contest WHERE asked_at >= %(since)s GROUP BY 1"""
# Whom the opening rules let in by one way at least: the SQL face of `dossiers.may_open`. A stock, kept under the
# first day of its month, once a year: stocks that are told often say how many came between two of them.
_ELIGIBLE = """
WITH alike AS (
    SELECT caisse_id, regime_id, birth_date <= %(of_age)s AS adult,
        left(postal_code, CASE WHEN postal_code ~ '^9[78]' THEN 3 ELSE 2 END) AS lives_in, count(*) AS people
    FROM patients_insuredperson GROUP BY 1, 2, 3, 4)
SELECT %(month)s::date AS day, 'eligible',
    CASE WHEN grouping(r.name) = 0 THEN 'regime' WHEN grouping(c.department) = 0 THEN 'department'
         WHEN grouping(t.display) = 0 THEN 'region' ELSE 'all' END,
    coalesce(r.name, c.department, t.display, ''), sum(a.people)::bigint
FROM alike a JOIN patients_caisse c ON c.code = a.caisse_id JOIN patients_regime r ON r.code = a.regime_id
LEFT JOIN patients_term t ON t."table" = 'departments' AND t.code = c.department
WHERE EXISTS (
    SELECT 1 FROM unnest(%(ways)s::text[]) AS way WHERE coalesce((
        SELECT rule.allowed AND (a.adult OR NOT rule.adults_only) FROM patients_openingrule rule
        WHERE rule.channel = way AND rule.since <= %(today)s AND (rule.until IS NULL OR rule.until > %(today)s)
            AND (rule.regime_id IS NULL OR rule.regime_id = a.regime_id) AND rule.department IN ('', a.lives_in)
        ORDER BY (rule.regime_id IS NOT NULL)::int + (rule.department <> '')::int DESC, rule.since DESC LIMIT 1
    ), true))
    AND NOT EXISTS (
        SELECT 1 FROM documents_statistic s WHERE s.measure = 'eligible' AND s.day < %(month)s
            AND s.day >= date_trunc('year', %(month)s::date))
GROUP BY GROUPING SETS ((1, r.name), (1, c.department), (1, t.display), (1))"""
# A value that nothing names (a type without family) is in the total only.
_KEEP = """
INSERT INTO documents_statistic (id, day, measure, dimension, value, count)
SELECT gen_random_uuid(), * FROM ({}) AS found (day, measure, dimension, value, count)
WHERE value <> '' OR dimension = 'all'"""
COUNTS = (_OPENED, _DEPOSITED, _READ, _EMERGENCY, _CONTESTED, _ELIGIBLE)


def told_before() -> dt.date | None:
    """The first day that is not told yet: the first of the month of the last day that was counted.

    A month is told whole, once a day after it was counted, even when the nightly count did not run for weeks.
    """
    last = Statistic.objects.aggregate(last=models.Max("day"))["last"]
    return last.replace(day=1) if last else None


class Lowered(Exception):
    """What was told would become less: as when dossiers were destroyed since. Nothing is changed."""


# What the months that are told already came to, before they are counted again.
_BEFORE = """
CREATE TEMPORARY TABLE told_before ON COMMIT DROP AS SELECT measure, dimension, day, value, count
FROM documents_statistic WHERE day >= %(since)s AND day < %(told)s"""
_LOWERED = """
SELECT count(*) FROM told_before AS before LEFT JOIN documents_statistic AS now USING (measure, dimension, day, value)
WHERE coalesce(now.count, 0) < before.count"""


def recount(
    since: dt.date | None = None,
    *,
    lower: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Count again what is not told yet, or from that day on; returns the number of cells. One transaction.

    To say a day is to mend a wrong count: it may change what was told. But a dossier destroyed since was there: what
    was told is not lowered (`Lowered`), unless `lower`.
    """
    told = told_before()
    since = since or told or dt.date(2000, 1, 1)
    today = timezone.localdate()
    asked: dict[str, Any] = {
        "since": timezone.make_aware(dt.datetime.combine(since, dt.time())),
        "today": today,
        "month": today.replace(day=1),
        "of_age": youngest_of_age(timezone.now()),
        "ways": list(OPENING_WAYS),
    }
    cells = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS told_before")
        cursor.execute(_BEFORE, {"since": since, "told": told or since})
        past_stocks = Q(measure=Statistic.Measure.ELIGIBLE, day__lt=asked["month"])  # nothing to count them from
        Statistic.objects.filter(~past_stocks, day__gte=since).delete()
        for place, select in enumerate(COUNTS, 1):
            cursor.execute(_KEEP.format(select), asked)
            cells += cursor.rowcount
            progress(place)
        cursor.execute(_LOWERED)
        if (lowered := cursor.fetchone()[0]) and not lower:
            raise Lowered(f"{lowered} chiffres publiés baisseraient : des dossiers ont été détruits depuis.")
    return cells


@dataclass(frozen=True)
class Figure:
    """What is published of a cell."""

    measure: str
    dimension: str
    value: str
    period: str  # YYYY-MM-DD, or YYYY-MM
    count: int  # a multiple of STEP, above 0


def published(measure: str, dimension: str, *, by_day: bool = False) -> Iterator[Figure]:
    """Of the months that are over. Day by day the total alone."""
    before = told_before()
    if before is None or (by_day and dimension != Statistic.Dimension.ALL):
        return
    if measure == Statistic.Measure.ELIGIBLE:
        raise ValueError("documents.coverage says what of it is published")
    rows = Statistic.objects.filter(measure=measure, dimension=dimension, day__lt=before)
    if not by_day:
        rows = rows.annotate(month=TruncMonth("day"))
    period = "day" if by_day else "month"
    for row in rows.values("value", period).annotate(total=models.Sum("count")).order_by(period, "value"):
        told = f"{row[period]:%Y-%m-%d}" if by_day else f"{row[period]:%Y-%m}"
        if count := rounded(row["total"]):
            yield Figure(measure, dimension, row["value"], told, count)


def rounded(count: int) -> int:
    return count - count % STEP
