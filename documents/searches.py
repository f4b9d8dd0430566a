"""A search that was understood, as queries on what the scope lets exist."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from access.policy import Scope
from documents.models import Document, DocumentQuerySet, SubmissionSet
from fhir import ids, systems
from fhir.search import Cursor, Period, Search, Token

STATES = {"current": "current", "superseded": "superseded"}
COLUMNS = {
    "category": "class_code",
    "facility": "facility_type",
    "setting": "practice_setting",
    "format": "format_code",
}
DATE_COLUMNS = {"date": "created", "creation": "created", "_lastUpdated": "last_updated"}


def labels() -> dict[str, Q]:
    """The documents that carry each label now: the SQL twin of `entries.labels_of`."""
    now = timezone.now()
    return {
        systems.MASKED: Q(masked=True) & (Q(masked_until=None) | Q(masked_until__gt=now)),
        systems.WITHHELD: Q(withheld=True) & (Q(visible_from=None) | Q(visible_from__gt=now)),
        systems.SECRET: Q(secret=True),
    }


def documents(scope: Scope, wanted: Search) -> DocumentQuerySet:
    """ITI-67: every parameter narrows; values of one parameter are alternatives."""
    rows = Document.objects.within(scope)
    states = [STATES[code] for code in wanted.codes("status") if code in STATES]
    rows = rows.filter(state__in=states)
    for name, column in COLUMNS.items():
        if name in wanted.tokens:
            rows = rows.filter(**{f"{column}__in": wanted.codes(name)})
    if "type" in wanted.tokens:
        rows = rows.filter(_typed(wanted.tokens["type"]))
    if "identifier" in wanted.tokens:
        rows = rows.filter(_identified(wanted.codes("identifier")))
    if "_id" in wanted.tokens:
        rows = rows.filter(pk__in=_own_ids(wanted.codes("_id")))
    if "event" in wanted.tokens:
        rows = rows.filter(event_codes__overlap=wanted.codes("event"))
    if "related" in wanted.tokens:
        values = [f"{token.system}|{token.code}" for token in wanted.tokens["related"]]
        rows = rows.filter(reference_ids__overlap=values)
    if "security-label" in wanted.tokens:
        rows = rows.filter(_labelled(wanted.codes("security-label")))
    if "relatesto" in wanted.texts:
        named = _own_ids([text.rpartition("/")[2] for text in wanted.texts["relatesto"]])
        rows = rows.filter(replaces_id__in=Document.objects.within(scope).filter(pk__in=named).values("pk"))
    for name, column in (("author.family", "author_family"), ("author.given", "author_given")):
        if name in wanted.texts:
            rows = rows.filter(_starts(column, wanted.texts[name]))
    if wanted.archived is not None:
        rows = rows.filter(archived=wanted.archived)
    for name, period in wanted.dates:
        rows = rows.filter(_dated(name, period))
    return rows


def _typed(tokens: tuple[Token, ...]) -> Q:
    wanted = Q(pk__in=[])
    for token in tokens:
        wanted |= Q(type_code=token.code) & (Q(type_system=token.system) if token.system else Q())
    return wanted


def _own_ids(values: list[str]) -> list[Any]:
    found = []
    for value in values:
        try:
            found.append(ids.split(value)[1])
        except ids.UnknownId:
            continue
    return found


def _identified(values: list[str]) -> Q:
    """By uniqueId, or by the logical identifier urn:uuid:<entry>."""
    wanted = Q(unique_id__in=values)
    for value in values:
        name = value.removeprefix("urn:uuid:")
        if len(name) == 36 and name.replace("-", "").isalnum():
            try:
                wanted |= Q(pk=uuid.UUID(name))
            except ValueError:
                continue
    return wanted


def _labelled(codes: list[str]) -> Q:
    wanted = Q(confidentiality__in=[code for code in codes if len(code) == 1])
    known = labels()
    for code in codes:
        wanted |= known.get(code, Q(pk__in=[]))
    return wanted


def _starts(column: str, values: tuple[str, ...]) -> Q:
    wanted = Q(pk__in=[])
    for value in values:
        wanted |= Q(**{f"{column}__istartswith": value})
    return wanted


def _dated(name: str, period: Period) -> Q:
    if name in DATE_COLUMNS:
        return compared(DATE_COLUMNS[name], period)
    if name == "period-start":
        return compared("service_start", period)
    if name == "period-end":
        return compared("service_stop", period)
    # period: the act overlaps what is asked for; an act without an end is a moment.
    started = Q(service_start__lt=period.stop)
    ended = Q(service_stop__gte=period.start) | Q(service_stop=None, service_start__gte=period.start)
    if period.prefix in ("ge", "gt", "sa"):
        return ended
    return started if period.prefix in ("le", "lt", "eb") else started & ended


def compared(column: str, period: Period) -> Q:
    """A column against the interval that the date names (FHIR R4, 3.1.1.5.5)."""
    inside = Q(**{f"{column}__gte": period.start, f"{column}__lt": period.stop})
    margin = max(period.stop - period.start, dt.timedelta(days=1))
    return {
        "eq": inside,
        "ne": ~inside,
        "gt": Q(**{f"{column}__gte": period.stop}),
        "sa": Q(**{f"{column}__gte": period.stop}),
        "ge": Q(**{f"{column}__gte": period.start}),
        "lt": Q(**{f"{column}__lt": period.start}),
        "eb": Q(**{f"{column}__lt": period.start}),
        "le": Q(**{f"{column}__lt": period.stop}),
        "ap": Q(**{f"{column}__gte": period.start - margin, f"{column}__lt": period.stop + margin}),
    }[period.prefix]


def replaced(scope: Scope, names: Iterable[uuid.UUID | None]) -> set[uuid.UUID | None]:
    """Of the documents that others replace, those that exist for this scope: only these may be named to it."""
    asked = {name for name in names if name is not None}
    return set(Document.objects.within(scope).filter(pk__in=asked).values_list("pk", flat=True)) if asked else set()


def visible_lots(scope: Scope) -> QuerySet[SubmissionSet]:
    """Lots of which at least one document exists for this scope: the others are not hinted at."""
    shown = Document.objects.within(scope).filter(submission_set=OuterRef("pk"))
    return SubmissionSet.objects.filter(dossier_id=scope.dossier_id).filter(Exists(shown))


def inside(scope: Scope, lots: list[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The documents of each lot, as far as they exist for this scope."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {lot: [] for lot in lots}
    rows = Document.objects.within(scope).filter(submission_set_id__in=lots).order_by("id")
    for lot, document in rows.values_list("submission_set_id", "id"):
        found[lot].append(document)
    return found


def lists(scope: Scope, wanted: Search) -> QuerySet[SubmissionSet]:
    """ITI-66."""
    rows = visible_lots(scope)
    if not {"submissionset"} & set(wanted.codes("code")):
        return rows.none()
    if "status" in wanted.tokens and "current" not in wanted.codes("status"):
        return rows.none()
    for name, column in (("designationType", "designation"), ("identifier", "unique_id"), ("sourceId", "source_id")):
        if name in wanted.tokens:
            rows = rows.filter(**{f"{column}__in": wanted.codes(name)})
    if "authorOrg" in wanted.tokens:
        rows = rows.filter(author_structure__in=wanted.codes("authorOrg"))
    if "_id" in wanted.tokens:
        rows = rows.filter(pk__in=_own_ids(wanted.codes("_id")))
    columns = {
        "source.family": "author_family",
        "source.given": "author_given",
        "title": "title",
        "source": "author_family",
    }
    for name, column in columns.items():
        if name in wanted.texts:
            rows = rows.filter(_starts(column, wanted.texts[name]))
    if wanted.archived is not None:
        rows = rows.filter(archived=wanted.archived)
    for _, period in wanted.dates:
        rows = rows.filter(compared("date", period))
    return rows


class Row(NamedTuple):
    """What a page shows of a document or of a lot: no more is read than is sent."""

    id: uuid.UUID
    key: dt.datetime  # what the page is ordered by
    fhir: str
    masked_until: dt.datetime | None = None
    visible_from: dt.datetime | None = None
    replaces_id: uuid.UUID | None = None


def page(rows: QuerySet[Any], wanted: Search) -> list[Row]:
    """One row more than a page, so that the next link is known without a count."""
    column = "date" if rows.model is SubmissionSet else "last_updated" if "_lastUpdated" in wanted.sort else "created"
    descending = wanted.sort.startswith("-")
    if wanted.cursor is not None:
        rows = rows.filter(_after(column, wanted.cursor, descending))
    sign = "-" if descending else ""
    ends = () if rows.model is SubmissionSet else ("masked_until", "visible_from", "replaces_id")
    ordered = rows.order_by(f"{sign}{column}", f"{sign}id")
    return [Row(*row) for row in ordered.values_list("id", column, "fhir", *ends)[: wanted.count + 1]]


def _after(column: str, cursor: Cursor, descending: bool) -> Q:
    side = "lt" if descending else "gt"
    beyond = Q(**{f"{column}__{side}": cursor.date}) | Q(**{f"pk__{side}": cursor.id})
    return Q(**{f"{column}__{side}e": cursor.date}) & beyond  # the first half bounds the scan of the index
