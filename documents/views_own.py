"""What a holder changes among documents: add, delete her own, mask, unmask. Each asks before it does."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import holder, overview
from access.facts import Act
from access.gate import Absent, Entry
from audit.trail import Event
from documents import acts, antivirus, masking, own, shelf
from documents.forms import OwnDocument
from documents.models import Document
from documents.views import one


# -- add -----------------------------------------------------------------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    with holder.enter(request, Act.DEPOSIT, Event.TRAIL_READ) as entry:
        adult = not entry.facts.minor
        entry.trace(detail={"page": "ajouter"})
    form = OwnDocument(request.POST or None, request.FILES or None, adult=adult)
    if request.method == "POST" and form.is_valid():
        try:
            document = _deposit(request, form)
        except own.NotTaken as error:
            form.add_error("file", str(error))
        except antivirus.Unavailable:
            form.add_error(None, "L'antivirus ne répond pas : rien n'a été ajouté. Réessayez plus tard.")
        except OSError:
            form.add_error(None, "Le stockage est indisponible : rien n'a été ajouté. Réessayez plus tard.")
        else:
            messages.success(request, f"« {document.title} » est dans votre dossier.")
            return redirect("documents:document", document.pk)
    return render(request, "documents/add.html", {"form": form}, status=422 if form.errors else 200)


def _deposit(request: HttpRequest, form: OwnDocument) -> Document:
    data = form.cleaned_data
    return own.deposit(
        holder.caller(request),
        holder.dossier_of(request),
        content=data["file"].read(),
        media_type=form.media_type,
        title=data["title"],
        type_code=data["type_code"],
        sending=data["sending"],
    )


# -- delete, mask, unmask: a page that says what follows, then the act --------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    if request.method == "GET":
        return _ask(request, document_id, Event.DOCUMENT_WITHDRAWN)
    title = _change(request, document_id, Event.DOCUMENT_WITHDRAWN)
    messages.success(request, f"« {title} » est supprimé de votre dossier.")
    return redirect("documents:list")


@holder.page
@require_http_methods(["GET", "POST"])
def unmask(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    if request.method == "GET":
        return _ask(request, document_id, Event.DOCUMENT_UNMASKED)
    title = _change(request, document_id, Event.DOCUMENT_UNMASKED)
    messages.success(request, f"« {title} » est de nouveau visible des professionnels autorisés.")
    return redirect("documents:document", document_id)


def _theirs(entry: Entry, document_id: uuid.UUID, event: Event) -> Document:
    """The document of the page and of its act. Raises `Absent` for whom neither exists."""
    if event is Event.DOCUMENT_UNMASKED:
        masking.holders_only(entry)
    row = one(entry, document_id)
    if event is Event.DOCUMENT_WITHDRAWN and not own.may_delete(entry, row):
        raise Absent
    return row


def _ask(request: HttpRequest, document_id: uuid.UUID, event: Event) -> HttpResponse:
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        row = _theirs(entry, document_id, event)
        people = overview.of(entry.dossier.pk)
        context: dict[str, Any] = {
            "document": row,
            "item": shelf.item(row),
            "treating": people.treating,
            "current": people.current,
            "emergency": entry.dossier.shows_masked_in_emergency,
        }
        acts.trace(entry, Event.DOCUMENT_READ, row, purpose="confirm")
    return render(request, _PAGES[event], context)


def _change(request: HttpRequest, document_id: uuid.UUID, event: Event) -> str:
    """The act, under the dossier's lock; its title for the message. Done already: nothing changes."""
    with holder.enter(request, Act.OPEN, event, lock=True, object_id=document_id) as entry:
        row = _theirs(entry, document_id, event)
        try:
            _ACTS[event](entry, row)
        except ValidationError as error:  # already masked, or not any more: a second click
            acts.trace(entry, Event.DOCUMENT_READ, row, purpose=str(error.code))
    return row.title


_PAGES = {
    Event.DOCUMENT_WITHDRAWN: "documents/delete.html",
    Event.DOCUMENT_UNMASKED: "documents/unmask.html",
}
_ACTS = {
    Event.DOCUMENT_WITHDRAWN: masking.withdraw,
    Event.DOCUMENT_UNMASKED: masking.unmask,
}
