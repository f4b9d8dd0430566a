"""The holder's list of documents: what is in force, by family, newest first, the same number of queries always."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from access.gate import Absent
from access.policy import Scope
from access.words import polite
from documents.bodies import NAMES
from documents.families import OTHERS, Family, all_families, family_of
from documents.models import Document, DocumentQuerySet
from patients import terms

PAGE = 20
NEW_DAYS = 30


@dataclass(frozen=True)
class Item:
    """A document as a line of a list."""

    id: uuid.UUID
    title: str
    type: str
    family: Family
    created: dt.datetime
    deposited_at: dt.datetime
    author: str
    place: str
    masked: bool
    masked_until: dt.datetime | None
    mine: bool
    archived: bool
    new: bool

    @property
    def masked_last_day(self) -> dt.datetime | None:
        """A mask that ends at midnight was good until the day before."""
        return self.masked_until - dt.timedelta(seconds=1) if self.masked_until else None


@dataclass(frozen=True)
class Shelf:
    items: list[Item]
    families: list[Family]
    total: int  # of the search, every family
    shown: int  # of the family chosen
    next: uuid.UUID | None


def in_force(scope: Scope) -> DocumentQuerySet:
    return Document.objects.within(scope).filter(state=Document.State.CURRENT)


def page(scope: Scope, *, family: str = "", text: str = "", before: uuid.UUID | None = None) -> Shelf:
    """A page older than the document `before`. Raises `Absent` when that one does not exist for the reader."""
    rows = in_force(scope)
    if text:
        rows = rows.filter(title__icontains=text)
    counted = dict(rows.order_by().values_list("family").annotate(count=Count("id")))
    known = {one.slug for one in all_families()}
    counts = {slug: count for slug, count in counted.items() if slug in known}
    counts[OTHERS] = sum(counted.values()) - sum(counts.values()) + counts.get(OTHERS, 0)
    if family == OTHERS:
        rows = rows.exclude(family__in=known - {OTHERS})
    elif family:
        rows = rows.filter(family=family)
    if before is not None:
        anchor = Document.objects.within(scope).filter(pk=before).values_list("created", "pk").first()
        if anchor is None:
            raise Absent
        rows = rows.filter(Q(created__lt=anchor[0]) | Q(created=anchor[0], pk__lt=anchor[1]))
    found = list(_lines(rows).latest_first()[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    return Shelf(
        items=[item(row) for row in found],
        families=all_families(counts),
        total=sum(counted.values()),
        shown=counts.get(family, 0) if family else sum(counted.values()),
        next=found[-1].pk if more else None,
    )


def newest(scope: Scope, count: int = 5) -> list[Item]:
    """What others added in the last weeks; what was withheld is new from the day it shows (R1111-53)."""
    since = timezone.now() - dt.timedelta(days=NEW_DAYS)
    came = Coalesce("visible_from", "deposited_at")
    rows = in_force(scope).filter(GreaterThanOrEqual(came, since)).exclude(origin=Document.Origin.HOLDER)
    return [item(row) for row in _lines(rows).order_by(came.desc(), "-id")[:count]]


def _lines(rows: DocumentQuerySet) -> DocumentQuerySet:
    return rows.defer("fhir", "description", "flags")


def item(row: Document) -> Item:
    mine = row.origin == Document.Origin.HOLDER
    return Item(
        id=row.pk,
        title=row.title,
        type=terms.display("types", row.type_code),
        family=family_of(row.family),
        created=row.created,
        deposited_at=row.deposited_at,
        author="vous-même" if mine else author_of(row),
        place=row.author_structure_name,
        masked=row.is_masked,
        masked_until=row.masked_until,
        mine=mine,
        archived=row.archived,
        new=not mine and (row.visible_from or row.deposited_at) > timezone.now() - dt.timedelta(days=7),
    )


def author_of(row: Document) -> str:
    return polite(f"{row.author_given} {row.author_family}".strip()) or "auteur non précisé"


def format_of(row: Document) -> str:
    return NAMES.get(row.media_type, row.media_type)
