"""The pages that open a dossier online, before there is any account; then the account itself."""

import datetime as dt
import uuid
from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib.auth import login, password_validation
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from access import devices, open_sessions
from access.models import Representation, User
from access.sessions import trace_opening
from audit import limits, trail
from audit.scoped import uuid7
from audit.trail import ANONYMOUS, Actor, ActorKind, Event
from patients import dossiers, ins, online
from patients.dossiers import Agreement, AlreadyThere
from patients.models import Channel, Dossier, OpeningRequest
from patients.tasks import send_opening_code, write_opening_letter

SESSION_KEY = "opening"
ASKED_AN_HOUR = 10
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
YES_NO = [("oui", "J'accepte"), ("non", "Je refuse")]


class Ask(forms.Form):
    number = forms.CharField(
        label="Numéro de sécurité sociale",
        help_text="Les 15 chiffres de votre carte Vitale, avec la clé.",
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    postal_code = forms.RegexField(
        r"^\d{5}$",
        label="Code postal",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "postal-code"}),
        error_messages={"invalid": "Un code postal a cinq chiffres."},
    )
    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))

    def clean_number(self) -> str:
        return ins.check(self.cleaned_data["number"]).matricule


class Code(forms.Form):
    code = forms.CharField(
        label="Code à six chiffres",
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


class Letter(forms.Form):
    email = forms.EmailField(label="L'adresse e-mail que vous aviez donnée")
    code = forms.CharField(label="Le code du courrier", help_text="Dix lettres et chiffres.", max_length=20)


class Agree(forms.Form):
    """Nothing is chosen beforehand: consent is an act, emergencies are two choices."""

    consent = forms.BooleanField(
        label="J'ai lu ce qui précède et je demande l'ouverture de mon dossier médical partagé",
        error_messages={"required": "Sans votre accord, aucun dossier n'est ouvert."},
    )
    break_glass = forms.ChoiceField(
        label="Si je ne peux pas m'exprimer et que je suis en danger, un professionnel peut consulter mon dossier",
        choices=YES_NO,
        widget=forms.RadioSelect,
    )
    regulation = forms.ChoiceField(
        label="Si un appel au 15 me concerne, le médecin du SAMU peut consulter mon dossier",
        choices=YES_NO,
        widget=forms.RadioSelect,
    )
    password = forms.CharField(
        label="Mot de passe",
        help_text="Douze caractères au moins : quatre mots au hasard conviennent bien.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password)
        return password


def _too_many() -> bool:
    return limits.recent(Event.OPENING_ASKED, ANONYMOUS, dt.timedelta(hours=1)) >= ASKED_AN_HOUR


@login_not_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    form = Ask(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _too_many():
            form.add_error(None, "Trop de demandes depuis cet endroit : recommencez dans une heure.")
        else:
            data = form.cleaned_data
            asked, hashes = uuid7(), online.lookups(data["number"])
            with transaction.atomic():
                trail.record(Event.OPENING_ASKED, by=ANONYMOUS, dossier_id=None)
            send_opening_code.delay_on_commit(str(asked), hashes, data["postal_code"], data["email"])
            request.session[SESSION_KEY] = {"id": str(asked), "confirmed": False}
            return redirect("opening_code")
    return _page(request, "access/online/ask.html", form)


@login_not_required
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    asked = request.session.get(SESSION_KEY)
    if asked is None:
        return redirect("opening")
    form = Code(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = online.confirm(uuid.UUID(asked["id"]), form.cleaned_data["code"])
        if found is not None:
            return _proven(request, found)
        form.add_error("code", "Ce code n'est pas le bon, ou il n'est plus valable. Redemandez-en un.")
    return _page(request, "access/online/code.html", form)


@login_not_required
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, request_id: uuid.UUID, secret: str) -> HttpResponse:
    """A mail program may open a link by itself: only the button proves that somebody is there."""
    if request.method == "POST":
        found = online.confirm(request_id, secret)
        if found is not None:
            return _proven(request, found)
        return render(request, "access/online/late.html", status=410)
    return render(request, "access/online/link.html")


@login_not_required
@require_http_methods(["GET", "POST"])
def letter(request: HttpRequest) -> HttpResponse:
    form = Letter(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = online.confirm_letter(form.cleaned_data["email"], form.cleaned_data["code"])
        if found is not None:
            return _proven(request, found)
        form.add_error("code", "Ce code n'est pas le bon, ou il n'est plus valable. Le guichet peut vous aider.")
    return _page(request, "access/online/letter.html", form)


def _proven(request: HttpRequest, found: OpeningRequest) -> HttpResponse:
    request.session.cycle_key()
    request.session[SESSION_KEY] = {"id": str(found.pk), "confirmed": True}
    if found.state == OpeningRequest.State.LETTER:
        write_opening_letter.delay_on_commit(str(found.pk))
        return redirect("opening_posted")
    return redirect("opening_agree")


@login_not_required
@require_safe
def posted(request: HttpRequest) -> HttpResponse:
    return render(request, "access/online/posted.html")


@login_not_required
@require_http_methods(["GET", "POST"])
def agree(request: HttpRequest) -> HttpResponse:
    """Information, express consent, password: then the dossier, the account and its link are one transaction."""
    asked = request.session.get(SESSION_KEY) or {}
    found = OpeningRequest.objects.select_related("insured__regime", "insured__caisse").filter(
        pk__in=[asked["id"]] if asked else [], state=OpeningRequest.State.CONFIRMED
    )
    if not asked.get("confirmed") or (opening := found.first()) is None:
        return redirect("opening")
    today, person = timezone.localdate(), opening.insured
    rule = dossiers.may_open(person, Channel.WEB, today)
    minor = dossiers.age_on(person.birth_date, today) < 18
    if rule or minor:
        context = {"rule": rule, "minor": minor}
        return render(request, "access/online/not_here.html", context, status=403)
    form = Agree(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = _open(opening, form.cleaned_data)
        except AlreadyThere:
            return render(request, "access/online/already.html", status=409)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            request.session.pop(SESSION_KEY, None)
            return _enter(request, user)
    return _page(request, "access/online/agree.html", form, person=person)


def _enter(request: HttpRequest, user: User | None) -> HttpResponse:
    """The new account's first page; an account that was there signs in as usual."""
    if user is None:
        return redirect("account_login")
    trace_opening(request, user)
    login(request, user, BACKEND)
    open_sessions.note(request)
    answer = redirect("home")
    devices.remember(answer, user)
    return answer


def _open(opening: OpeningRequest, data: dict[str, Any]) -> User | None:
    """The dossier and its holder's account; None when the address had an account: it signs in as usual."""
    agreement = Agreement("holder", "case cochée en ligne", Channel.WEB)
    with transaction.atomic():
        known = User.objects.filter(email=opening.email).first()
        if known is not None and known.kind != User.Kind.PERSON:
            raise ValidationError("Cette adresse sert déjà à un autre compte : donnez-en une autre.", code="taken")
        person = opening.insured
        user = known or User.objects.create_user(
            opening.email,
            data["password"],
            first_name=person.given_names.split()[0].title(),
            last_name=(person.used_family or person.birth_family).title(),
        )
        EmailAddress.objects.get_or_create(
            user=user, email=opening.email, defaults={"verified": True, "primary": True}
        )
        by = Actor(ActorKind.HOLDER, str(user.pk), str(user), means="e-mail")
        dossier = dossiers.open_for(
            person,
            agreement=agreement,
            by=by,
            email=opening.email,
            allows_break_glass=data["break_glass"] == "oui",
            allows_regulation=data["regulation"] == "oui",
        )
        _link(dossier, user, by)
        opening.state = OpeningRequest.State.DONE
        opening.save(update_fields=["state"])
    return None if known else user


def _link(dossier: Dossier, user: User, by: Actor) -> None:
    row = Representation(
        dossier=dossier, user=user, role=Representation.Role.HOLDER, recorded_by=by.reference, since=dossier.opened_at
    )
    row._history_user = by  # type: ignore[attr-defined]
    row.save(force_insert=True)


def _page(request: HttpRequest, template: str, form: forms.Form, **context: Any) -> HttpResponse:
    return render(request, template, {"form": form, **context}, status=422 if form.errors else 200)
