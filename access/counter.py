"""The counter of a Caisse, inside the admin: find a person, say where she stands, open with her consent.

Nothing medical is here, and the database role of this process could not read it. The person found stays
in the session: no number and no name stand in an address. Every search and every sheet leaves a trace.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from access import counter_steps, recovery
from access.models import CaisseGroupGrant, User
from audit import limits, trail
from audit.trail import Event
from patients import consent_papers, dossiers, ins, insi, numbers, online
from patients.dossiers import Agreement, AlreadyThere
from patients.models import Caisse, Channel, Dossier, InsuredPerson, Patient, identity_of

SESSION_KEY = "counter_person"
SEARCHES_A_MINUTE = 20
PAPER, LIVE = "papier", "direct"
PAPERS = ["carte d'identité", "passeport", "titre de séjour", "permis de conduire"]
View = Callable[..., HttpResponse]


class CounterForm(forms.Form):
    """A form in the look of the admin."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.FileField):
                field.widget = forms.FileInput(attrs={"class": "border rounded p-2 w-full"})
            elif isinstance(field, forms.BooleanField):
                field.widget = UnfoldBooleanWidget()
            elif isinstance(field, forms.ChoiceField):
                field.widget = UnfoldAdminSelectWidget(choices=field.choices)
            else:
                field.widget = UnfoldAdminTextInputWidget()


class Find(CounterForm):
    """By the number, or by name and birth date: exact, never by pieces."""

    number = forms.CharField(label="Numéro de sécurité sociale (15 chiffres)", required=False, max_length=30)
    family = forms.CharField(label="ou nom de naissance", required=False, max_length=100)
    birth_date = forms.DateField(
        label="et date de naissance",
        required=False,
        input_formats=["%d/%m/%Y", "%Y-%m-%d"],
        help_text="Par exemple 31/12/1950",
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
            data["hashes"] = [bytes.fromhex(one) for one in online.lookups(ins.check(number).matricule)]
        elif not (data.get("family") and data.get("birth_date")):
            raise ValidationError("Donnez le numéro, ou le nom de naissance et la date de naissance.")
        return data


class Open(CounterForm):
    """The express consent, never ticked beforehand (EX_1.1-1010), and the two emergency choices (L1111-17)."""

    consent = forms.BooleanField(
        label="La personne, informée, donne son consentement exprès à l'ouverture",
        error_messages={"required": "Sans consentement exprès, aucun dossier n'est ouvert."},
    )
    way = forms.ChoiceField(
        label="Comment",
        choices=[(PAPER, "Formulaire signé, que je numérise"), (LIVE, "De vive voix, devant moi, maintenant")],
    )
    evidence = forms.CharField(label="Numéro du formulaire signé", max_length=100, required=False)
    scan = forms.FileField(
        label="Formulaire numérisé (PDF, JPEG ou PNG, 5 Mo au plus)",
        required=False,
        help_text="Il est chiffré à l'arrivée : le guichet ne peut plus le relire.",
    )
    seen = forms.ChoiceField(
        label="De vive voix : pièce d'identité vue",
        choices=[("", "—"), *((paper, paper.capitalize()) for paper in PAPERS)],
        required=False,
    )
    allows_break_glass = forms.BooleanField(
        label="Elle accepte la consultation en urgence (bris de glace)", required=False
    )
    allows_regulation = forms.BooleanField(label="Elle accepte la consultation par le SAMU-Centre 15", required=False)

    def clean_scan(self) -> consent_papers.Scan | None:
        file = self.cleaned_data["scan"]
        return consent_papers.read(file.read(consent_papers.LARGEST + 1)) if file else None

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("way") == PAPER and "scan" not in self.errors and not (data.get("evidence") and data.get("scan")):
            raise ValidationError("Formulaire signé : donnez son numéro et joignez-le, numérisé.")
        if data.get("way") == LIVE and not data.get("seen"):
            self.add_error("seen", "De vive voix, voyez d'abord une pièce d'identité.")
        return data


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
    grants = CaisseGroupGrant.rights.running().filter(
        group__in=user.groups.all(), permission__codename="serve_caisse"
    )
    return Caisse.objects.filter(pk__in=grants.values("content_object_id"))


@page
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    form = Find(request.POST or None)
    if request.method == "POST" and form.is_valid() and limited(request, form):
        wanted = form.cleaned_data
        return found_or_told(request, form, wanted, by="number" if wanted.get("hashes") else "traits")
    return _ask(request, form)


def _ask(request: HttpRequest, form: forms.Form) -> HttpResponse:
    more = {"has_reader": bool(settings.CARD_READER), "has_service": bool(settings.INS_SERVICE)}
    return show(request, "counter/find.html", form=form, title="Trouver une personne", **more)


def found_or_told(request: HttpRequest, form: forms.Form, wanted: dict[str, Any] | None, *, by: str) -> HttpResponse:
    """The sheet of the one person who answers; else the search again, with what was wrong."""
    found = _search(request, wanted, by) if wanted is not None else []
    if len(found) == 1:
        request.session[SESSION_KEY] = bytes(found[0].pk).hex()
        return redirect("counter_sheet")
    if wanted is not None and not found:
        form.add_error(None, "Aucune personne trouvée parmi les assurés de vos caisses.")
    elif found:
        form.add_error(None, "Plusieurs personnes répondent : demandez le numéro de sécurité sociale.")
    if isinstance(form, Find):
        return _ask(request, form)
    for error in form.non_field_errors():
        messages.error(request, str(error))
    return redirect("counter_find")


def _search(request: HttpRequest, wanted: dict[str, Any], by: str) -> list[InsuredPerson]:
    agent = agent_of(request)
    people = InsuredPerson.objects.filter(caisse__in=served(agent))
    if hashes := wanted.get("hashes"):
        people = people.filter(pk__in=hashes)
    else:
        people = people.filter(birth_family__iexact=wanted["family"], birth_date=wanted["birth_date"])
    found = list(people.select_related("caisse", "regime")[:2])
    trail.record_now(
        Event.IDENTITY_SEARCHED,
        by=agent.actor(),
        dossier_id=None,
        allowed=len(found) == 1,
        reason=wanted["reason"],
        detail={"by": by, "found": len(found)},
    )
    return found


def limited(request: HttpRequest, form: forms.Form) -> bool:
    """A counter looks for one person at a time: a program that tries numbers is stopped."""
    return limited_to(request, form, Event.IDENTITY_SEARCHED, SEARCHES_A_MINUTE, "Trop de recherches en une minute")


def limited_to(request: HttpRequest, form: forms.Form, event: Event, most: int, said: str) -> bool:
    """Whether this agent did it less than `most` times in the last minute, as the trail says."""
    if limits.recent(event, agent_of(request).actor(), dt.timedelta(minutes=1)) < most:
        return True
    form.add_error(None, f"{said} : attendez un peu.")
    return False


def person_of(request: HttpRequest) -> InsuredPerson | None:
    """The person found, still among those this agent serves."""
    name = request.session.get(SESSION_KEY)
    people = InsuredPerson.objects.filter(caisse__in=served(agent_of(request))).select_related("caisse", "regime")
    return people.filter(pk=bytes.fromhex(name)).first() if name else None


def dossier_of(person: InsuredPerson) -> Dossier | None:
    known = identity_of(bytes(person.pk))
    return Dossier.objects.filter(pk=known).first() if known else None


def provisional(person: InsuredPerson) -> Dossier | None:
    """The dossier that this person has under a provisional number, whichever of the two she was found by."""
    known = identity_of(bytes(person.pk)) or numbers.under_provisional_number(person)
    patient = Patient.objects.select_related("dossier").filter(dossier_id=known).first() if known else None
    fits = patient is not None and patient.ins.is_provisional and patient.dossier.state != Dossier.State.DESTROYED
    return patient.dossier if patient is not None and fits else None


@page
@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """Where the person stands: none, open, closed; by which ways she may open."""
    person = person_of(request)
    if person is None:
        return redirect("counter_find")
    dossier, waiting = dossier_of(person), provisional(person)
    trail.record_now(
        Event.SHEET_READ,
        by=agent_of(request).actor(),
        dossier_id=getattr(dossier or waiting, "pk", None),
        object_kind="person",
    )
    today, due = timezone.localdate(), dossiers.kept_until(dossier.closed_at if dossier else None)
    ways = [(channel.label, dossiers.may_open(person, channel, today)) for channel in dossiers.OPENING_WAYS]
    return show(
        request,
        "counter/sheet.html",
        title=str(person),
        person=person,
        number_end=person.ins.matricule[-5:],
        provisional=person.ins.is_provisional,
        dossier=dossier,
        waiting=waiting,
        may_attach=insi.service() is not None,
        accounts=recovery.accounts_of(dossier.pk) if dossier else [],
        days_left=(due - today).days if due else None,
        destroyed_on=due,
        steps=counter_steps.steps(person, dossier) if dossier and dossier.is_open else None,
        ways=ways,
        rule=dossiers.may_open(person, Channel.COUNTER, today),
    )


@page
@require_http_methods(["GET", "POST"])
def open_dossier(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    if person is None:
        return redirect("counter_find")
    if rule := dossiers.may_open(person, Channel.COUNTER, timezone.localdate()):
        messages.error(request, rule.note or "Ce régime ne permet pas l'ouverture au guichet aujourd'hui.")
        return redirect("counter_sheet")
    form = Open(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            _open(person, form.cleaned_data, agent_of(request))
        except AlreadyThere:
            messages.error(request, "Cette personne a déjà un dossier.")
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Le dossier est ouvert.")
        if not form.errors:
            return redirect("counter_sheet")
    return show(request, "counter/open.html", form=form, person=person, title="Ouvrir le dossier")


def _open(person: InsuredPerson, said: dict[str, Any], agent: User) -> None:
    """The dossier and its signed paper together, or nothing."""
    evidence = said["evidence"] if said["way"] == PAPER else f"de vive voix, {said['seen']}"
    switches = {name: said[name] for name in ("allows_break_glass", "allows_regulation")}
    with transaction.atomic():
        agreement = Agreement("holder", evidence, Channel.COUNTER)
        dossier = dossiers.open_for(person, agreement=agreement, by=agent.actor(), **switches)
        if said["way"] == PAPER:
            consent_papers.keep(dossier.pk, dossier.opening_consent_id, said["scan"])


def show(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """A page in the frame of the admin; 422 when its form is not right."""
    status = 422 if context.get("form") is not None and context["form"].errors else 200
    return render(request, template, admin.site.each_context(request) | context, status=status)
