"""« Mes demandes »: the holder asks, follows, cancels, reads the answer, prints the letters.

A document is named to her alone, and only while she may open it: the request keeps its id.
"""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import contests, holder
from access.facts import Act
from access.gate import Absent, Entry
from access.policy import decide
from access.words import polite
from audit.trail import Event
from documents import activity, papers
from documents.forms_requests import FORMS, LEADS
from documents.models import Document
from documents.vault import Unreadable
from patients import deadlines, request_letters, requests
from patients.models import Channel, Patient
from patients.models_requests import Kind, Request, RequestPaper, RequestQuerySet, State

BY_SLUG = {
    "correction": Kind.RECTIFICATION,
    "copie": Kind.COPY,
    "document": Kind.DOCUMENT,
    "contestation": Kind.CONTEST,
}
WHEN_CLOSED = (Kind.COPY, Kind.RECTIFICATION, Kind.CONTEST)
SESSION = "session à deux facteurs"


@holder.page
@require_safe
def show_all(request: HttpRequest) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        rows = list(_known(entry).order_by("-asked_at"))
        asked = contests.of_traces(entry.dossier.pk, activity.visible(entry).values("pk"))
        entry.trace(detail={"page": "demandes"})
    offered = [
        (slug, kind.label, LEADS[kind])
        for slug, kind in BY_SLUG.items()
        if kind != Kind.DOCUMENT and (entry.dossier.is_open or kind in WHEN_CLOSED)
    ]
    context = {"rows": rows, "contests": asked, "offered": offered, "is_open": entry.dossier.is_open}
    return render(request, "documents/requests.html", context)


@holder.page
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    return _new(request, slug, None)


@holder.page
@require_http_methods(["GET", "POST"])
def about(request: HttpRequest, slug: str, document_id: uuid.UUID) -> HttpResponse:
    """About one document of the dossier: to correct it, or to have it deleted."""
    return _new(request, slug, document_id)


def _new(request: HttpRequest, slug: str, document_id: uuid.UUID | None) -> HttpResponse:
    kind = BY_SLUG.get(slug)
    named = (Kind.DOCUMENT,) if document_id is None else tuple(set(Kind) - {Kind.DOCUMENT, Kind.RECTIFICATION})
    if kind is None or kind in named:
        raise Http404
    form = FORMS[kind](request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with holder.enter(request, Act.MANAGE, Event.REQUEST_MADE, lock=True, object_id=document_id) as entry:
                row = _ask(entry, kind, document_id, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Votre demande est enregistrée sous le numéro {row.on_paper}.")
            return redirect("profile_request", row.pk)
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ, object_id=document_id) as entry:
        document = _document(entry, document_id) if document_id else None
        entry.trace(detail={"page": "demandes"})
    context = {"form": form, "kind": kind, "lead": LEADS[kind], "document": document}
    context["delay"] = deadlines.of(kind)
    return render(request, "documents/request_new.html", context, status=422 if form.errors else 200)


def _ask(entry: Entry, kind: Kind, document_id: uuid.UUID | None, said: dict[str, Any]) -> Request:
    if document_id is not None:
        _document(entry, document_id)
    user = entry.caller.user
    assert user is not None
    asked = requests.Asked(
        kind=kind,
        channel=Channel.WEB,
        requester=_name(entry),
        identity=SESSION,
        said=said.get("said", ""),
        concerns=document_id,
        about_old=said.get("about_old", False),
    )
    row = requests.ask(entry.dossier.pk, asked, by=entry.actor)
    entry.traced = True  # by the action itself
    return row


def _name(entry: Entry) -> str:
    """The holder herself, or who represents her."""
    own = entry.facts.role == "holder"
    return Patient.objects.get(dossier=entry.dossier).name if own else polite(entry.actor.name)


def _document(entry: Entry, document_id: uuid.UUID) -> Document:
    """One that she may open now. Raises `Absent`."""
    scope = decide(Act.OPEN, entry.facts).scope
    row = Document.objects.within(scope).filter(dossier=entry.dossier, pk=document_id).first() if scope else None
    if row is None:
        raise Absent
    return row


@holder.page
@require_safe
def show(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.REQUEST_READ, object_id=request_id) as entry:
        row = _hers(entry, request_id)
        try:
            document = _document(entry, row.concerns) if row.concerns else None
        except Absent:
            document = None  # withdrawn since, or the dossier closed
        scans = list(_papers(row).defer("sealed"))
        steps = _steps(row)
        entry.trace(object_kind="request", object_id=row.pk)
    context = {"row": row, "document": document, "papers": scans, "steps": steps}
    context["letters"] = [(name, request_letters.NAMES[name]) for name in request_letters.of(row)]
    return render(request, "documents/request.html", context)


def _steps(row: Request) -> list[tuple[Any, str]]:
    """When its state changed, from its history."""
    found: list[tuple[Any, str]] = []
    past = row.history.filter(dossier_id=row.dossier_id).order_by("history_date", "history_id")
    for at, state in past.values_list("history_date", "state"):
        if not found or found[-1][1] != State(state).label:
            found.append((at, State(state).label))
    return found


def _known(entry: Entry) -> RequestQuerySet:
    """Without those about a document that does not exist for who looks (D12)."""
    return Request.objects.holders().filter(dossier=entry.dossier).exclude(concerns__in=activity.hidden(entry))


def _hers(entry: Entry, request_id: uuid.UUID) -> Request:
    row = _known(entry).filter(pk=request_id).first()
    if row is None:
        raise Absent
    return row


def _papers(row: Request) -> Any:
    return RequestPaper.objects.filter(dossier_id=row.dossier_id, request=row).order_by("added_at")


@holder.page
@require_POST
def cancel(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    try:
        with holder.enter(request, Act.MANAGE, Event.REQUEST_HANDLED, lock=True, object_id=request_id) as entry:
            row = _hers(entry, request_id)
            requests.cancel(row.dossier_id, row.pk, by=entry.actor)
            entry.traced = True  # by the action itself
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, "Votre demande est annulée. Rien ne sera fait.")
    return redirect("profile_request", request_id)


@holder.page
@require_safe
def letter(request: HttpRequest, request_id: uuid.UUID, name: str) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.REQUEST_READ, object_id=request_id) as entry:
        row = _hers(entry, request_id)
        if name not in request_letters.of(row):
            raise Absent
        made = request_letters.render(row, name)
        entry.trace(object_kind="request", object_id=row.pk, detail={"letter": name})
    return _file(made, "application/pdf", f"{name}-{row.on_paper}.pdf")


@holder.page
@require_safe
def paper(request: HttpRequest, request_id: uuid.UUID, paper_id: uuid.UUID) -> HttpResponse:
    """The letter she sent by post, as it was scanned."""
    with holder.enter(request, Act.MANAGE, Event.REQUEST_READ, object_id=request_id) as entry:
        row = _papers(_hers(entry, request_id)).filter(pk=paper_id).first()
        try:
            scan = papers.read(row) if row else None
        except Unreadable:
            scan = None
        if row is None or scan is None:
            raise Absent
        entry.trace(object_kind="request", object_id=request_id, detail={"letter": "scan"})
    return _file(scan, row.media_type, f"courrier.{row.media_type.rpartition('/')[2]}")


def _file(content: bytes, media_type: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type=media_type, headers=headers)
