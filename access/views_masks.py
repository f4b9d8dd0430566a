"""The holder's standing choices: what becomes of documents to come, and of the dossier after her death."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import holder, profile
from access.facts import Act, Role
from access.forms import Heirs, NewDocuments
from audit.trail import Event
from patients import dossiers


@holder.page
@require_http_methods(["GET", "POST"])
def new_documents(request: HttpRequest) -> HttpResponse:
    form = NewDocuments(request.POST)  # a box that is not ticked is not sent: an empty form is an answer
    if request.method == "POST" and form.is_valid():
        with holder.enter(request, Act.MANAGE, Event.EMERGENCY_CHANGED, lock=True) as entry:
            profile.change_new_documents(entry, **form.cleaned_data)
        messages.success(request, "Votre choix pour les nouveaux documents est enregistré.")
        return redirect("profile")
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        now = {"masks_new_documents": entry.dossier.masks_new_documents}
        entry.trace(detail={"page": "profil"})
    return render(request, "access/new_documents.html", {"form": NewDocuments(initial=now)})


@holder.page
@require_http_methods(["GET", "POST"])
def heirs(request: HttpRequest) -> HttpResponse:
    """Her own will: for who represents her this page does not exist."""
    form = Heirs(request.POST)
    asked = request.method == "POST" and form.is_valid()
    try:
        with holder.enter(request, Act.MANAGE, Event.EMERGENCY_CHANGED, lock=asked) as entry:
            own = entry.facts.role is Role.HOLDER
            if own and asked:
                dossiers.oppose_heirs(entry.dossier.pk, by=entry.actor, **form.cleaned_data)
            entry.trace(Event.TRAIL_READ, detail={"page": "profil"}, allowed=own)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("profile")
    if not own:
        raise Http404
    if asked:
        messages.success(request, "Votre choix est enregistré.")
        return redirect("profile")
    now = {"refuses_heirs": entry.dossier.refuses_heirs}
    return render(request, "access/heirs.html", {"form": Heirs(initial=now)})
