"""The counter's requests: one list by deadline, one recorded from the counter or the post, its sheet, its letters.

An agent reads of a request what is administrative: neither the title of the document it names, nor the letter that
came, once it is sealed. Reading a sheet leaves a trace.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from access import authors, request_queue
from access.counter import agent_of, dossier_of, page, person_of, show
from access.counter_request_forms import (
    ACCEPT,
    CANCEL,
    COMPLETE,
    EXTEND,
    FINISH,
    LACK,
    REFUSE,
    TAKE,
    Move,
    Record,
    possible,
)
from access.models import User
from audit import trail
from audit.scoped import uuid7
from audit.trail import Event
from fhir import ids
from patients import envelopes, references, request_letters, requests, sealing
from patients.models import Dossier, Patient
from patients.models_requests import Kind, LetterKey, Request, RequestPaper


@page
@require_http_methods(["GET", "POST"])
def queue(request: HttpRequest) -> HttpResponse:
    """POST finds one by the number of its receipt, which stands in no address."""
    agent = agent_of(request)
    if request.method == "POST":
        row = request_queue.by_number(agent, request.POST.get("number", "")[:40])
        if row is not None:
            return redirect("counter_request", ids.join(row.dossier_id, row.pk))
        messages.error(request, "Aucune demande de vos caisses ne porte ce numéro.")
    wanted = request.GET.get("vue", request_queue.ALL)
    view = wanted if wanted in request_queue.VIEWS else request_queue.ALL
    return show(
        request,
        "counter/requests.html",
        title="Demandes",
        view=view,
        views=request_queue.VIEWS,
        lines=request_queue.lines(agent, view),
        late=request_queue.late(agent),
        shown=request_queue.SHOWN,
    )


# -- a new one --------------------------------------------------------------------------------------------------
@page
@require_http_methods(["GET", "POST"])
def record(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if dossier is None:
        return redirect("counter_sheet" if person else "counter_find")
    form = Record(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = _record(request, dossier, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"La demande est enregistrée : {row.on_paper}. Remettez l'accusé de réception.")
            return redirect("counter_request", ids.join(row.dossier_id, row.pk))
    return show(request, "counter/request_new.html", form=form, person=person, title="Enregistrer une demande")


def _record(request: HttpRequest, dossier: Dossier, said: dict[str, Any]) -> Request:
    """The request and its letter together, or nothing."""
    scan, cited = said.pop("scan"), said.pop("reference")
    said["concerns"] = references.read(dossier.pk, cited) if cited else None
    said["kind"] = Kind(said["kind"])
    said["requester"] = said["requester"] or Patient.objects.get(dossier=dossier).name
    with transaction.atomic():
        row = requests.ask(dossier.pk, requests.Asked(**said), by=agent_of(request).actor())
        if scan is not None:
            _keep(row, *scan)
    return row


def _keep(row: Request, media_type: str, content: bytes) -> None:
    """Sealed here, before it is written anywhere."""
    key = LetterKey.objects.order_by("-version").first()
    if key is None:
        raise ValidationError("Le coffre des lettres n'est pas encore prêt : réessayez dans une minute.", code="key")
    paper_id = uuid7()
    RequestPaper.objects.create(
        id=paper_id,
        dossier_id=row.dossier_id,
        request_id=row.pk,
        media_type=media_type,
        size=len(content),
        key_version=key.version,
        sealed=sealing.seal(bytes(key.public), row.dossier_id, paper_id, content),
    )


# -- one of them -------------------------------------------------------------------------------------------------
@page
@require_http_methods(["GET", "POST"])
def show_one(request: HttpRequest, identifier: str) -> HttpResponse:
    agent = agent_of(request)
    row = seen(agent, identifier)
    reference = agent.actor().reference
    acts = possible(row, reference)
    form = Move(row, reference, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _move(row, agent, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                "C'est enregistré. La personne est prévenue si elle a un e-mail ; sinon, postez-lui la lettre.",
            )
            return redirect("counter_request", identifier)
    _read(row, agent)
    return show(
        request,
        "counter/request.html",
        title=f"{row.get_kind_display()} · {row.on_paper}",
        row=row,
        identifier=identifier,
        patient=Patient.objects.select_related("dossier").get(dossier_id=row.dossier_id),
        form=form if acts else None,
        papers=RequestPaper.objects.filter(dossier_id=row.dossier_id, request=row).defer("sealed", "key_version"),
        letters=[(name, request_letters.NAMES[name]) for name in request_letters.of(row)],
        past=_past(row),
        envelope=envelopes.of(row.dossier_id, row.pk),
    )


def _move(row: Request, agent: User, said: dict[str, Any]) -> None:
    one, by, words = (row.dossier_id, row.pk), agent.actor(), said["words"]
    acts: dict[str, Callable[[], object]] = {
        TAKE: lambda: requests.take(*one, by=by),
        LACK: lambda: requests.lack(*one, words, by=by),
        COMPLETE: lambda: requests.complete(*one, by=by),
        EXTEND: lambda: requests.extend(*one, words, by=by),
        ACCEPT: lambda: requests.accept(*one, words, by=by),
        REFUSE: lambda: requests.refuse(*one, said["ground"], words, by=by),
        FINISH: lambda: requests.finish(*one, by=by),
        CANCEL: lambda: requests.cancel(*one, by=by),
    }
    acts[said["act"]]()


def _past(row: Request) -> list[dict[str, Any]]:
    """Each change with its author: the name of a member of the staff, else what kind of actor it was."""
    rows = list(row.history.filter(dossier_id=row.dossier_id).order_by("history_date", "history_id"))
    names = authors.names(known.history_user_id for known in rows)
    return [
        {
            "at": known.history_date,
            "state": known.get_state_display(),
            "what": WHAT.get(known.history_change_reason or "", "enregistrée"),
            "who": name,
        }
        for known, name in zip(rows, names, strict=True)
    ]


WHAT = {
    "taken": "prise en charge",
    "incomplete": "complément demandé",
    "complete": "complément reçu",
    "extended": "délai prolongé",
    "accepted": "acceptée",
    "refused": "refusée",
    "prepared": "copie prête",
    "done": "faite",
    "cancelled": "annulée",
}


def seen(agent: User, identifier: str) -> Request:
    """One of the funds this agent serves; any other does not exist."""
    try:
        dossier_id, request_id = ids.split(identifier)
    except ids.UnknownId as error:
        raise Http404 from error
    row = request_queue.seen_by(agent).filter(dossier_id=dossier_id, pk=request_id).first()
    if row is None:
        raise Http404
    return requests.of(dossier_id, request_id)


def _read(row: Request, agent: User, **detail: str) -> None:
    trail.record_now(
        Event.REQUEST_READ,
        by=agent.actor(),
        dossier_id=row.dossier_id,
        object_kind="request",
        object_id=row.pk,
        detail=detail,
    )


@page
@require_safe
def letter(request: HttpRequest, identifier: str, name: str) -> HttpResponse:
    """To print and hand over, or to post."""
    agent = agent_of(request)
    row = seen(agent, identifier)
    if name not in request_letters.of(row):
        raise Http404
    _read(row, agent, letter=name)
    headers = {"Content-Disposition": f'inline; filename="{name}-{row.on_paper}.pdf"'}
    return HttpResponse(request_letters.render(row, name), content_type="application/pdf", headers=headers)
