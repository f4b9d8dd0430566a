"""The holder's pages about documents: home, list, one document, its file, the activity."""

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST, require_safe

from access import gate, holder, overview
from access.facts import Act, Role
from access.gate import Entry
from access.policy import decide
from audit.trail import Event
from documents import activity, bodies, content, contents, opening, shelf, trends
from documents.acts import trace
from documents.forms import Search
from documents.masking import HOLDERS
from documents.models import Document
from documents.own import may_delete
from documents.vault import Unreadable
from patients import terms
from patients.dossiers import kept_until
from patients.models_requests import early_destruction

SEARCH_KEY = "documents_text"  # in the session: words of health stay out of addresses and logs
SOON = dt.timedelta(days=30)


def cursor(request: HttpRequest) -> uuid.UUID | None:
    """Where the page starts: the id of the last line of the one before."""
    text = request.GET.get("avant")
    try:
        return uuid.UUID(text) if text else None
    except ValueError as error:
        raise Http404 from error


# -- home --------------------------------------------------------------------------------------------
@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """The door of the site: her dossier when she is signed in, what this is when she is not."""
    if request.user.is_authenticated:
        return dashboard(request)
    return render(request, "public/landing.html")


@holder.page
def dashboard(request: HttpRequest) -> HttpResponse:
    """Last accesses first: who came, why, then what is new. A closed dossier shows its dates (D13)."""
    if (rights := holder.carers_rights(request)) is not None:
        return render(request, "access/helped.html", {"rights": rights})
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        scope = activity.scope_of(entry)
        people = overview.of(entry.dossier.pk)
        context = {
            "dossier": entry.dossier,
            "accesses": activity.last_accesses(entry),
            "new": shelf.newest(scope) if scope else [],
            "ending": people.ending_before(timezone.now() + SOON),
            "treating": people.treating,
            "destruction": kept_until(entry.dossier.closed_at),
            "early": early_destruction(entry.dossier),
        }
        entry.trace(detail={"page": "accueil"})
    return render(request, "documents/home.html", context)


# -- list ----------------------------------------------------------------------------------------------
@holder.page
@require_safe
def documents(request: HttpRequest) -> HttpResponse:
    text = request.session.get(SEARCH_KEY, "")
    family = request.GET.get("famille", "")
    with holder.enter(request, Act.LIST, Event.DOCUMENT_LISTED) as entry:
        page = shelf.page(entry.scope, family=family, text=text, before=cursor(request))
        entry.trace(detail={"count": len(page.items)})
    if family and family not in {one.slug for one in page.families}:
        raise Http404
    chosen = next((one for one in page.families if one.slug == family), None)
    context = {
        "page": page,
        "family": chosen,
        "text": text,
        "form": Search(initial={"text": text}),
        "first": "avant" not in request.GET,
    }
    return render(request, "documents/list.html", context)


@holder.page
@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Keep the words looked for in the session; an empty search forgets them."""
    form = Search(request.POST)
    text = form.cleaned_data["text"] if form.is_valid() else ""
    if text:
        request.session[SEARCH_KEY] = text
    else:
        request.session.pop(SEARCH_KEY, None)
    return redirect("documents:list")


# -- one document ----------------------------------------------------------------------------------------
def one(entry: Entry, document_id: uuid.UUID) -> Document:
    """The document, if it exists for who is asking; `gate.Absent` otherwise (same answer for both)."""
    row = Document.objects.one_within(entry.scope, document_id)
    if row is None:
        raise gate.Absent
    return row


@holder.page
@require_safe
def document(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """Metadata in plain words, then the content: narrative, text, picture, results."""
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        row = one(entry, document_id)
        results = list(row.results.filter(dossier_id=row.dossier_id).order_by("rank"))
        versions = Document.objects.within(entry.scope).defer("fhir")
        context: dict[str, Any] = {
            "document": row,
            "item": shelf.item(row),
            "format": shelf.format_of(row),
            "speciality": _speciality(row.author_speciality),
            "rows": trends.rows_of(one for one in results if not one.prior),
            "priors": trends.rows_of(one for one in results if one.prior),
            "curves": trends.curves_of(results, entry.scope),
            "older": versions.filter(pk=row.replaces_id).first() if row.replaces_id else None,
            "newer": versions.filter(replaces_id=row.pk).first() if row.state == "superseded" else None,
            "may_delete": may_delete(entry, row),
            "may_request": entry.facts.role is not Role.CARER,
            "may_authorise": bool(decide(Act.AUTHORISE, entry.facts)),
            "opened": opening.opened(entry, row) if entry.caller.role in HOLDERS else [],
        }
        trace(entry, Event.DOCUMENT_READ, row)
    return render(request, "documents/document.html", context | _content(row))


def _speciality(code: str) -> str:
    """« neurologie », from a code such as G15_10/SM32."""
    return terms.speciality(code.rpartition("/")[2]) if "/" in code else ""


def _content(row: Document) -> dict[str, Any]:
    """What can be shown in the page, read after the trace is committed."""
    try:
        if row.level == "N3":
            return {"narrative": narrative(contents.read(row))}
        body = bodies.body_of(row)
        if body is None and row.media_type == "text/plain":
            body = bodies.Body(contents.read(row), row.media_type)
    except (Unreadable, OSError):
        return {"unreadable": True}
    if body is not None and body.media_type == "text/plain":
        return {"text": bodies.text_of(body), "body_format": bodies.NAMES[body.media_type]}
    media_type = body.media_type if body else row.media_type
    return {
        "picture": media_type in bodies.SHOWN,
        "body_format": bodies.NAMES[body.media_type] if body else "",
    }


def narrative(cda: bytes) -> SafeString:
    """Safe: `content.narrative_of` rebuilds fifteen tags in the sandbox and escapes all the rest."""
    return mark_safe(content.narrative_of(cda))  # noqa: S308


@holder.page
@require_safe
def file(request: HttpRequest, document_id: uuid.UUID) -> HttpResponseBase:
    """The file as deposited, to be kept: never opened by the browser in our name."""
    entry, row = _opened(request, document_id, "download")
    return _readable(request, lambda: bodies.original(entry, row))


@holder.page
@require_safe
def extract(request: HttpRequest, document_id: uuid.UUID) -> HttpResponseBase:
    """The PDF or the image that a level 1 CDA carries."""
    _, row = _opened(request, document_id, "download")

    def body() -> HttpResponse:
        found = bodies.body_of(row)
        if found is None:
            raise Http404
        return bodies.extracted(row, found)

    return _readable(request, body)


@holder.page
@require_safe
def preview(request: HttpRequest, document_id: uuid.UUID) -> HttpResponseBase:
    """A JPEG or PNG image drawn in the page of its document; anything else is 404."""
    _, row = _opened(request, document_id, "preview")

    def drawn() -> HttpResponse:
        found = bodies.body_of(row) or bodies.Body(contents.read(row), row.media_type)
        response = bodies.picture(found)
        if response is None:
            raise Http404
        return response

    return _readable(request, drawn)


def _opened(request: HttpRequest, document_id: uuid.UUID, purpose: str) -> tuple[Entry, Document]:
    """Found and traced; the bytes come after the trace is committed."""
    with holder.enter(request, Act.OPEN, Event.DOCUMENT_READ, object_id=document_id) as entry:
        row = one(entry, document_id)
        trace(entry, Event.DOCUMENT_READ, row, purpose=purpose)
    return entry, row


def _readable(request: HttpRequest, answer: Any) -> HttpResponseBase:
    try:
        response: HttpResponseBase = answer()
    except (Unreadable, OSError):
        return render(request, "documents/unreadable.html", status=500)
    return response


# -- activity ------------------------------------------------------------------------------------------------
@holder.page
@require_safe
def show_activity(request: HttpRequest) -> HttpResponse:
    group, reading = request.GET.get("qui", ""), "lectures" in request.GET
    if group not in activity.GROUPS:
        raise Http404
    with holder.enter(request, Act.TRAIL, Event.TRAIL_READ) as entry:
        page = activity.page(entry, group=group, before=cursor(request), reading=reading)
        entry.trace(detail={"page": "activite"})
    context = {
        "page": page,
        "groups": [(slug, name) for slug, (name, _) in activity.GROUPS.items()],
        "group": group,
        "reading": reading,
        "first": "avant" not in request.GET,
    }
    return render(request, "documents/activity.html", context)
