"""The counter proves an e-mail or a telephone with the person there: a code goes to it, and she reads it out.

With a proven e-mail an adult has her space online: an account without a password, which she chooses at home by
« Mot de passe oublié » and a code of the counter (`access.counter_access`). A mailbox alone opens nothing.
"""

import datetime as dt
import secrets
import uuid
from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.http import require_http_methods

from access.counter import CounterForm, agent_of, dossier_of, limited_to, page, person_of, show
from access.models import Representation, User
from access.tasks import send_contact_code
from audit import trail
from audit.trail import Actor, Event
from patients import dossiers, text_messages
from patients.models import Dossier, InsuredPerson, Patient

SESSION_KEY, MINUTES, TRIES, SENT_A_MINUTE = "counter_contact_code", 10, 5, 5
EMAIL, PHONE = "email", "phone"


class Where(CounterForm):
    email = forms.EmailField(label="Son adresse e-mail", required=False)
    phone = forms.RegexField(
        r"^\+?[0-9 .\-]{6,20}$", label="ou son téléphone mobile", required=False, help_text="06 12 34 56 78"
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and bool(data.get(EMAIL)) == bool(data.get(PHONE)):
            raise ValidationError("Donnez l'adresse ou le téléphone : un code part à l'un, puis à l'autre.")
        return data


class Code(CounterForm):
    code = forms.CharField(label="Le code que la personne vous lit", max_length=10)


@page
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """First where, then the code."""
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if person is None or dossier is None or not dossier.is_open:
        return redirect("counter_sheet" if person else "counter_find")
    if request.method == "GET":
        request.session.pop(SESSION_KEY, None)
    sent = request.session.get(SESSION_KEY)
    if sent and sent["dossier"] == str(dossier.pk) and "code" in request.POST:
        return _typed(request, person, dossier, sent)
    patient = Patient.objects.get(dossier=dossier)
    form = Where(request.POST or None, initial={EMAIL: patient.email})
    if text_messages.gateway() is None:
        del form.fields[PHONE]
    if request.method == "POST" and form.is_valid() and _may_send(request, form, dossier):
        _send(request, dossier, form.cleaned_data)
        return _ask_code(request, person, Code())
    return show(request, "counter/verify.html", form=form, person=person, title="Vérifier l'e-mail ou le téléphone")


def _may_send(request: HttpRequest, form: Where, dossier: Dossier) -> bool:
    return limited_to(request, form, Event.CONTACT_CODE_SENT, SENT_A_MINUTE, "Trop de codes envoyés en une minute")


def _send(request: HttpRequest, dossier: Dossier, said: dict[str, str]) -> None:
    """The digest stays in the agent's session, with the wrong tries; the code goes to the person alone."""
    kind = EMAIL if said[EMAIL] else PHONE
    code = f"{secrets.randbelow(10**6):06d}"
    trail.record_now(
        Event.CONTACT_CODE_SENT, by=agent_of(request).actor(), dossier_id=dossier.pk, detail={"to": kind}
    )
    request.session[SESSION_KEY] = {
        "dossier": str(dossier.pk),
        "kind": kind,
        "value": said[kind],
        "digest": _digest(dossier.pk, said[kind], code),
        "until": (timezone.now() + dt.timedelta(minutes=MINUTES)).timestamp(),
        "tries": 0,
    }
    send_contact_code.delay(kind, said[kind], f"{code[:3]} {code[3:]}")


def _digest(dossier_id: uuid.UUID, value: str, code: str) -> str:
    return salted_hmac("access.counter_online", f"{dossier_id}:{value}:{code}", algorithm="sha256").hexdigest()


def _typed(request: HttpRequest, person: InsuredPerson, dossier: Dossier, sent: dict[str, Any]) -> HttpResponse:
    form = Code(request.POST)
    if form.is_valid():
        code = form.cleaned_data["code"].replace(" ", "")
        live = sent["tries"] < TRIES and timezone.now().timestamp() < sent["until"]
        if live and constant_time_compare(_digest(dossier.pk, sent["value"], code), sent["digest"]):
            del request.session[SESSION_KEY]
            return _proven(request, person, dossier, sent)
        request.session[SESSION_KEY] = sent | {"tries": sent["tries"] + 1}
        form.add_error(
            "code", "Ce code n'est pas le bon, ou il a plus de dix minutes. Relisez-le, ou renvoyez-en un."
        )
    return _ask_code(request, person, form)


def _ask_code(request: HttpRequest, person: InsuredPerson, form: Code) -> HttpResponse:
    sent = request.session[SESSION_KEY]
    return show(
        request, "counter/verify_code.html", form=form, person=person, value=sent["value"], title="Taper le code"
    )


def _proven(request: HttpRequest, person: InsuredPerson, dossier: Dossier, sent: dict[str, Any]) -> HttpResponse:
    by = agent_of(request).actor()
    try:
        with transaction.atomic():
            dossiers.change_contacts(dossier.pk, {sent["kind"]: sent["value"]}, by=by, proven=sent["kind"])
            made = sent["kind"] == EMAIL and make_account(person, dossier, sent["value"], by=by)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, "L'adresse est vérifiée." if sent["kind"] == EMAIL else "Le téléphone est vérifié.")
        if made:
            messages.success(request, "Son espace en ligne est prêt : remettez-lui maintenant son code d'accès.")
            return redirect("counter_access")
    return redirect("counter_sheet")


def make_account(person: InsuredPerson, dossier: Dossier, email: str, *, by: Actor) -> bool:
    """The holder's account, for who is of age and has none (D11). An address that serves another is refused."""
    rows = Representation.objects.running().filter(dossier=dossier)
    if not dossiers.of_age(person.birth_date, timezone.now()) or rows.exclude(role="carer").exists():
        return False
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError(
            "L'adresse est vérifiée, mais elle sert déjà à un compte : il en faut une autre.", code="taken"
        )
    user = User.objects.create(
        email=email.lower(),
        kind=User.Kind.PERSON,
        password=make_password(None),
        first_name=person.given_names.split()[0].title(),
        last_name=(person.used_family or person.birth_family).title(),
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    row = Representation(
        dossier=dossier,
        user=user,
        role=Representation.Role.HOLDER,
        evidence="e-mail vérifié au guichet",
        recorded_by=by.reference,
    )
    row._history_user = by  # type: ignore[attr-defined]
    row.save(force_insert=True)
    detail: dict[str, object] = {"role": row.role}
    trail.record(
        Event.REPRESENTATION_ADDED,
        by=by,
        dossier_id=dossier.pk,
        object_kind="person",
        object_id=user.pk,
        detail=detail,
    )
    return True
