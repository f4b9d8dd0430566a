"""A newcomer got her NIR: the counter attaches it to the dossier that she opened with a provisional number (S12).

The identity service names the number and says which one it replaces; the agent sees the person and her paper.
"""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.counter import PAPERS, SESSION_KEY, CounterForm, agent_of, limited, page, person_of, provisional, show
from access.counter_identity import trace_search
from patients import insi, numbers
from patients.ins import Ins
from patients.models import Dossier, Patient


class Attach(CounterForm):
    identity = forms.ChoiceField(
        label="Pièce d'identité vue", choices=[("", "—"), *((paper, paper.capitalize()) for paper in PAPERS)]
    )
    checked = forms.BooleanField(
        label="Le titulaire, ou son représentant légal, est devant moi, et c'est bien lui sur la pièce d'identité",
        error_messages={"required": "Sans voir la personne et sa pièce, rien n'est rattaché."},
    )


@page
@require_http_methods(["GET", "POST"])
def attach(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    dossier = provisional(person) if person else None
    service = insi.service()
    if person is None or dossier is None or service is None:
        return redirect("counter_sheet" if person else "counter_find")
    form = Attach(request.POST or None)
    if request.method == "POST" and form.is_valid() and limited(request, form):
        number = _definitive(request, form, service, Patient.objects.get(dossier=dossier))
        if number is not None and _attach(request, form, dossier, number):
            return redirect("counter_sheet")
    return show(request, "counter/number.html", form=form, person=person, title="Rattacher le numéro définitif")


def _definitive(request: HttpRequest, form: forms.Form, service: insi.InsService, patient: Patient) -> Ins | None:
    """The one number that the service gives in place of hers; else why there is none."""
    traits = insi.Traits(
        patient.birth_family, patient.given_names, patient.birth_date, patient.sex, patient.birthplace
    )
    try:
        found = service.search(traits)
    except insi.Unavailable:
        form.add_error(None, "Le service d'identité ne répond pas : réessayez dans quelques minutes.")
        return None
    fitting = [one.ins for one in found if not one.ins.is_provisional and patient.ins in one.former]
    trace_search(request, len(fitting))
    if len(fitting) != 1:
        form.add_error(
            None, "Le service d'identité ne donne pas encore de numéro définitif à la place du provisoire."
        )
        return None
    return fitting[0]


def _attach(request: HttpRequest, form: forms.Form, dossier: Dossier, number: Ins) -> bool:
    evidence = f"INSi, {form.cleaned_data['identity']}"
    try:
        known = numbers.attach(dossier.pk, number, by=agent_of(request).actor(), evidence=evidence)
    except ValidationError as error:
        form.add_error(None, error)
        return False
    request.session[SESSION_KEY] = bytes(known.pk).hex()
    messages.success(request, "Le numéro définitif est rattaché : les deux numéros mènent au même dossier.")
    return True
