"""Before masking: who would lose sight of a document, and what would still betray it (features M5)."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from access import gate, seen_by
from access.facts import Purpose
from access.gate import Entry
from access.models import Professional
from access.words import polite
from documents.care_lines import CareLine
from documents.explain import explain, if_masked
from documents.models import Document, Result
from documents.readers import MOST, with_rights


@dataclass(frozen=True)
class Traitor:
    """Another document that says what the masked one said."""

    document: Document
    reason: str


@dataclass(frozen=True)
class Losing:
    """`more`: others have a right and were not looked at, for there are too many."""

    always: list[str]
    in_emergency: list[str]
    more: bool


def losing(entry: Entry, document: Document) -> Losing:
    """The professionals with a running right who see it now and would no more: the policy asked twice."""
    masked = if_masked(document)
    people = with_rights(entry, most=MOST + 1)
    names: dict[Purpose, list[str]] = {Purpose.CARE: [], Purpose.EMERGENCY: []}
    for professional in people[:MOST]:
        for purpose, told in names.items():
            if _loses(entry, professional, purpose, document, masked):
                told.append(polite(professional.name))
                break
    return Losing(names[Purpose.CARE], names[Purpose.EMERGENCY], len(people) > MOST)


def _loses(entry: Entry, who: Professional, purpose: Purpose, document: Document, masked: Document) -> bool:
    looks = (gate.look(caller, dossier_id=entry.dossier.pk)[1] for caller in seen_by.callers(who, purpose))
    return any(explain(facts, document).sees and not explain(facts, masked).sees for facts in looks)


def same_day(entry: Entry, document: Document) -> list[CareLine]:
    """The reimbursed care of its day: no professional reads these lines, whoever reads masked documents does."""
    if not entry.scope.masked:
        return []
    day = timezone.localtime(document.service_start or document.created).date()
    lines = CareLine.objects.filter(dossier=entry.dossier, care_date=day).shown()
    return list(lines.latest_first()[:MOST])


def traitors(entry: Entry, document: Document) -> list[Traitor]:
    """Those of the same care, that exist for who asks and are not masked yet: newest first, one reason each."""
    codes = _codes(entry, document)
    tests = {
        "autre version du même document": Q(replaces_id=document.pk) | Q(pk=document.replaces_id),
        "envoyé en même temps": Q(submission_set_id=document.submission_set_id)
        if document.submission_set_id
        else None,
        "même acte, même lieu": _same_act(document),
        "même demande ou même ordonnance": Q(reference_ids__overlap=document.reference_ids)
        if document.reference_ids
        else None,
        "même acte codé": Q(event_codes__overlap=document.event_codes) if document.event_codes else None,
        "mêmes analyses de laboratoire": Exists(
            Result.objects.filter(dossier_id=entry.dossier.pk, document_id=OuterRef("pk"), code__in=codes)
        )
        if codes
        else None,
    }
    rows = Document.objects.within(entry.scope).exclude(pk=document.pk)
    rows = rows.filter(Q(masked=False) | Q(masked_until__lte=timezone.now()))
    rows = rows.filter(Q(withheld=False) | Q(visible_from__lte=timezone.now()))
    found: dict[object, Traitor] = {}
    for reason, test in tests.items():
        if test is not None:
            for row in rows.filter(test).latest_first()[:MOST]:
                found.setdefault(row.pk, Traitor(row, reason))
    return sorted(found.values(), key=lambda one: one.document.created, reverse=True)[:MOST]


def _same_act(document: Document) -> Q | None:
    """Same day in Paris, same structure."""
    if document.service_start is None or not document.author_structure:
        return None
    day = timezone.localtime(document.service_start).date()
    return Q(service_start__date=day, author_structure=document.author_structure)


def _codes(entry: Entry, document: Document) -> list[str]:
    rows = Result.objects.filter(dossier_id=entry.dossier.pk, document_id=document.pk)
    return list(rows.values_list("code", flat=True).distinct())
