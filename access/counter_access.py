"""The counter gives a person the way back to her pages: a code on paper, or a letter to the address on file."""

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from access import recovery
from access.counter import PAPERS, CounterForm, agent_of, dossier_of, page, person_of, show
from access.models import Representation, User
from access.tasks import write_access_letter
from audit import limits
from audit.trail import Event
from patients import codes

GIVEN_A_MINUTE = 5
HANDED, POSTED = "remis", "courrier"


class GiveBack(CounterForm):
    """Handing over wants the person here and a paper seen; a letter wants neither."""

    account = forms.ChoiceField(label="À qui")
    way = forms.ChoiceField(
        label="Comment",
        choices=[
            (HANDED, "Code remis maintenant, sur papier (valable 48 heures)"),
            (POSTED, "Lettre à l'adresse connue de la caisse (valable six semaines)"),
        ],
    )
    evidence = forms.ChoiceField(
        label="Pièce d'identité vue",
        choices=[("", "aucune"), *((paper, paper.capitalize()) for paper in PAPERS)],
        required=False,
    )
    checked = forms.BooleanField(
        label="La personne est devant moi, et c'est bien elle sur la pièce d'identité", required=False
    )

    def __init__(self, accounts: list[Representation], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account = self.fields["account"]
        assert isinstance(account, forms.ChoiceField)
        account.choices = [(str(one.user_id), f"{one.user} ({one.get_role_display()})") for one in accounts]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("way") == HANDED and not (data.get("evidence") and data.get("checked")):
            raise ValidationError("Pour remettre un code, voyez la personne et sa pièce d'identité.")
        return data


@page
@require_http_methods(["GET", "POST"])
def give_back(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    accounts = list(recovery.accounts_of(dossier.pk).exclude(user=agent_of(request))) if dossier else []
    if not accounts:
        return redirect("counter_find" if person is None else "counter_sheet")
    form = GiveBack(accounts, request.POST or None)
    if request.method == "POST" and form.is_valid() and _not_too_many(request, form):
        user = next(one.user for one in accounts if str(one.user_id) == form.cleaned_data["account"])
        if form.cleaned_data["way"] == HANDED:
            return _hand_over(request, user, form.cleaned_data["evidence"])
        if recovery.may_post(user):
            recovery.ask_letter(user, by=agent_of(request).actor())
            write_access_letter.delay(str(user.pk))
            messages.success(request, "La lettre va partir à l'adresse que la caisse connaît.")
            return redirect("counter_sheet")
        form.add_error(None, "Pas de lettre : un code est encore valable, ou l'adresse de ce compte est inconnue.")
    return show(request, "counter/access.html", form=form, person=person, title="Redonner l'accès")


def _hand_over(request: HttpRequest, user: User, evidence: str) -> HttpResponse:
    """Shown once, to be printed: it stands nowhere else."""
    code = recovery.hand_over(user, by=agent_of(request).actor(), evidence=evidence)
    until = timezone.now() + dt.timedelta(hours=recovery.HANDED_HOURS)
    context = {"code": codes.on_paper(code), "account": user, "until": until, "portal": settings.PORTAL_URL}
    return show(request, "counter/code.html", title="Code remis au guichet", **context)


def _not_too_many(request: HttpRequest, form: GiveBack) -> bool:
    given = limits.recent(Event.ACCESS_CODE_GIVEN, agent_of(request).actor(), dt.timedelta(minutes=1))
    if given < GIVEN_A_MINUTE:
        return True
    form.add_error(None, "Trop de codes donnés en une minute : attendez un peu.")
    return False
