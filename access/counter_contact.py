"""The postal address of a holder, changed on the papers that an agent saw; an e-mail that is hers no more; what she
decides of those near to her, after her death.

An e-mail or a telephone is written by its proof alone (`access.counter_online`): whoever could type one here would
receive what is meant for her. Each change is told to the e-mail known before it.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.counter import PAPERS, CounterForm, agent_of, dossier_of, page, person_of, show
from audit import trail
from audit.trail import Event
from patients import dossiers
from patients.models import Patient

HOMES = ["facture de moins de trois mois", "avis d'impôt", "quittance de loyer", "attestation d'hébergement"]


class Contact(CounterForm):
    """The identity is not here: it comes from the INS, and only from there."""

    address = forms.CharField(label="Adresse postale", required=False, max_length=300)
    postal_code = forms.RegexField(r"^[0-9]{5}$", label="Code postal", required=False)
    no_email = forms.BooleanField(label="L'adresse e-mail connue n'est plus la sienne : l'ôter", required=False)
    refuses_heirs = forms.BooleanField(
        label="Elle s'oppose à l'accès de ses proches après son décès (article L1110-4)", required=False
    )
    identity = forms.ChoiceField(
        label="Pièce d'identité vue", choices=[("", "—"), *((paper, paper.capitalize()) for paper in PAPERS)]
    )
    home = forms.ChoiceField(
        label="Justificatif de domicile vu, si l'adresse change",
        choices=[("", "—"), *((paper, paper.capitalize()) for paper in HOMES)],
        required=False,
    )
    checked = forms.BooleanField(
        label="Le titulaire, ou son représentant légal, est devant moi, et c'est bien lui sur la pièce d'identité",
        error_messages={"required": "Sans voir la personne et sa pièce, rien n'est changé."},
    )

    def __init__(self, patient: Patient, *args: Any, **kwargs: Any) -> None:
        """`patient`: with its dossier."""
        initial = {name: getattr(patient, name) for name in ("address", "postal_code")}
        initial["refuses_heirs"] = patient.dossier.refuses_heirs
        super().__init__(*args, initial=initial, **kwargs)
        if not patient.email:
            del self.fields["no_email"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        moved = any(name in self.changed_data for name in ("address", "postal_code"))
        if moved and not data.get("home") and "home" not in self.errors:
            self.add_error("home", "Une adresse se change sur un justificatif.")
        return data

    @property
    def wanted(self) -> dict[str, str]:
        found = {name: self.cleaned_data[name] for name in ("address", "postal_code")}
        return found | ({"email": ""} if self.cleaned_data.get("no_email") else {})

    @property
    def evidence(self) -> str:
        return ", ".join(one for one in (self.cleaned_data["identity"], self.cleaned_data["home"]) if one)


@page
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Of an open dossier. History keeps who changed what, on what evidence; the trace repeats no contact."""
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if person is None or dossier is None or not dossier.is_open:
        return redirect("counter_sheet" if person else "counter_find")
    patient = Patient.objects.select_related("dossier").get(dossier=dossier)
    form = Contact(patient, request.POST or None)
    by = agent_of(request).actor()
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            opposed = dossiers.oppose_heirs(dossier.pk, refuses_heirs=form.cleaned_data["refuses_heirs"], by=by)
            changed = dossiers.change_contacts(dossier.pk, form.wanted, by=by, evidence=form.evidence)
        messages.success(request, "C'est enregistré." if changed or opposed else "Rien n'a changé.")
        return redirect("counter_sheet")
    trail.record_now(Event.SHEET_READ, by=by, dossier_id=dossier.pk, object_kind="contacts")
    more = {"person": person, "patient": patient, "title": "Modifier les coordonnées"}
    return show(request, "counter/contact.html", form=form, **more)
