"""The sealed copy, at the counter: the agent launches its printing and hands the envelope over, and sees neither.

This process has no key, and its database role no right on copies: what it knows of the sheets is how many they are.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.counter import PAPERS, CounterForm, agent_of, page, show
from access.counter_requests import seen
from audit import trail
from audit.trail import Event
from patients import envelopes
from patients.models_envelopes import Envelope

PRINT, HAND, POST = "imprimer", "remettre", "poster"


class Hand(CounterForm):
    """In her own hands against a signature, or to the post with a number."""

    act = forms.ChoiceField(
        label="Comment", choices=[(HAND, "Remis en main propre, fermé"), (POST, "Posté, en recommandé")]
    )
    paper = forms.ChoiceField(
        label="En main propre : pièce d'identité vue",
        choices=[("", "—"), *((paper, paper.capitalize()) for paper in PAPERS)],
        required=False,
    )
    signed = forms.BooleanField(label="En main propre : elle a signé le reçu, que je garde", required=False)
    number = forms.CharField(label="Posté : numéro du recommandé", required=False, max_length=40)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("act") == HAND and not (data.get("paper") and data.get("signed")):
            raise ValidationError("En main propre : voyez une pièce d'identité, et faites signer le reçu.")
        if data.get("act") == POST and not data.get("number"):
            self.add_error("number", "Donnez le numéro du recommandé.")
        return data

    @property
    def evidence(self) -> str:
        said = self.cleaned_data
        if said["act"] == HAND:
            return f"{said['paper']}, reçu signé"
        return f"recommandé {said['number']}"


@page
@require_http_methods(["GET", "POST"])
def envelope(request: HttpRequest, identifier: str) -> HttpResponse:
    agent = agent_of(request)
    row = seen(agent, identifier)
    known = envelopes.of(row.dossier_id, row.pk)
    if known is None:
        raise Http404
    act = request.POST.get("act", "")
    form = Hand(request.POST if act in (HAND, POST) else None)
    try:
        if act == PRINT:
            envelopes.ask_printing(known.dossier_id, known.pk, by=agent.actor())
            messages.success(request, f"Le pli {known.on_paper} part à l'imprimante. Ne l'ouvrez pas.")
            return redirect("counter_envelope", identifier)
        if act and form.is_valid():
            envelopes.hand_over(known.dossier_id, known.pk, evidence=form.evidence, by=agent.actor())
            messages.success(request, f"Le pli {known.on_paper} est remis. La demande est faite.")
            return redirect("counter_request", identifier)
    except ValidationError as error:
        form.is_bound = True
        form.add_error(None, error)
    trail.record_now(
        Event.REQUEST_READ,
        by=agent.actor(),
        dossier_id=row.dossier_id,
        object_kind="request",
        object_id=row.pk,
        detail={"envelope": known.on_paper},
    )
    return show(
        request,
        "counter/envelope.html",
        title=f"Pli fermé · {known.on_paper}",
        row=row,
        identifier=identifier,
        envelope=known,
        has_printer=bool(settings.PRINTER),
        waits=known.state in (Envelope.State.PREPARING, Envelope.State.ASKED),
        form=form,
    )
