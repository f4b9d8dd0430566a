"""Who can see a dossier, who could, who is blocked: the page Autorisations, in three queries."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from access.facts import Role
from access.gate import Entry
from access.models import AUTHORISED, TREATING, Block, DossierGrant, Professional
from access.words import polite
from audit.trail import ActorKind
from patients import terms


@dataclass(frozen=True)
class Standing:
    """One professional's situation on one dossier. `until` is the moment his right ends (None: no end)."""

    id: uuid.UUID
    name: str
    profession: str
    treating: bool = False
    authorised: bool = False
    blocked: bool = False
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    recorded: str = ""
    limits: str = ""  # of an authorisation that is not general
    documents: int = 0  # masked ones, opened to him alone

    @property
    def last_day(self) -> dt.datetime | None:
        """A right that ends at midnight was good until the day before."""
        return self.until - dt.timedelta(seconds=1) if self.until else None


@dataclass(frozen=True)
class Overview:
    current: tuple[Standing, ...]
    blocked: tuple[Standing, ...]
    past: tuple[Standing, ...]

    @property
    def treating(self) -> Standing | None:
        return next((one for one in self.current if one.treating), None)

    def of(self, professional_id: uuid.UUID) -> Standing | None:
        """His situation today: a block before a right, a right before a memory."""
        everyone = (*self.blocked, *self.current, *self.past)
        return next((one for one in everyone if one.id == professional_id), None)

    def ending_before(self, moment: dt.datetime) -> list[Standing]:
        return [
            one for one in self.current if one.authorised and not one.treating and one.until and one.until < moment
        ]


def opened(entry: Entry) -> Any:
    """Documents opened to one professional each: a carer is told of none, a representative of no secret one (D12)."""
    rows = entry.dossier.document_grants.running().select_related("user__professional").order_by("-since")
    if entry.facts.role is Role.CARER:
        return rows.none()
    return rows if entry.facts.role is Role.HOLDER else rows.filter(content_object__secret=False)


def of(dossier_id: uuid.UUID, opened: Iterable[Any] = ()) -> Overview:
    """`opened`: the documents opened one by one, where they are to be shown too."""
    now = timezone.now()
    grants = DossierGrant.objects.filter(
        content_object_id=dossier_id, permission__codename__in=(AUTHORISED, TREATING)
    ).select_related("user__professional", "permission")
    blocks = Block.objects.filter(dossier_id=dossier_id).select_related("user__professional")
    current: dict[uuid.UUID, Standing] = {}
    past: dict[uuid.UUID, Standing] = {}
    for grant in grants.order_by("-since"):
        runs = grant.since <= now and (grant.until is None or grant.until > now)
        standing = _right(grant)
        _add(current if runs else past, standing)
    for document in opened:
        one = _person(document.user.professional)
        by = recorded(document.granted_by, "")
        _add(current, replace(one, since=document.since, until=document.until, recorded=by, documents=1))
    blocked: dict[uuid.UUID, Standing] = {}
    for block in blocks.order_by("-since"):
        standing = replace(
            _person(block.user.professional),
            since=block.since,
            until=block.until,
            recorded=recorded(block.blocked_by, ""),
            blocked=block.until is None or block.until > now,
        )
        _add(blocked if standing.blocked else past, standing)
    ended = [one for one in past.values() if one.id not in current and one.id not in blocked]
    return Overview(
        current=tuple(sorted(current.values(), key=lambda one: (not one.treating, one.name))),
        blocked=tuple(blocked.values()),
        past=tuple(ended),
    )


def _add(group: dict[uuid.UUID, Standing], new: Standing) -> None:
    """One line a person: the treating doctor who is also authorised has both."""
    known = group.get(new.id)
    if known is None:
        group[new.id] = new
        return
    group[new.id] = replace(
        new if new.treating else known,
        treating=known.treating or new.treating,
        authorised=known.authorised or new.authorised,
        documents=known.documents + new.documents,
    )


def _right(grant: DossierGrant) -> Standing:
    treating = grant.permission.codename == TREATING
    return replace(
        _person(grant.user.professional),
        treating=treating,
        authorised=not treating,
        since=grant.since,
        until=grant.until,
        recorded=recorded(grant.granted_by, grant.source),
        limits=limits(grant.extent, grant.families),
    )


def limits(extent: str, families: list[str]) -> str:
    """What an authorisation is limited to, in words; empty when it is general."""
    if extent == DossierGrant.Extent.EMERGENCY:
        return "seulement en cas d'urgence"
    return ", ".join(terms.display("families", code) for code in families)


def _person(professional: Professional | None) -> Standing:
    assert professional is not None  # a constraint: a right belongs to a professional's account
    profession = terms.display("professions", professional.profession)
    return Standing(professional.pk, polite(professional.name), profession)


def recorded(by: str, source: str) -> str:
    """`by` is an actor's reference: kind, colon, id."""
    kind = by.partition(":")[0]
    if kind == ActorKind.HOLDER:
        return "par le titulaire, sur ce site"
    if kind == ActorKind.REPRESENTATIVE:
        return "par un représentant légal, sur ce site"
    if kind == ActorKind.PROFESSIONAL:
        return "par ce professionnel, avec l'accord donné en consultation"
    if kind == ActorKind.CARER:
        return "par un aidant, sur ce site"
    return "au guichet" if kind == ActorKind.COUNTER else source
