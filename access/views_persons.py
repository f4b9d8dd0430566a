"""« Mes aidants »: invite, withdraw; the page on which an invited person accepts."""

import uuid
from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import password_validation
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from access import durations, gate, holder, persons
from access.facts import Act, Right
from access.forms import Form
from access.gate import Entry
from access.models import Invitation, Representation, User
from access.tasks import send_invitation
from audit.trail import Event
from fhir import ids
from patients import codes

RIGHTS = {
    Right.READ: "Lire mes documents",
    Right.MASKED: "Lire aussi ceux que je masque aux professionnels",
    Right.DEPOSIT: "Ajouter des documents",
    Right.AUTHORISE: "Autoriser ou bloquer des professionnels à ma place",
    Right.TRAIL: "Voir l'activité : qui a consulté mon dossier",
}
LENGTHS = [(value, label) for value, label in durations.SHORT if value != durations.VISIT]


class Carer(Form):
    """Nothing is ticked beforehand: each right is given one by one."""

    email = forms.EmailField(
        label="Son adresse e-mail",
        error_messages={"required": "Écrivez son adresse e-mail.", "invalid": "Écrivez-la ainsi : nom@exemple.fr."},
    )
    rights = forms.MultipleChoiceField(
        label="Cette personne pourra",
        choices=[(right.value, label) for right, label in RIGHTS.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Cochez au moins une chose que cette personne pourra faire."},
    )
    duration = forms.ChoiceField(
        label="Jusqu'à quand ?",
        choices=LENGTHS,
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez une durée."},
    )


class Parent(Form):
    email = forms.EmailField(
        label="Adresse e-mail de l'autre parent",
        error_messages={"required": "Écrivez son adresse e-mail.", "invalid": "Écrivez-la ainsi : nom@exemple.fr."},
    )


class Code(Form):
    code = forms.CharField(
        label="Le code que la personne vous a dit",
        help_text="Dix lettres et chiffres.",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
        error_messages={"required": "Écrivez le code."},
    )


class NewAccount(Code):
    given = forms.CharField(
        label="Votre prénom", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    family = forms.CharField(
        label="Votre nom", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )
    password = forms.CharField(
        label="Choisissez un mot de passe",
        help_text="Douze caractères au moins : quatre mots au hasard conviennent bien.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password)
        return password


# -- the holder -----------------------------------------------------------------------------------------
@holder.page
@require_http_methods(["GET", "POST"])
def carers(request: HttpRequest) -> HttpResponse:
    form = Carer(request.POST if request.method == "POST" else None)
    if form.is_valid():
        data = form.cleaned_data
        until = durations.end_of(data["duration"])
        try:
            with holder.enter(request, Act.MANAGE, Event.INVITED, lock=True) as entry:
                row, code = persons.invite_carer(entry, data["email"], rights=data["rights"], until=until)
                _send(row)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _invited(request, row, code)
    return _carers(request, form, Parent())


@holder.page
@require_POST
def parent(request: HttpRequest) -> HttpResponse:
    """A parent invites the other one."""
    form = Parent(request.POST)
    if form.is_valid():
        try:
            with holder.enter(request, Act.MANAGE, Event.INVITED, lock=True) as entry:
                row, code = persons.invite_parent(entry, form.cleaned_data["email"])
                _send(row)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _invited(request, row, code)
    return _carers(request, Carer(), form)


def _send(row: Invitation) -> None:
    """The mail leaves once the invitation is committed."""
    send_invitation.delay_on_commit(str(row.dossier_id), str(row.pk))


def _invited(request: HttpRequest, row: Invitation, code: str) -> HttpResponse:
    """The code, once: it stands nowhere else, and never in the mail."""
    context = {"invitation": row, "code": codes.on_paper(code), "days": persons.INVITED_DAYS}
    answer = render(request, "access/invited.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _carers(request: HttpRequest, form: Form, other: Form) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        context = _people(entry)
        entry.trace(detail={"page": "aidants"})
    context |= {"form": form, "parent_form": other, "most": persons.CARERS_A_DOSSIER}
    return render(request, "access/carers.html", context, status=422 if form.errors or other.errors else 200)


def _people(entry: Entry) -> dict[str, Any]:
    role = Representation.Role
    helping = persons.running(entry.dossier.pk, role.CARER)
    invited = list(persons.waiting(entry.dossier.pk))
    parents = [one for one in persons.running(entry.dossier.pk, role.PARENT) if entry.facts.minor]
    taken = len(helping) + sum(one.role == role.CARER for one in invited)
    return {
        "carers": [(one, words(one.rights)) for one in helping],
        "invited": [(one, words(one.rights)) for one in invited],
        "representatives": [*parents, *persons.running(entry.dossier.pk, role.GUARDIAN)],
        "room": entry.dossier.is_open and taken < persons.CARERS_A_DOSSIER,
        "may_invite_parent": persons.may_invite_parent(entry),
        "is_open": entry.dossier.is_open,
    }


def words(rights: list[str]) -> list[str]:
    return [label for right, label in RIGHTS.items() if right in rights]


@holder.page
@require_POST
def withdraw(request: HttpRequest, representation_id: uuid.UUID) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.REPRESENTATION_ENDED, lock=True) as entry:
        row = persons.withdraw_carer(entry, representation_id)
        if row is None:
            raise gate.Absent
    messages.success(request, f"{row.user} ne peut plus rien voir de votre dossier.")
    return redirect("carers")


@holder.page
@require_POST
def cancel(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    with holder.enter(request, Act.MANAGE, Event.REPRESENTATION_ENDED, lock=True) as entry:
        if not persons.cancel(entry, invitation_id):
            raise gate.Absent
    messages.success(request, "L'invitation est annulée : son code n'ouvre plus rien.")
    return redirect("carers")


# -- the invited person -------------------------------------------------------------------------------------
@login_not_required
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, identifier: str) -> HttpResponse:
    """The link of the mail. It says nothing of whose dossier it is, nor whether the invitation still stands.

    Signed in: the code. Without an account: a code and an account, which is then entered as any other is.
    """
    try:
        dossier_id, invitation_id = ids.split(identifier)
    except ids.UnknownId as error:
        raise Http404 from error
    user = request.user if isinstance(request.user, User) else None
    if user is not None and user.kind != User.Kind.PERSON:
        return render(request, "access/not_a_person.html", status=403)
    form = (Code if user else NewAccount)(request.POST if request.method == "POST" else None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            if user is not None:
                persons.accept(user, dossier_id, invitation_id, data["code"])
            else:
                _accept_anew(dossier_id, invitation_id, data)
        except persons.NotAccepted as error:
            form.add_error(None, str(error.args[0]))
        else:
            request.session.pop(holder.SESSION_KEY, None)
            messages.success(request, "C'est fait : vous pouvez maintenant suivre ce dossier.")
            return redirect("dossiers")  # who has no session signs in first
    context = {"form": form, "login": f"{settings.LOGIN_URL}?next={request.path}"}
    answer = render(request, "access/invitation.html", context, status=422 if form.errors else 200)
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def _accept_anew(dossier_id: uuid.UUID, invitation_id: uuid.UUID, data: dict[str, Any]) -> None:
    """An account for the address invited, and what the invitation gives. Raises `NotAccepted`.

    The session is not opened: signing in wants the code sent to that very address (or a second factor).
    """
    row = persons.code_is_right(dossier_id, invitation_id, data["code"])
    if row is None:
        raise persons.NotAccepted(persons.WRONG)
    if User.objects.filter(email__iexact=row.email).exists():
        raise persons.NotAccepted("Vous avez déjà un compte à cette adresse : connectez-vous, puis écrivez le code.")
    with transaction.atomic():
        user = User.objects.create_user(
            row.email, data["password"], first_name=data["given"], last_name=data["family"]
        )
        EmailAddress.objects.create(user=user, email=row.email, verified=True, primary=True)
        persons.accept(user, dossier_id, invitation_id, data["code"])
