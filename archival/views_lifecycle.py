"""The holder closes her dossier, reactivates it, has it destroyed before its term. Each behind a proof given anew.

She decides alone, and it is done at once (R1111-36): nobody has to accept it, save a destruction that a legal
representative asks for, or that a legal hold forbids. What an operator closed on proof is his to reopen.
"""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from access import holder
from access.facts import Act, Role
from access.gate import Entry
from access.models import User
from archival import copies, holds, proof, reopening
from audit.trail import SYSTEM, Event
from documents import activity
from documents.forms import ADULTS_ONLY as DIRECTIVES
from documents.models import Document
from patients import deadlines, dossiers, notices, requests
from patients.dossiers import Agreement, kept_until
from patients.models import Channel, Dossier, Notice, Patient
from patients.models_requests import Kind, Request, early_destruction

SESSION = "session à deux facteurs"
ACCEPTED = "Accepté : la loi vous donne ce droit. Vous pouvez annuler jusqu'au jour de la destruction."


def _agreed(label: str, error: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, error_messages={"required": error})


class Close(proof.Proof):
    agreed = _agreed(
        "J'ai compris : une fois fermé, plus personne ne lit mon dossier, ni moi ni mes médecins, même en urgence",
        "Cochez la case pour fermer le dossier.",
    )


class Reopen(proof.Proof):
    agreed = _agreed(
        "J'accepte que mon dossier médical partagé soit de nouveau ouvert", "Sans votre accord, rien n'est rouvert."
    )


class Destroy(proof.Proof):
    agreed = _agreed(
        "J'ai compris : tout sera détruit, et rien ne pourra être retrouvé, même par la justice ou par mes médecins",
        "Cochez la case pour demander la suppression définitive.",
    )


def _user(entry: Entry) -> User:
    assert entry.caller.user is not None
    return entry.caller.user


def _seen(request: HttpRequest) -> Entry:
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        entry.trace(detail={"page": "dossier"})
    return entry


# -- closing --------------------------------------------------------------------------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest) -> HttpResponseBase:
    """What becomes unreachable is said first, and a copy offered (CNIL 2016-258: advance directives)."""
    entry = _seen(request)
    if not entry.dossier.is_open:
        return redirect("home")
    user = _user(entry)
    if (page := proof.page(request, user)) is not None:
        return page
    form = Close(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_given(request, user):
        return _closed(request)
    form.mail(request, user)
    scope = activity.scope_of(entry)
    directives = scope and Document.objects.within(scope).filter(dossier=entry.dossier, type_code=DIRECTIVES).exists()
    context = {
        "directives": directives,
        "kept": kept_until(timezone.now()),
        "copies": copies.lost_by_closing(entry.dossier.pk),
    }
    return _page(request, "lifecycle/close.html", entry, form, context)


def _closed(request: HttpRequest) -> HttpResponse:
    try:
        with holder.enter(request, Act.MANAGE, Event.DOSSIER_CLOSED, lock=True) as entry:
            own = entry.facts.role is Role.HOLDER
            closure = Dossier.Closure.HOLDER if own else Dossier.Closure.REPRESENTATIVE
            dossiers.close(entry.dossier.pk, closure=closure, by=entry.actor)
            notices.tell_all(entry.dossier.pk, Notice.Kind.DOSSIER_CLOSED)
            entry.traced = True  # by the action itself
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, "Le dossier est fermé. Plus personne ne le lit.")
    return redirect("home")


# -- reactivating ---------------------------------------------------------------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def reopen(request: HttpRequest) -> HttpResponseBase:
    entry = _seen(request)
    if entry.dossier.is_open:
        return redirect("home")
    if entry.dossier.closed_by_operator:
        return render(request, "lifecycle/by_operator.html", {"dossier": entry.dossier}, status=409)
    user = _user(entry)
    late = dossiers.is_over(entry.dossier.closed_at)
    if late:
        return render(request, "lifecycle/late.html", status=409)
    if (page := proof.page(request, user)) is not None:
        return page
    form = Reopen(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_given(request, user):
        return _reopened(request)
    form.mail(request, user)
    return _page(request, "lifecycle/reopen.html", entry, form, {"early": early_destruction(entry.dossier)})


def _reopened(request: HttpRequest) -> HttpResponse:
    try:
        with holder.enter(request, Act.MANAGE, Event.DOSSIER_REOPENED, lock=True) as entry:
            agreement = Agreement(entry.actor.reference, f"case cochée en ligne, {SESSION}", Channel.WEB)
            reopening.reopen(entry.dossier.pk, agreement=agreement, by=entry.actor)
            entry.traced = True  # by the action itself
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("home")
    messages.success(
        request, "Votre dossier est de nouveau ouvert. Autorisez maintenant les professionnels que vous voulez."
    )
    return redirect("autorisations")


# -- destruction before the term --------------------------------------------------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def destroy(request: HttpRequest) -> HttpResponseBase:
    entry = _seen(request)
    if entry.dossier.is_open:
        return render(request, "lifecycle/close_first.html", status=409)
    if (known := early_destruction(entry.dossier)) is not None:
        return redirect("profile_request", known.pk)
    user = _user(entry)
    if (page := proof.page(request, user)) is not None:
        return page
    form = Destroy(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_given(request, user):
        return _destruction_asked(request)
    form.mail(request, user)
    delay, now = deadlines.of(Kind.DESTRUCTION), timezone.now()
    days: dict[str, dt.date] = {
        "begins": timezone.localdate(deadlines.not_before(delay, now)),
        "ends": deadlines.due_on(delay, now),
    }
    return _page(request, "lifecycle/destroy.html", entry, form, {**days, "law": delay.law})


def _destruction_asked(request: HttpRequest) -> HttpResponse:
    try:
        with holder.enter(request, Act.MANAGE, Event.REQUEST_MADE, lock=True) as entry:
            row = _ask(entry)
            entry.traced = True  # by the action itself
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("home")
    messages.success(request, f"Votre demande est enregistrée sous le numéro {row.on_paper}.")
    return redirect("profile_request", row.pk)


def _ask(entry: Entry) -> Request:
    own = entry.facts.role is Role.HOLDER
    asked = requests.Asked(
        kind=Kind.DESTRUCTION,
        channel=Channel.WEB,
        requester=Patient.objects.get(dossier=entry.dossier).name if own else entry.actor.name,
        identity=SESSION,
    )
    row = requests.ask(entry.dossier.pk, asked, by=entry.actor)
    if own and not holds.keeps(entry.dossier.pk) and not entry.dossier.closed_by_operator:
        requests.take(row.dossier_id, row.pk, by=SYSTEM)
        row = requests.accept(row.dossier_id, row.pk, ACCEPTED, by=SYSTEM)
    return row


def _page(request: HttpRequest, name: str, entry: Entry, form: proof.Proof, more: dict[str, Any]) -> HttpResponse:
    context = {"dossier": entry.dossier, "form": form, "kept": kept_until(entry.dossier.closed_at), **more}
    return render(request, name, context, status=422 if form.errors else 200)
