"""The holder's page: what becomes of the documents that professionals will add."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import holder, profile
from access.facts import Act
from access.forms import NewDocuments
from audit.trail import Event


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
