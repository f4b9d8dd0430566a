"""The holder's page « Demandes »: who asks for her agreement now, and her answer."""

import uuid
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from access import consents, durations, gate, holder
from access.facts import Act
from access.forms import HowMuch
from access.models import ConsentRequest
from access.policy import decide
from access.words import polite
from audit.trail import Event
from patients import terms

YES, NO = "oui", "non"


class Answer(HowMuch):
    answer = django_forms.ChoiceField(choices=[(YES, YES), (NO, NO)])
    duration = django_forms.ChoiceField(
        label="Jusqu'à quand ?",
        choices=durations.SHORT,
        initial=durations.VISIT,
        required=False,
        widget=django_forms.RadioSelect,
    )

    def clean(self) -> dict[str, Any]:
        """A no is a no, whatever was ticked before it."""
        if self.cleaned_data.get("answer") == NO:
            self.errors.clear()
            return {"answer": NO}
        return super().clean()


def _cards(dossier_id: uuid.UUID) -> list[dict[str, Any]]:
    return [_card(row) for row in consents.waiting(dossier_id)]


def _card(row: ConsentRequest) -> dict[str, Any]:
    who = row.user.professional
    assert who is not None
    profession = terms.display("professions", who.profession)
    form = Answer(auto_id=f"{row.pk.hex}_%s")
    return {"row": row, "name": polite(who.name), "profession": profession, "form": form}


@require_safe
def watch(request: HttpRequest) -> HttpResponse:
    """204, or a fragment that an open page shows. Light: no session kept alive, no trace, nothing of the content."""
    request.is_watch = True  # type: ignore[attr-defined]
    try:
        caller = holder.caller(request)
        dossier, facts = gate.look(caller, dossier_id=holder.dossier_of(request))
    except (holder.NotAPerson, holder.NotChosen, gate.Absent):
        return HttpResponse(status=204)
    cards = _cards(dossier.pk) if decide(Act.AUTHORISE, facts) else []
    if not cards:
        return HttpResponse(status=204)
    return render(request, "access/_consent_waiting.html", {"cards": cards})


@holder.page
@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    with holder.enter(request, Act.AUTHORISE, Event.TRAIL_READ) as entry:
        cards = _cards(entry.dossier.pk)
        entry.trace(detail={"page": "autorisations"})
    return render(request, "access/consents.html", {"cards": cards, "error": error}, status=status)


@holder.page
@require_POST
def answer(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    form = Answer(request.POST)
    if not form.is_valid():
        unticked = "families" in form.errors
        said = (
            "Cochez au moins une famille de documents."
            if unticked
            else "Répondez oui ou non, et choisissez une durée."
        )
        return _page(request, said, 422)
    yes = form.cleaned_data["answer"] == YES
    until = durations.end_of(form.cleaned_data["duration"] or durations.VISIT) if yes else None
    limits = form.limits if yes else {}
    try:
        with holder.enter(request, Act.AUTHORISE, Event.CONSENT_ANSWERED, lock=True, object_id=request_id) as entry:
            row = consents.answer(entry, request_id, yes, until, **limits)
    except ValidationError as error:
        return _page(request, " ".join(error.messages), 422)
    name = polite(row.user.professional.name) if row.user.professional else ""
    done = f"{name} peut consulter votre dossier." if yes else f"Vous avez refusé. {name} ne voit rien de plus."
    messages.success(request, done)
    return redirect("autorisations")
