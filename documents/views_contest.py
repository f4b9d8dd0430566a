"""« Contester cet accès », from a line of Activité."""

import uuid

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import contests, holder
from access.facts import Act
from access.forms import Form
from access.gate import Absent, Entry
from audit.models import Trace
from audit.trail import Event
from documents import activity


class Contested(Form):
    reason = forms.CharField(
        label="Pourquoi contestez-vous cet accès ?",
        max_length=2000,
        help_text="Par exemple : « je ne connais pas cette personne ». N'écrivez rien de médical : la réponse est "
        "faite par l'exploitant du service, qui ne voit aucun document.",
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Dites en quelques mots pourquoi."},
    )


@holder.page
@require_http_methods(["GET", "POST"])
def contest(request: HttpRequest, trace_id: uuid.UUID) -> HttpResponse:
    form = Contested(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with holder.enter(request, Act.MANAGE, Event.ACCESS_CONTESTED, lock=True, object_id=trace_id) as entry:
                contests.contest(entry, _trace(entry, trace_id), form.cleaned_data["reason"])
        except ValidationError as error:
            messages.error(request, error.messages[0])
        else:
            messages.success(request, f"Votre contestation est enregistrée. Réponse sous {contests.DAYS} jours.")
        return redirect("activity")
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        line = activity.line_of(entry, _trace(entry, trace_id))
        entry.trace(detail={"page": "activite"})
    context = {"line": line, "form": form, "days": contests.DAYS}
    return render(request, "documents/contest.html", context, status=422 if form.errors else 200)


def _trace(entry: Entry, trace_id: uuid.UUID) -> Trace:
    """A line that this reader sees; any other does not exist."""
    trace = activity.visible(entry).filter(pk=trace_id).first()
    if trace is None:
        raise Absent
    return trace
