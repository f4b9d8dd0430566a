"""« Masquer »: who loses sight of the document, who keeps it, what would still betray it; then the act."""

import uuid
from collections.abc import Collection

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import holder, overview
from access.facts import Act
from audit.trail import Event
from documents import acts, masking, shelf, simulation
from documents.forms import Mask
from documents.views import one


@holder.page
@require_http_methods(["GET", "POST"])
def mask(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    form = Mask(request.POST) if request.method == "POST" else Mask()
    if form.is_bound and form.is_valid():
        titles = _mask(request, document_id, form, set(request.POST.getlist("also")[: simulation.MOST]))
        also = f", avec {len(titles) - 1} autre{'s' if len(titles) > 2 else ''}" if len(titles) > 1 else ""
        messages.success(request, f"« {titles[0]} » est masqué aux professionnels{also}.")
        return redirect("documents:document", document_id)
    return _ask(request, document_id, form)


def _ask(request: HttpRequest, document_id: uuid.UUID, form: Mask) -> HttpResponse:
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        masking.holders_only(entry)
        row = one(entry, document_id)
        context = {
            "document": row,
            "item": shelf.item(row),
            "treating": overview.of(entry.dossier.pk).treating,
            "emergency": entry.dossier.shows_masked_in_emergency,
            "losing": simulation.losing(entry, row),
            "traitors": simulation.traitors(entry, row),
            "care": simulation.same_day(entry, row),
            "form": form,
        }
        acts.trace(entry, Event.DOCUMENT_READ, row, purpose="confirm")
    return render(request, "documents/mask.html", context, status=422 if form.errors else 200)


def _mask(request: HttpRequest, document_id: uuid.UUID, form: Mask, also: Collection[str]) -> list[str]:
    """Together or not at all, under the dossier's lock; titles for the message. Masked already: nothing changes."""
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_MASKED, lock=True, object_id=document_id) as entry:
        masking.holders_only(entry)
        row = one(entry, document_id)
        others = [other.document for other in simulation.traitors(entry, row) if str(other.document.pk) in also]
        try:
            masking.mask(entry, row, form.until)
        except ValidationError as error:  # a second click
            acts.trace(entry, Event.DOCUMENT_READ, row, purpose=str(error.code))
        for other in others:
            masking.mask(entry, other, form.until)
    return [row.title, *(other.title for other in others)]
