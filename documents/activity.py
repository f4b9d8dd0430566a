"""The trail as the holder reads it (articles L1111-19, R1111-43): newest first, in words, nothing hidden told.

Left out: lines about what this reader may not know of yet (a document awaiting its announcement; for a
representative, what a minor keeps secret: D11, D12). So the rank shown is the line's place among those he
sees: the stored rank, with its gaps, would tell what was left out.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.formats import date_format

from access import contests, rights, words
from access.facts import Act
from access.gate import SECRET, Absent, Entry
from access.models import Contest
from access.policy import Scope, decide
from access.rights import Rights
from access.words import Why
from audit.models import Trace, TraceQuerySet
from audit.trail import ActorKind, Event
from documents.models import Document, DocumentQuerySet
from patients.models_requests import Request

PAGE = 30  # lines
RECENT = 200  # lines looked at to sum up the last accesses
PERSONS = (ActorKind.HOLDER, ActorKind.REPRESENTATIVE, ActorKind.CARER)
GROUPS: dict[str, tuple[str, Q]] = {
    "": ("Tout", Q()),
    "professionnels": ("Professionnels", Q(actor_kind=ActorKind.PROFESSIONAL)),
    "moi": ("Moi et mes représentants", Q(actor_kind__in=PERSONS)),
    "services": ("Services", ~Q(actor_kind__in=(*PERSONS, ActorKind.PROFESSIONAL))),
    "refus": ("Refus", Q(allowed=False)),
}
# One's own look at lists and pages: kept, counted, folded away unless asked for.
OWN_READING = Q(event__in=(Event.TRAIL_READ, Event.DOCUMENT_LISTED), actor_kind__in=PERSONS, allowed=True)


@dataclass(frozen=True)
class Line:
    """One act, in words. `document_id` only when the reader may open it."""

    id: uuid.UUID
    rank: int
    at: dt.datetime
    who: str
    quality: str
    what: str
    why: Why
    mode: str
    reason: str
    allowed: bool
    document_id: uuid.UUID | None
    by_other: bool = False
    contest: Contest | None = None
    since: str = ""  # of the right that stood behind it


@dataclass(frozen=True)
class Page:
    lines: list[Line]
    next: uuid.UUID | None
    folded: int
    contests: list["Case"]


@dataclass(frozen=True)
class Case:
    """A contest, with the access it is about, in words."""

    contest: Contest
    access: str


@dataclass(frozen=True)
class Access:
    """What one actor did on one day, summed up: « Dr Morel a ouvert 2 documents hier »."""

    who: str
    quality: str
    what: str
    day: str
    why: Why
    allowed: bool
    since: str = ""


def scope_of(entry: Entry) -> Scope | None:
    """What this person reads in this dossier now; None when it is closed."""
    return decide(Act.LIST, entry.facts).scope


def visible(entry: Entry) -> TraceQuerySet:
    """The lines this person may read, closed dossier included (D13). Who reads no document sees those of none."""
    traces = Trace.objects.about(entry.dossier.pk)
    if not decide(Act.TRAIL, entry.facts):
        return traces.none()
    # One's own refused attempts stay: gone, they would tell that what was asked for exists.
    mine = Q(actor_id=entry.actor.id, allowed=False)
    untold = Q(object_id__in=hidden(entry).values("pk")) & ~mine
    scope = _as_if_open(entry)
    if scope is None or not scope.secret:  # D12: nothing of a secret session, whatever was done in it
        untold |= Q(mode=SECRET)
    of_it = Trace.objects.about(entry.dossier.pk).filter(untold)
    contested = Contest.objects.filter(dossier=entry.dossier, trace_id__in=of_it.values("pk"))
    asked = Request.objects.filter(dossier=entry.dossier, concerns__in=hidden(entry).values("pk"))
    untold |= Q(object_kind="trace", object_id__in=contested.values("trace_id"))
    untold |= Q(object_kind="request", object_id__in=asked.values("pk"))
    return traces.exclude(untold)


def _as_if_open(entry: Entry) -> Scope | None:
    return decide(Act.LIST, replace(entry.facts, is_open=True)).scope


def hidden(entry: Entry) -> DocumentQuerySet:
    """Documents whose very existence this person does not know yet: all, for a carer who may read none."""
    scope = _as_if_open(entry)
    if scope is None:
        return Document.objects.filter(dossier=entry.dossier)
    unknown = Q(pk__in=[])
    if not scope.withheld:
        unknown |= Q(withheld=True) & (Q(visible_from=None) | Q(visible_from__gt=scope.at))
    if not scope.secret:
        unknown |= Q(secret=True)
    if not scope.masked:  # a carer who was not given what is masked
        unknown |= Q(masked=True) & (Q(masked_until=None) | Q(masked_until__gt=scope.at))
    return Document.objects.filter(unknown, dossier_id=scope.dossier_id)


def page(entry: Entry, *, group: str = "", before: uuid.UUID | None = None, reading: bool = False) -> Page:
    """A page of lines older than `before`. `reading`: with one's own reading too. Raises `Absent`."""
    seen = visible(entry)
    rows = seen.filter(GROUPS[group][1])
    if not reading:
        rows = rows.exclude(OWN_READING)
    if before is not None:
        anchor = seen.filter(pk=before).values_list("at", "seq").first()
        if anchor is None:
            raise Absent
        rows = rows.filter(Q(at__lt=anchor[0]) | Q(at=anchor[0], seq__lt=anchor[1]))
    traces = list(rows.latest_first()[: PAGE + 1])
    more, traces = len(traces) > PAGE, traces[:PAGE]
    counts = _counts(seen, traces)
    titles = _titles(entry, traces)
    me = entry.actor.id
    cases = contests.of_traces(entry.dossier.pk, visible(entry).values("pk"))
    contested = {one.trace_id: one for one in cases}
    known = rights.asked(entry.dossier.pk, {one.actor_id for one in traces})
    lines = [
        replace(_line(trace, counts[f"rank{trace.seq}"], me, titles, known), contest=contested.get(trace.pk))
        for trace in traces
    ]
    return Page(lines, traces[-1].pk if more else None, 0 if reading else counts["folded"], _cases(entry, cases))


def _cases(entry: Entry, contested: list[Contest]) -> list[Case]:
    """« Dr Paul Morel, le 3 mars 2027 à 11:02 » before what became of it."""
    if not contested:
        return []
    traces = visible(entry).filter(pk__in=[one.trace_id for one in contested]).in_bulk()
    return [Case(one, f"{words.who(traces[one.trace_id])}, {_moment(traces[one.trace_id].at)}") for one in contested]


def _moment(at: dt.datetime) -> str:
    return f"le {date_format(timezone.localtime(at), 'j F Y à H:i')}"


def _counts(seen: TraceQuerySet, traces: list[Trace]) -> dict[str, int]:
    """Each line's rank among the lines seen, and how many are folded: one statement."""
    ranks = {
        f"rank{one.seq}": Count("id", filter=Q(at__lt=one.at) | Q(at=one.at, seq__lte=one.seq)) for one in traces
    }
    return seen.aggregate(folded=Count("id", filter=OWN_READING), **ranks)


def _titles(entry: Entry, traces: list[Trace]) -> dict[uuid.UUID, str]:
    """Titles of the documents this person may open, as they were when the act was done."""
    scope = scope_of(entry)
    named = {trace.object_id for trace in traces if trace.object_kind == "document" and trace.object_id}
    if scope is None or not named:
        return {}
    return dict(Document.objects.within(scope).filter(pk__in=named).values_list("pk", "title"))


def _line(trace: Trace, rank: int, me: str, titles: dict[uuid.UUID, str], known: Rights) -> Line:
    why, since = _why(trace, known)
    document_id = trace.object_id if trace.object_id in titles else None
    return Line(
        id=trace.id,
        rank=rank,
        at=trace.at,
        who=words.who(trace, me),
        quality="" if trace.actor_id == me else words.quality(trace),
        what=words.what(trace, me, _object(trace, titles)),
        why=why,
        since=since,
        mode=words.mode(trace),
        reason=trace.reason,
        allowed=trace.allowed,
        document_id=document_id,
        by_other=trace.actor_id != me and trace.actor_kind != ActorKind.SYSTEM,
    )


def _why(trace: Trace, known: Rights) -> tuple[Why, str]:
    """The rule and what she may do about it now; since when and by whom."""
    why, told = words.why(trace), known.told(trace.actor_id, trace.ground, trace.at, trace.object_id)
    return (why if told.stop is None else replace(why, stop=told.stop)), told.since


def line_of(entry: Entry, trace: Trace) -> Line:
    """One line alone, for the page that contests it."""
    known = rights.asked(entry.dossier.pk, {trace.actor_id})
    return _line(trace, 0, entry.actor.id, _titles(entry, [trace]), known)


def _object(trace: Trace, titles: dict[uuid.UUID, str]) -> str:
    if trace.object_kind == "professional":
        return words.polite(trace.object_title) or "un professionnel"
    if trace.object_id in titles:
        return f"le document « {trace.object_title or titles[trace.object_id]} »"
    return "un document"


def last_accesses(entry: Entry, count: int = 3) -> list[Access]:
    """The last acts of others, summed up by actor, kind of act and day."""
    now, me = timezone.now(), entry.actor.id
    rows = visible(entry).exclude(actor_kind__in=PERSONS).latest_first()[:RECENT]
    groups: dict[tuple[object, ...], list[Trace]] = {}
    for trace in rows:
        key = (trace.actor_id, trace.event, timezone.localdate(trace.at), trace.allowed, trace.ground)
        groups.setdefault(key, []).append(trace)
        if len(groups) > count:
            break
    last = list(groups.values())[:count]
    known = rights.asked(entry.dossier.pk, {traces[0].actor_id for traces in last})
    return [_access(traces, me, now, known) for traces in last]


def _access(traces: list[Trace], me: str, now: dt.datetime, known: Rights) -> Access:
    first = traces[0]
    why, since = _why(first, known)
    things = len({trace.object_id for trace in traces if trace.object_id})
    plural = f"{things} documents" if things > 1 else "un document"
    named = words.polite(first.object_title) if first.object_kind == "professional" else plural
    return Access(
        who=words.who(first, me),
        quality=words.quality(first),
        what=words.what(first, me, named),
        day=words.day(first.at, now),
        why=why,
        since=since,
        allowed=first.allowed,
    )
