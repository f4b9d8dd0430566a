"""The holder's pages about her care teams: agree, name members, end."""

import uuid

from django import forms as django_forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from access import durations, holder, teams
from access.facts import Act
from access.forms import Form
from access.gate import Entry
from access.models import CareTeam, Professional
from access.words import polite
from audit.trail import Event


class Team(Form):
    name = django_forms.CharField(
        label="Nom de l'équipe",
        max_length=200,
        help_text="Par exemple : service de cardiologie de l'hôpital des Lilas.",
        error_messages={"required": "Donnez un nom à l'équipe."},
    )
    duration = django_forms.ChoiceField(
        label="Jusqu'à quand ?",
        choices=durations.SHORT,
        initial=durations.QUARTER,
        widget=django_forms.RadioSelect,
        error_messages={"required": "Choisissez une durée."},
    )


class Member(Form):
    rpps = django_forms.RegexField(
        r"^\d{11}$",
        label="Numéro RPPS du professionnel",
        help_text="Onze chiffres, imprimés sur ses ordonnances.",
        error_messages={"invalid": "Un numéro RPPS a 11 chiffres : relisez-le.", "required": "Écrivez le numéro."},
    )


@holder.page
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    form = Team(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with holder.enter(request, Act.MANAGE, Event.TEAM_AGREED, lock=True) as entry:
            if entry.dossier.is_open:
                teams.agree(entry, form.cleaned_data["name"], durations.end_of(form.cleaned_data["duration"]))
                messages.success(request, "L'équipe est autorisée. Nommez maintenant ses membres.")
            else:
                entry.trace(allowed=False)
                messages.error(request, "Ce dossier est fermé : ses autorisations ne changent plus.")
        return redirect("teams")
    return _page(request, form, status=422 if form.errors else 200)


def _page(request: HttpRequest, form: Team, error: str = "", status: int = 200) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        cards = [_card(entry, team) for team in teams.running(entry)]
        entry.trace(detail={"page": "autorisations"})
        context = {"cards": cards, "form": form, "error": error, "is_open": entry.dossier.is_open}
    return render(request, "access/teams.html", context, status=status)


def _card(entry: Entry, team: CareTeam) -> dict[str, object]:
    members = [grant.user.professional for grant in teams.members_of(entry, team)]
    people = [{"id": one.pk, "name": polite(one.name)} for one in members]
    return {"team": team, "members": people, "form": Member(auto_id=f"{team.pk.hex}_%s")}


@holder.page
@require_POST
def add(request: HttpRequest, team_id: uuid.UUID) -> HttpResponse:
    form = Member(request.POST)
    if not form.is_valid():
        return _page(request, Team(), "Un numéro RPPS a 11 chiffres : relisez-le.", 422)
    who = Professional.objects.filter(idnat=f"8{form.cleaned_data['rpps']}").first()
    if who is None:
        return _page(request, Team(), "Aucun professionnel n'a ce numéro : relisez-le.", 422)
    try:
        with holder.enter(request, Act.MANAGE, Event.TEAM_JOINED, lock=True) as entry:
            teams.join(entry, _team(entry, team_id), who)
    except ValidationError as error:
        return _page(request, Team(), " ".join(error.messages), 422)
    messages.success(request, f"{polite(who.name)} fait partie de l'équipe et peut consulter votre dossier.")
    return redirect("teams")


@holder.page
@require_POST
def end(request: HttpRequest, team_id: uuid.UUID) -> HttpResponse:
    try:
        with holder.enter(request, Act.MANAGE, Event.TEAM_ENDED, lock=True) as entry:
            teams.end(entry, _team(entry, team_id))
    except ValidationError as error:
        return _page(request, Team(), " ".join(error.messages), 422)
    messages.success(request, "L'équipe ne peut plus consulter votre dossier, ni aucun de ses membres à ce titre.")
    return redirect("teams")


def _team(entry: Entry, team_id: uuid.UUID) -> CareTeam:
    team = teams.of(entry, team_id)
    if team is None:
        raise Http404
    return team
