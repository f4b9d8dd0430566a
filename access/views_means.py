"""Profil › « Donner mon accord sans téléphone »: the printed grid and the PIN (features S37)."""

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from access import consents, holder
from access.facts import Act
from access.forms import Form
from access.models import ConsentMeans
from audit.trail import Event
from patients import letters


class Pin(Form):
    pin = django_forms.RegexField(
        r"^[0-9]{4,8}$",
        label="Nouveau code personnel",
        help_text="De 4 à 8 chiffres. Ni votre date de naissance, ni le code de votre carte bancaire.",
        widget=django_forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": "Le code personnel a de 4 à 8 chiffres.", "required": "Écrivez un code."},
    )


@holder.page
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """POST sets the PIN, or removes it (`retirer`)."""
    removes = "retirer" in request.POST
    form = Pin(request.POST if request.method == "POST" and not removes else None)
    if request.method == "POST" and (removes or form.is_valid()):
        with holder.enter(request, Act.MANAGE, Event.MEANS_CHANGED, lock=True) as entry:
            consents.set_pin(entry, "" if removes else form.cleaned_data["pin"])
        messages.success(request, "Votre code personnel est retiré." if removes else "Votre code est enregistré.")
        return redirect("profile_means")
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        row = ConsentMeans.objects.filter(dossier=entry.dossier).first()
        entry.trace(detail={"page": "profil"})
    left = len(row.grid) - len(row.used) if row is not None else 0
    context = {"row": row, "left": left, "form": form}
    return render(request, "access/means.html", context, status=422 if form.errors else 200)


@holder.page
@require_POST
def grid(request: HttpRequest) -> HttpResponse:
    """The new grid as a PDF, kept nowhere: lost, another one is made."""
    with holder.enter(request, Act.MANAGE, Event.MEANS_CHANGED, lock=True) as entry:
        made = consents.make_grid(entry)
    width = len(consents.COLUMNS)
    lines = [(start // width + 1, made[start : start + width]) for start in range(0, len(made), width)]
    content = letters.render("pdf/consent_grid.html", {"columns": consents.COLUMNS, "lines": lines})
    headers = {"Content-Disposition": 'attachment; filename="grille.pdf"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type="application/pdf", headers=headers)
