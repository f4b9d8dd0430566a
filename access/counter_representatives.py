"""The counter records who represents a person by law, on the paper an agent saw: parents, guardians (L1111-18).

The representative's account is found by its e-mail, or made without a password: its first sign-in goes by « Mot de
passe oublié » and a code of the counter (`access.counter_access`), so that the mailbox alone opens nothing.
"""

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from access import persons
from access.counter import CounterForm, agent_of, dossier_of, page, person_of, show
from access.models import Representation, User
from patients.models import Dossier

DAY = {"input_formats": ["%d/%m/%Y", "%Y-%m-%d"], "help_text": "Par exemple 31/12/2030"}
ROLES = [Representation.Role.PARENT, Representation.Role.GUARDIAN]
PAPERS = {
    Representation.Role.PARENT: ["Livret de famille", "Acte de naissance", "Jugement sur l'autorité parentale"],
    Representation.Role.GUARDIAN: [
        "Jugement de tutelle",
        "Jugement d'habilitation familiale",
        "Mandat de protection",
    ],
}


class Record(CounterForm):
    """Both were checked by the agent: the paper, and who is standing there."""

    role = forms.ChoiceField(label="Qualité", choices=[(role.value, role.label.capitalize()) for role in ROLES])
    given = forms.CharField(label="Prénom du représentant", max_length=100)
    family = forms.CharField(label="Nom du représentant", max_length=100)
    email = forms.EmailField(label="Son adresse e-mail")
    paper = forms.ChoiceField(label="Pièce vue", choices=[(one, one) for some in PAPERS.values() for one in some])
    number = forms.CharField(label="Numéro ou date de la pièce, et ce qu'elle permet", max_length=120)
    until = forms.DateField(label="Fin écrite sur le jugement (tuteur)", required=False, **DAY)  # type: ignore[arg-type]
    checked = forms.BooleanField(
        label="Le représentant est devant moi, j'ai vu sa pièce d'identité et celle qui dit sa qualité",
        error_messages={"required": "Sans ces pièces, rien n'est enregistré."},
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        role, paper = data.get("role"), data.get("paper")
        if role and paper and paper not in PAPERS[Representation.Role(role)]:
            self.add_error("paper", "Cette pièce ne dit pas cette qualité.")
        return data


@page
@require_http_methods(["GET", "POST"])
def representatives(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if dossier is None or not dossier.is_open:
        return redirect("counter_sheet" if person else "counter_find")
    form = Record(request.POST if request.method == "POST" and "end" not in request.POST else None)
    if request.method == "POST" and "end" in request.POST:
        return _end(request, dossier)
    if form.is_bound and form.is_valid():
        try:
            _record(request, dossier, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Le représentant est enregistré. S'il n'a pas d'espace, redonnez-lui l'accès.")
            return redirect("counter_sheet")
    return show(
        request,
        "counter/representatives.html",
        form=form,
        person=person,
        title="Représentants",
        running=persons.running(dossier.pk, *ROLES),
    )


def _record(request: HttpRequest, dossier: Dossier, said: dict[str, Any]) -> None:
    until = said["until"]
    ends = timezone.make_aware(dt.datetime.combine(until + dt.timedelta(days=1), dt.time.min)) if until else None
    with transaction.atomic():
        persons.record(
            dossier,
            _account(said),
            Representation.Role(said["role"]),
            evidence=f"{said['paper']}, {said['number']}",
            since=timezone.now(),
            until=ends,
            by=agent_of(request).actor(),
        )


def _account(said: dict[str, Any]) -> User:
    email = said["email"].lower()
    known = User.objects.filter(email__iexact=email).first()
    names = {"first_name": said["given"], "last_name": said["family"]}
    if known is not None and (known.kind != User.Kind.PERSON or not known.is_active or not _is_named(known, names)):
        raise ValidationError(
            "Cette adresse est celle de quelqu'un d'autre : relisez-la avec le représentant.", code="taken"
        )
    return known or User.objects.create(email=email, kind=User.Kind.PERSON, password=make_password(None), **names)


def _is_named(known: User, names: dict[str, str]) -> bool:
    """A slip of one letter must not open a dossier to a stranger."""
    return all(str(getattr(known, name)).casefold() == said.casefold() for name, said in names.items())


def _end(request: HttpRequest, dossier: Dossier) -> HttpResponse:
    try:
        name = uuid.UUID(request.POST["end"])
    except ValueError:
        return redirect("counter_representatives")
    if persons.end(dossier, name, by=agent_of(request).actor()):
        messages.success(request, "La représentation a pris fin.")
    return redirect("counter_representatives")
