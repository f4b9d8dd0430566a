"""« Voir mon dossier comme le Dr X »: the very list the API would serve; of one document, who reads it; and why."""

import uuid
from dataclasses import replace

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from access import directory, gate, holder, rights, seen_by
from access.facts import Act, Facts, Purpose
from access.gate import Absent, Entry
from access.models import Professional
from access.policy import decide
from audit.trail import Event
from documents import acts, readers, shelf
from documents.explain import explain
from documents.models import Document, DocumentQuerySet
from documents.views import cursor, one

PAGE = 50


@holder.page
@require_safe
def preview(request: HttpRequest, professional_id: uuid.UUID) -> HttpResponse:
    """What he sees; with `?reste`, what he does not; with `?urgence`, as he says it is an emergency.

    Of several work situations, `?exercice=` chooses one.
    """
    purpose = Purpose.EMERGENCY if "urgence" in request.GET else Purpose.CARE
    rows = Professional.objects.prefetch_related("situations__structure")
    professional = get_object_or_404(rows, pk=professional_id)
    callers = seen_by.callers(professional, purpose)
    chosen = request.GET.get("exercice", "0")
    if not (chosen.isascii() and chosen.isdigit() and int(chosen) < len(callers)):
        raise Http404
    rest = "reste" in request.GET
    with holder.enter(request, Act.LIST, Event.PREVIEWED, object_id=professional.pk) as entry:
        if not decide(Act.AUTHORISE, entry.facts):  # a carer who reads learns nothing of others' rights
            raise Absent
        facts = _as_she_knows(entry, gate.look(callers[int(chosen)], dossier_id=entry.dossier.pk)[1])
        seen = seen_in(entry, facts)
        mine = shelf.in_force(entry.scope)
        found = _page(entry, mine.exclude(pk__in=seen.values("pk")) if rest else seen, cursor(request))
        known = rights.asked(entry.dossier.pk, [facts.author])
        lines = [(shelf.item(row), explain(facts, row, known)) for row in found[:PAGE]]
        entry.trace(
            object_kind="professional",
            object_id=professional.pk,
            object_title=professional.name,
            detail={"count": len(lines)},
        )
    context = {
        "card": directory.card(professional),
        "lines": lines,
        "rest": rest,
        "chosen": int(chosen),
        "situations": [one.actor.structure_name or "sans structure" for one in callers],
        "next": lines[-1][0].id if len(found) > PAGE else None,
        "listed": bool(decide(Act.LIST, facts)),
        "urgent": purpose is Purpose.EMERGENCY,
        "for_emergencies": facts.authorisation is not None and facts.authorisation.emergency_only,
        "here": _here(int(chosen), purpose),
    }
    return render(request, "documents/preview.html", context)


def _as_she_knows(entry: Entry, facts: Facts) -> Facts:
    """Less the documents opened to him that do not exist for who asks: they would change what is said of him."""
    if not facts.documents:
        return facts
    known = Document.objects.within(entry.scope).filter(pk__in=facts.documents).values_list("pk", flat=True)
    return replace(facts, documents=frozenset(known))


def _here(chosen: int, purpose: Purpose) -> str:
    """The choices made on this page, as its address carries them."""
    return f"exercice={chosen}{'&urgence' if purpose is Purpose.EMERGENCY else ''}"


@holder.page
@require_safe
def readers_of(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """Of one document: who sees it and who does not, each with its rule."""
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        if not decide(Act.AUTHORISE, entry.facts):
            raise Absent
        row = one(entry, document_id)
        found = readers.of(entry, row)
        acts.trace(entry, Event.DOCUMENT_READ, row, purpose="readers")
    return render(request, "documents/readers.html", {"document": row, "readers": found})


def seen_in(entry: Entry, facts: Facts) -> DocumentQuerySet:
    """The current documents he would be served, among those that exist for who asks.

    What awaits its announcement, or what a minor keeps from his parents, is his to see and not theirs to know.
    """
    mine = shelf.in_force(entry.scope)
    his = decide(Act.OPEN, facts).scope
    if his is None:
        return mine.none()
    return mine.filter(pk__in=Document.objects.within(his).values("pk"))


def _page(entry: Entry, rows: DocumentQuerySet, before: uuid.UUID | None) -> list[Document]:
    if before is not None:
        anchor = Document.objects.within(entry.scope).filter(pk=before).values_list("created", "pk").first()
        if anchor is None:
            raise Absent
        rows = rows.filter(Q(created__lt=anchor[0]) | Q(created=anchor[0], pk__lt=anchor[1]))
    return list(rows.defer("fhir", "description", "flags").latest_first()[: PAGE + 1])
