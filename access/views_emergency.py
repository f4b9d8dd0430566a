"""Profil › « Urgence »: what an emergency may open, the card with its number, who came in an emergency."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from access import emergencies, emergencies_seen, holder, profile
from access.facts import Act
from access.forms import Emergency
from access.gate import Entry
from access.models import EmergencyNumber
from access.words import polite
from audit.trail import Event
from patients import letters
from patients.models import Patient

CLOSED = "Ce dossier est fermé : sans documents à montrer, il n'a plus de carte d'urgence."


@holder.page
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """POST changes the switches. Boxes that are not ticked are not sent: an empty form is an answer."""
    form = Emergency(request.POST)
    if request.method == "POST" and form.is_valid():
        with holder.enter(request, Act.MANAGE, Event.EMERGENCY_CHANGED, lock=True) as entry:
            profile.change_emergency(entry, **form.cleaned_data)
        messages.success(request, "Vos choix pour les urgences sont enregistrés.")
        return redirect("profile_emergency")
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        dossier = entry.dossier
        came = emergencies_seen.came(dossier.pk)
        context = {
            "form": Emergency(initial={name: getattr(dossier, name) for name in profile.EMERGENCY}),
            "is_open": dossier.is_open,
            "card": EmergencyNumber.objects.filter(lookup=bytes(dossier.emergency_lookup or b"")).first(),
            "came": came,
            "late": sum(one.is_late for one in came),
            "called": emergencies_seen.called(dossier.pk),
        }
        entry.trace(detail={"page": "urgence"})
    return render(request, "access/emergency.html", context)


@holder.page
@require_POST
def card(request: HttpRequest) -> HttpResponse:
    """A new number, on this page alone: it is kept nowhere. Lost, another one is made."""
    with holder.enter(request, Act.MANAGE, Event.NUMBER_MADE, lock=True) as entry:
        if not entry.dossier.is_open:
            entry.trace(Event.TRAIL_READ, detail={"page": "urgence"})
            number = ""
        else:
            number = emergencies.make_number(entry)
    if not number:
        messages.error(request, CLOSED)
        return redirect("profile_emergency")
    context = {"number": number, "shown": emergencies.on_paper(number)}
    return render(request, "access/emergency_card.html", context)


@holder.page
@require_POST
def card_pdf(request: HttpRequest) -> HttpResponse:
    """The card of the number that its page sends back; of no other number."""
    number = emergencies.typed(request.POST.get("number", ""))
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        context = _on_card(entry, number) if emergencies.is_current(entry, number) else None
        entry.trace(detail={"page": "urgence"})
    if context is None:
        messages.error(request, "Ce numéro n'est plus celui de votre carte. Faites-en une nouvelle.")
        return redirect("profile_emergency")
    content = letters.render("pdf/emergency_card.html", context)
    headers = {"Content-Disposition": 'attachment; filename="carte-urgence.pdf"'}
    return HttpResponse(content, content_type="application/pdf", headers=headers)


def _on_card(entry: Entry, number: str) -> dict[str, object]:
    """Nothing of health: a card is lost."""
    patient = Patient.objects.get(dossier=entry.dossier)
    return {"name": polite(patient.name), "birth_date": patient.birth_date, "shown": emergencies.on_paper(number)}


@holder.page
@require_POST
def withdraw_card(request: HttpRequest) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.EMERGENCY_CHANGED, lock=True) as entry:
        had = emergencies.withdraw_number(entry)
    messages.success(request, "Le numéro de votre carte ne sert plus." if had else "Vous n'aviez pas de carte.")
    return redirect("profile_emergency")
