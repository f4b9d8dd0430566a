"""« Ouvrir à un professionnel »: one masked document, one person found in the directory, a last day."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from access import directory, holder
from access.facts import Act
from access.forms import ProfessionalSearch, Until
from access.models import Professional
from access.words import polite
from audit.trail import Event
from documents import acts, masking, opening
from documents.views import one

SEARCH_KEY = "opening_search"  # in the session: whom one looks for stays out of addresses and logs


@holder.page
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """POST keeps what is looked for in the session and redirects: the page can be reloaded."""
    if request.method == "POST":
        request.session[SEARCH_KEY] = {name: request.POST.get(name, "")[:100] for name in ("name", "given")}
        return redirect("documents:open_to", document_id)
    asked = request.session.get(SEARCH_KEY)
    form = ProfessionalSearch(asked) if asked else ProfessionalSearch()
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        masking.holders_only(entry)
        row = one(entry, document_id)
        valid = form.is_bound and form.is_valid()
        found = directory.search(form.cleaned_data["name"], form.cleaned_data["given"]) if valid else []
        acts.trace(entry, Event.DOCUMENT_READ, row, purpose="confirm")
    context = {"document": row, "form": form, "found": found, "searched": valid}
    return render(request, "documents/open_to.html", context, status=422 if form.errors else 200)


@holder.page
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest, document_id: uuid.UUID, professional_id: uuid.UUID) -> HttpResponse:
    """Until when; then it is done."""
    who = get_object_or_404(Professional.objects.prefetch_related("situations__structure"), pk=professional_id)
    form = Until(request.POST) if request.method == "POST" else Until()
    if form.is_bound and form.is_valid():
        try:
            with holder.enter(request, Act.OPEN, Event.DOCUMENT_OPENED_TO, lock=True, object_id=document_id) as entry:
                masking.holders_only(entry)
                opening.open_to(entry, one(entry, document_id), who, form.until)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{polite(who.name)} peut lire ce document.")
            return redirect("documents:document", document_id)
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        masking.holders_only(entry)
        row = one(entry, document_id)
        acts.trace(entry, Event.DOCUMENT_READ, row, purpose="confirm")
    context = {"document": row, "card": directory.card(who), "form": form}
    return render(request, "documents/open_until.html", context, status=422 if form.errors else 200)


@holder.page
@require_POST
def close(request: HttpRequest, document_id: uuid.UUID, professional_id: uuid.UUID) -> HttpResponse:
    who = get_object_or_404(Professional, pk=professional_id)
    try:
        with holder.enter(request, Act.OPEN, Event.DOCUMENT_CLOSED_TO, lock=True, object_id=document_id) as entry:
            masking.holders_only(entry)
            opening.close_to(entry, one(entry, document_id), who)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, f"Ce document n'est plus ouvert à {polite(who.name)}.")
    return redirect("documents:document", document_id)
