"""The counter of a Caisse, inside the admin: find a person, say where she stands, open with her consent.

Nothing medical is here, and the database role of this process could not read it. The person found stays
in the session: no number and no name stand in an address. Every search and every sheet leaves a trace.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from access import recovery
from access.models import CaisseGroupGrant, User
from audit import limits, trail
from audit.trail import Event
from patients import dossiers, ins
from patients.dossiers import Agreement, AlreadyThere
from patients.models import Caisse, Channel, Dossier, InsuredPerson, Patient, identity_of

SESSION_KEY = "counter_person"
SEARCHES_A_MINUTE = 20
View = Callable[..., HttpResponse]


class CounterForm(forms.Form):
    """A form in the look of the admin."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.BooleanField):
                field.widget = UnfoldBooleanWidget()
            elif isinstance(field, forms.ChoiceField):
                field.widget = UnfoldAdminSelectWidget(choices=field.choices)
            else:
                field.widget = UnfoldAdminTextInputWidget()


class Find(CounterForm):
    """By the number, or by name and birth date: exact, never by pieces."""

    number = forms.CharField(label="Numéro de sécurité sociale (15 chiffres)", required=False, max_length=30)
    oid = forms.ChoiceField(label="Nature du numéro", choices=list(ins.OIDS.items()), initial=ins.OID_NIR)
    family = forms.CharField(label="ou nom de naissance", required=False, max_length=100)
    birth_date = forms.DateField(
        label="et date de naissance", required=False, input_formats=["%d/%m/%Y", "%Y-%m-%d"], help_text="31/12/1950"
    )
    reason = forms.ChoiceField(
        label="Pourquoi",
        choices=[
            ("presente", "La personne est présente au guichet"),
            ("courrier", "Courrier reçu"),
            ("telephone", "Appel de la personne"),
        ],
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if number := data.get("number"):
            data["ins"] = ins.check(number, data["oid"])
        elif not (data.get("family") and data.get("birth_date")):
            raise ValidationError("Donnez le numéro, ou le nom de naissance et la date de naissance.")
        return data


class Open(CounterForm):
    """The express consent, never ticked beforehand (EX_1.1-1010), and the two emergency choices (L1111-17)."""

    consent = forms.BooleanField(
        label="La personne, informée, donne son consentement exprès à l'ouverture",
        error_messages={"required": "Sans consentement exprès, aucun dossier n'est ouvert."},
    )
    evidence = forms.CharField(label="Numéro du formulaire signé", max_length=200)
    allows_break_glass = forms.BooleanField(
        label="Elle accepte la consultation en urgence (bris de glace)", required=False
    )
    allows_regulation = forms.BooleanField(label="Elle accepte la consultation par le SAMU-Centre 15", required=False)


class Contact(CounterForm):
    """Where the holder is reached. The identity is not here: it comes from the INS, and only from there."""

    email = forms.EmailField(label="Adresse e-mail", required=False)
    phone = forms.RegexField(
        r"^\+?[0-9 .\-]{6,20}$", label="Téléphone", required=False, max_length=20, help_text="06 12 34 56 78"
    )
    address = forms.CharField(label="Adresse postale", required=False, max_length=300)
    postal_code = forms.RegexField(r"^[0-9]{5}$", label="Code postal", required=False)


def agent_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def administers(request: HttpRequest) -> bool:
    """Whether the tables are shown in the menu: the rights themselves are Django's."""
    return agent_of(request).has_module_perms("access")


def page(view: View) -> View:
    """For staff with a second factor of their own (`access.staff`); others are sent to set one up."""
    return admin.site.admin_view(view)


def served(user: User) -> QuerySet[Caisse]:
    """The funds this agent's groups serve: guardian object permissions (`serve_caisse`)."""
    grants = CaisseGroupGrant.objects.filter(group__in=user.groups.all(), permission__codename="serve_caisse")
    return Caisse.objects.filter(pk__in=grants.values("content_object_id"))


@page
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    form = Find(request.POST or None)
    found: list[InsuredPerson] = []
    if request.method == "POST" and form.is_valid() and _not_too_many(request, form):
        found = _search(request, form.cleaned_data)
        if len(found) == 1:
            request.session[SESSION_KEY] = bytes(found[0].pk).hex()
            return redirect("counter_sheet")
        text = (
            "Aucune personne trouvée parmi les assurés de vos caisses."
            if not found
            else ("Plusieurs personnes répondent : demandez le numéro de sécurité sociale.")
        )
        form.add_error(None, text)
    return show(request, "counter/find.html", form=form, title="Trouver une personne")


def _search(request: HttpRequest, wanted: dict[str, Any]) -> list[InsuredPerson]:
    agent = agent_of(request)
    people = InsuredPerson.objects.filter(caisse__in=served(agent))
    if number := wanted.get("ins"):
        people = people.filter(pk=number.lookup)
    else:
        people = people.filter(birth_family__iexact=wanted["family"], birth_date=wanted["birth_date"])
    found = list(people.select_related("caisse", "regime")[:2])
    with transaction.atomic(durable=True):
        trail.record(
            Event.IDENTITY_SEARCHED,
            by=agent.actor(),
            dossier_id=None,
            allowed=len(found) == 1,
            reason=wanted["reason"],
            detail={"by": "number" if wanted.get("ins") else "traits", "found": len(found)},
        )
    return found


def _not_too_many(request: HttpRequest, form: Find) -> bool:
    """A counter looks for one person at a time: a program that tries numbers is stopped."""
    done = limits.recent(Event.IDENTITY_SEARCHED, agent_of(request).actor(), dt.timedelta(minutes=1))
    if done < SEARCHES_A_MINUTE:
        return True
    form.add_error(None, "Trop de recherches en une minute : attendez un peu.")
    return False


def person_of(request: HttpRequest) -> InsuredPerson | None:
    """The person found, still among those this agent serves."""
    name = request.session.get(SESSION_KEY)
    people = InsuredPerson.objects.filter(caisse__in=served(agent_of(request))).select_related("caisse", "regime")
    return people.filter(pk=bytes.fromhex(name)).first() if name else None


def dossier_of(person: InsuredPerson) -> Dossier | None:
    known = identity_of(bytes(person.pk))
    return Dossier.objects.filter(pk=known).first() if known else None


@page
@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """Where the person stands: none, open, closed; by which ways she may open."""
    person = person_of(request)
    if person is None:
        return redirect("counter_find")
    dossier = dossier_of(person)
    with transaction.atomic(durable=True):
        trail.record(
            Event.SHEET_READ,
            by=agent_of(request).actor(),
            dossier_id=dossier.pk if dossier else None,
            object_kind="person",
        )
    today, due = timezone.localdate(), dossiers.kept_until(dossier.closed_at if dossier else None)
    ways = [(channel.label, dossiers.may_open(person, channel, today)) for channel in OPENING_WAYS]
    return show(
        request,
        "counter/sheet.html",
        title=str(person),
        person=person,
        number_end=person.ins.matricule[-5:],
        dossier=dossier,
        accounts=recovery.accounts_of(dossier.pk) if dossier else [],
        days_left=(due - today).days if due else None,
        ways=ways,
        rule=dossiers.may_open(person, Channel.COUNTER, today),
    )


OPENING_WAYS = (Channel.COUNTER, Channel.WEB, Channel.PROFESSIONAL, Channel.PHARMACY)


@page
@require_http_methods(["GET", "POST"])
def open_dossier(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    if person is None:
        return redirect("counter_find")
    if rule := dossiers.may_open(person, Channel.COUNTER, timezone.localdate()):
        messages.error(request, rule.note or "Ce régime ne permet pas l'ouverture au guichet aujourd'hui.")
        return redirect("counter_sheet")
    form = Open(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        agreement = Agreement("holder", data["evidence"], Channel.COUNTER)
        switches = {name: data[name] for name in ("allows_break_glass", "allows_regulation")}
        try:
            dossiers.open_for(person, agreement=agreement, by=agent_of(request).actor(), **switches)
        except AlreadyThere:
            messages.error(request, "Cette personne a déjà un dossier.")
        else:
            messages.success(request, "Le dossier est ouvert.")
        return redirect("counter_sheet")
    return show(request, "counter/open.html", form=form, person=person, title="Ouvrir le dossier")


@page
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """The contacts on the sheet of an open dossier. History keeps who changed what; the trace repeats no contact."""
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if person is None or dossier is None or not dossier.is_open:
        return redirect("counter_sheet" if person else "counter_find")
    patient = Patient.objects.get(dossier=dossier)
    initial = {name: getattr(patient, name) for name in Contact.base_fields}
    form = Contact(request.POST or None, initial=initial)
    by = agent_of(request).actor()
    if request.method == "POST" and form.is_valid():
        changed = dossiers.change_contacts(dossier.pk, form.cleaned_data, by=by)
        messages.success(request, "Les coordonnées sont enregistrées." if changed else "Rien n'a changé.")
        return redirect("counter_sheet")
    with transaction.atomic(durable=True):
        trail.record(Event.SHEET_READ, by=by, dossier_id=dossier.pk, object_kind="contacts")
    return show(request, "counter/contact.html", form=form, person=person, title="Modifier les coordonnées")


def show(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """A page in the frame of the admin; 422 when its form is not right."""
    status = 422 if context.get("form") is not None and context["form"].errors else 200
    return render(request, template, admin.site.each_context(request) | context, status=status)
