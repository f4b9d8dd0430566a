"""The holder's pages about people: which dossier, who may see it, her profile."""

import datetime as dt
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import directory, grants, holder, overview, profile, seen_by, teams
from access.facts import Act, Role
from access.forms import Authorisation, Contacts, ProfessionalSearch
from access.gate import Entry
from access.models import Professional
from access.words import polite
from audit.trail import ActorKind, Event
from patients.models import Patient

SEARCH_KEY = "professional_search"  # in the session: whom one looks for stays out of addresses and logs


# -- which dossier ------------------------------------------------------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def dossiers(request: HttpRequest) -> HttpResponse:
    """Choose the dossier to look at. Only account and names: the gate traces what is done inside."""
    found = holder.choices(holder.person(request))
    if request.method == "POST":
        wanted = request.POST.get("dossier", "")
        chosen = next((one for one in found if one.dossier_id.hex == wanted), None)
        if chosen is None:
            raise Http404
        holder.choose(request, chosen, several=len(found) > 1)
        return redirect("home")
    return render(request, "access/dossiers.html", {"choices": found})


# -- autorisations ---------------------------------------------------------------------------------------
@holder.page
@require_safe
def autorisations(request: HttpRequest) -> HttpResponse:
    with _see_rights(request) as entry:
        people = overview.of(entry.dossier.pk, overview.opened(entry))
        entry.trace(detail={"page": "autorisations"})
    context = {"people": people, "is_open": entry.dossier.is_open, "form": ProfessionalSearch()}
    return render(request, "access/autorisations.html", context)


def _visit(request: HttpRequest) -> AbstractContextManager[Entry]:
    """A page that shows settings: its reading is traced as the reading of the trail is."""
    return holder.enter(request, Act.MANAGE, Event.TRAIL_READ)


def _see_rights(request: HttpRequest) -> AbstractContextManager[Entry]:
    """A page about who consults: the holder's, and a carer's who decides it with her."""
    return holder.enter(request, Act.AUTHORISE, Event.TRAIL_READ)


@holder.page
@require_http_methods(["GET", "POST"])
def search_professional(request: HttpRequest) -> HttpResponse:
    """POST keeps what is looked for in the session and redirects: the page can be reloaded."""
    if request.method == "POST":
        request.session[SEARCH_KEY] = {name: request.POST.get(name, "")[:100] for name in ("name", "given")}
        return redirect("search_professional")
    asked = request.session.get(SEARCH_KEY)
    if asked is None:
        return redirect("autorisations")
    form = ProfessionalSearch(asked)
    with _see_rights(request) as entry:
        found = directory.search(form.cleaned_data["name"], form.cleaned_data["given"]) if form.is_valid() else []
        entry.trace(detail={"page": "annuaire"})
    context = {"form": form, "found": found, "shown": directory.SHOWN}
    return render(request, "access/search.html", context, status=200 if form.is_valid() else 422)


@holder.page
@require_safe
def professional(request: HttpRequest, professional_id: uuid.UUID) -> HttpResponse:
    return _professional(request, professional_id, Authorisation())


def _professional(
    request: HttpRequest, professional_id: uuid.UUID, form: Authorisation, error: str = "", status: int = 200
) -> HttpResponse:
    """One professional: what he may do here today, and each thing one may decide about him."""
    rows = Professional.objects.prefetch_related("situations__structure")
    row = get_object_or_404(rows, pk=professional_id)
    with _see_rights(request) as entry:
        people = overview.of(entry.dossier.pk, overview.opened(entry))
        may_team = entry.actor.kind is not ActorKind.CARER and row.active and entry.dossier.is_open
        found_teams = list(teams.running(entry)) if may_team else []
        entry.trace(detail={"page": "autorisations"})
    standing = people.of(row.pk)
    running = standing if standing in people.current else None
    context = {
        "card": directory.card(row),
        "standing": standing,
        "blocked": standing in people.blocked,
        "treating_here": running is not None and running.treating,
        "authorised": running is not None and running.authorised,
        "documents": running.documents if running is not None else 0,
        "treating": people.treating,
        "teams": [] if running is not None and running.authorised else found_teams,
        "is_open": entry.dossier.is_open,
        "active": row.active,
        "may_treat": entry.actor.kind is not ActorKind.CARER,
        "form": form,
        "error": error,
    }
    return render(request, "access/professional.html", context, status=status)


@holder.page
@require_POST
def authorise(request: HttpRequest, professional_id: uuid.UUID) -> HttpResponse:
    form = Authorisation(request.POST)
    if not form.is_valid():
        return _professional(request, professional_id, form, status=422)
    until, limits = form.until, form.limits

    def give(entry: Entry, who: Professional) -> str:
        express = entry.actor.kind is not ActorKind.CARER  # D18: the holder, or who speaks for him by law
        grants.authorise(entry, who, until, source="web", express=express, **limits)
        last = date_format(timezone.localtime(until) - dt.timedelta(seconds=1), "j F Y")
        return f"{polite(who.name)} peut consulter votre dossier jusqu'au {last} inclus."

    return _decide(request, professional_id, Event.ACCESS_GRANTED, give, form)


def _name_treating(entry: Entry, who: Professional) -> str:
    if all(one.needs_express for one in seen_by.callers(who)):
        raise ValidationError(grants.NEVER_TREATING, code="express")  # D18: in none of his situations
    grants.name_treating(entry, who, source="web")
    return f"{polite(who.name)} est maintenant votre médecin traitant."


def _end_treating(entry: Entry, who: Professional) -> str:
    grants.end_treating(entry, who)
    return f"{polite(who.name)} n'est plus votre médecin traitant."


def _withdraw(entry: Entry, who: Professional) -> str:
    grants.withdraw(entry, who)
    return f"{polite(who.name)} ne peut plus consulter votre dossier."


def _block(entry: Entry, who: Professional) -> str:
    grants.block(entry, who)
    return f"{polite(who.name)} est bloqué : il ne peut plus rien voir ni rien ajouter."


def _unblock(entry: Entry, who: Professional) -> str:
    grants.unblock(entry, who)
    return f"{polite(who.name)} n'est plus bloqué. Il n'a aucun droit tant que vous ne l'autorisez pas."


DECISIONS: dict[str, tuple[Event, Callable[[Entry, Professional], str]]] = {
    "medecin-traitant": (Event.TREATING_NAMED, _name_treating),
    "cesser": (Event.TREATING_ENDED, _end_treating),
    "retirer": (Event.ACCESS_WITHDRAWN, _withdraw),
    "bloquer": (Event.PROFESSIONAL_BLOCKED, _block),
    "debloquer": (Event.PROFESSIONAL_UNBLOCKED, _unblock),
}


@holder.page
@require_POST
def decide(request: HttpRequest, professional_id: uuid.UUID, decision: str) -> HttpResponse:
    if decision not in DECISIONS:
        raise Http404
    event, act = DECISIONS[decision]
    return _decide(request, professional_id, event, act, Authorisation())


def _decide(
    request: HttpRequest,
    professional_id: uuid.UUID,
    event: Event,
    act: Callable[[Entry, Professional], str],
    form: Authorisation,
) -> HttpResponse:
    """The decision, in one transaction under the dossier's lock; then back to the list, which shows it."""
    who = get_object_or_404(Professional, pk=professional_id)
    try:
        with holder.enter(request, Act.AUTHORISE, event, lock=True, object_id=who.pk) as entry:
            if not entry.dossier.is_open:
                raise ValidationError("Ce dossier est fermé : ses autorisations ne changent plus.", code="closed")
            done = act(entry, who)
    except ValidationError as error:
        return _professional(request, professional_id, form, " ".join(error.messages), status=422)
    messages.success(request, done)
    return redirect("autorisations")


# -- profile ------------------------------------------------------------------------------------------------
@holder.page
@require_safe
def show_profile(request: HttpRequest) -> HttpResponse:
    with _visit(request) as entry:
        dossier = entry.dossier
        patient = Patient.objects.get(dossier=dossier)
        consent = dossier.consents.filter(pk=dossier.opening_consent_id).first()
        caisse = dossier.caisse.name
        entry.trace(detail={"page": "profil"})
    context = {
        "dossier": dossier,
        "caisse": caisse,
        "patient": patient,
        "number_end": patient.ins.matricule[-3:],
        "consent": consent,
        "is_holder": entry.facts.role is Role.HOLDER,
    }
    return render(request, "access/profile.html", context)


@holder.page
@require_http_methods(["GET", "POST"])
def contacts(request: HttpRequest) -> HttpResponse:
    form = Contacts(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with holder.enter(request, Act.MANAGE, Event.CONTACT_CHANGED, lock=True) as entry:
            profile.change_contacts(entry, Patient.objects.get(dossier=entry.dossier), **form.cleaned_data)
        messages.success(request, "Vos coordonnées sont enregistrées.")
        return redirect("profile")
    with _visit(request) as entry:
        patient = Patient.objects.get(dossier=entry.dossier)
        entry.trace(detail={"page": "profil"})
    if not form.is_bound:
        form = Contacts(initial={"email": patient.email, "phone": patient.phone})
    return render(request, "access/contacts.html", {"form": form}, status=422 if form.errors else 200)
