"""Two more ways to find a person at the counter: her carte Vitale, or for a newcomer the INS service (S12)."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from access.counter import SESSION_KEY, CounterForm, agent_of, found_or_told, limited, page, served, show
from audit import trail
from audit.trail import Event
from patients import insi, vitale
from patients.models import Caisse, InsuredPerson, Regime

SEXES = [("F", "féminin"), ("M", "masculin"), ("U", "inconnu")]


class Newcomer(CounterForm):
    """The traits as her identity paper writes them; the number comes from the service alone."""

    family = forms.CharField(label="Nom de naissance", max_length=100)
    given = forms.CharField(label="Prénoms", max_length=200)
    birth_date = forms.DateField(
        label="Date de naissance", input_formats=["%d/%m/%Y", "%Y-%m-%d"], help_text="Par exemple 31/12/1950"
    )
    sex = forms.ChoiceField(label="Sexe", choices=SEXES)
    birthplace = forms.RegexField(
        r"^(\d{5}|2[AB]\d{3})$", label="Lieu de naissance (code INSEE, 99 et le pays à l'étranger)", required=False
    )
    postal_code = forms.RegexField(r"^[0-9]{5}$", label="Code postal de son domicile")
    regime = forms.ModelChoiceField(Regime.objects.order_by("code"), label="Régime", empty_label=None)
    caisse = forms.ModelChoiceField(Caisse.objects.none(), label="Caisse", empty_label=None)

    def __init__(self, caisses: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["caisse"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = caisses


@page
@require_POST
def card(request: HttpRequest) -> HttpResponse:
    """The number on the card, looked for as if it were typed: same limit, same trace."""
    form = forms.Form({})
    form.is_valid()
    if (reader := vitale.reader()) is not None and limited(request, form):
        try:
            number = reader.read().ins
        except vitale.NoCard as error:
            form.add_error(None, str(error))
        else:
            return found_or_told(request, form, {"hashes": [number.lookup], "reason": "presente"}, by="card")
    return found_or_told(request, form, None, by="card")


@page
@require_http_methods(["GET", "POST"])
def newcomer(request: HttpRequest) -> HttpResponse:
    """Somebody who is not in the register yet: the INS service says who she is, and her number, maybe provisional."""
    service = insi.service()
    if service is None:
        return redirect("counter_find")
    form = Newcomer(served(agent_of(request)).order_by("code"), request.POST or None)
    if request.method == "POST" and form.is_valid() and limited(request, form):
        said = form.cleaned_data
        traits = insi.Traits(said["family"], said["given"], said["birth_date"], said["sex"], said["birthplace"])
        try:
            people = service.search(traits)
        except insi.Unavailable:
            people = []
            form.add_error(None, "Le service d'identité ne répond pas : réessayez dans quelques minutes.")
        else:
            trace_search(request, len(people))
        if len(people) == 1 and (person := _registered(people[0], said)) is not None:
            request.session[SESSION_KEY] = bytes(person.pk).hex()
            return redirect("counter_sheet")
        if not form.errors:
            form.add_error(None, _why_not(len(people)))
    return show(request, "counter/newcomer.html", form=form, title="Nouvel arrivant")


def trace_search(request: HttpRequest, found: int) -> None:
    trail.record_now(
        Event.IDENTITY_SEARCHED,
        by=agent_of(request).actor(),
        dossier_id=None,
        allowed=found == 1,
        reason="presente",
        detail={"by": "insi", "found": found},
    )


def _why_not(found: int) -> str:
    if found > 1:
        return "Plusieurs identités répondent : ajoutez les autres prénoms et le lieu de naissance."
    if found == 1:
        return "Cette personne est suivie par une autre caisse : adressez-la à son guichet."
    return "Le service d'identité ne connaît pas ces traits : relisez-les sur la pièce d'identité."


def _registered(identity: insi.Identity, said: dict[str, Any]) -> InsuredPerson | None:
    """Her row of the register, made if there is none. None when another fund has her."""
    number, traits = identity.ins, identity.traits
    person, _ = InsuredPerson.objects.get_or_create(
        lookup=number.lookup,
        defaults={
            "oid": number.oid,
            "sealed_matricule": number.sealed(),
            "birth_family": traits.birth_family,
            "given_names": traits.given_names,
            "birth_date": traits.birth_date,
            "sex": traits.sex,
            "birthplace": traits.birthplace,
            "postal_code": said["postal_code"],
            "regime": said["regime"],
            "caisse": said["caisse"],
        },
    )
    return person if person.caisse_id == said["caisse"].pk else None
