"""/api/v1/dossiers/{id}/fermeture: a professional passes on that the holder wants the dossier closed.

He closes nothing: a request is recorded, the holder is told and may cancel it, an agent answers it (rules 1.3). Of
requests that run already he learns nothing: the answer is the same, and has no number.
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import gate
from access.api import DOSSIER, ERRORS, Consented, Door, Problem, dossier_of
from access.facts import Act
from access.gate import Entry
from access.models import Representation
from audit import limits
from audit.trail import Event
from patients import requests
from patients.models import Channel, Patient
from patients.models_requests import RUNNING, Kind, State


class Closing(Consented):
    """The holder asked for it, before this professional; how that is proven."""

    evidence = serializers.CharField(max_length=100, help_text="Par exemple : « formulaire signé n° 12 ».")


class Recorded(serializers.Serializer[Any]):
    """That it is recorded. Its number is the holder's."""

    state = serializers.CharField()
    tell_the_holder = serializers.ListField(
        child=serializers.CharField(), help_text="À dire au titulaire avant qu'il ne parte : ce qu'il va perdre."
    )


PASSED_ON_AN_HOUR = 10  # by one professional, of anybody
# CNIL 2016-258: what becomes unreachable is said first, whoever passes it on.
TELL = [
    "Une fois le dossier fermé, plus personne ne le lit, même en urgence.",
    "Si vos directives anticipées y sont, personne ne les y trouvera plus : confiez-les aussi à un proche ou à votre "
    "médecin.",
    "Vous pouvez en demander d'abord une copie, en ligne, au guichet ou par lettre.",
    "Il est gardé dix ans, puis détruit ; jusque-là vous pouvez le réactiver. Vous pouvez annuler cette demande.",
]


@extend_schema_view(
    post=extend_schema(
        operation_id="transmettre_fermeture",
        summary="Transmettre la demande du titulaire de fermer son dossier",
        request=Closing,
        responses={201: Recorded, 409: Problem, 429: Problem, **ERRORS},
        parameters=[DOSSIER],
    )
)
class ClosingView(Door):
    """POST /api/v1/dossiers/{id}/fermeture."""

    def post(self, request: Request, dossier: str) -> Response:
        said = Closing(data=request.data)
        said.is_valid(raise_exception=True)
        if not settings.CLOSING_BY_PROFESSIONALS:
            return Response({"detail": "Ici, une fermeture se demande en ligne ou au guichet."}, 403)
        if limits.recent(Event.REQUEST_MADE, self.caller.actor, dt.timedelta(hours=1)) >= PASSED_ON_AN_HOUR:
            return Response({"detail": "Trop de demandes en une heure. Réessayez plus tard."}, 429)
        dossier_id = dossier_of(dossier)
        try:
            with gate.enter(self.caller, Act.CLOSE, Event.REQUEST_MADE, dossier_id=dossier_id, lock=True) as entry:
                _record(entry, said.validated_data["evidence"])
        except ValidationError:
            return Response({"detail": "Cette demande n'a pas été enregistrée : elle se fait au guichet."}, 409)
        return Response(Recorded({"state": State.RECEIVED, "tell_the_holder": TELL}).data, 201)


def _record(entry: Entry, evidence: str) -> None:
    """Once: the closing that was asked already is asked. Raises ValidationError when too much waits."""
    if entry.dossier.requests.filter(state__in=RUNNING, kind=Kind.CLOSURE).exists():
        entry.trace(detail={"again": True})
        return
    asked = requests.Asked(
        kind=Kind.CLOSURE,
        channel=Channel.PROFESSIONAL,
        requester=_requester(entry),
        identity=evidence,
    )
    requests.ask(entry.dossier.pk, asked, by=entry.actor)
    entry.traced = True  # by the action itself


def _requester(entry: Entry) -> str:
    """The holder; or who represents her, whose word it is."""
    roles = (Representation.Role.PARENT,) if entry.facts.minor else ()
    rows = Representation.objects.running().filter(
        dossier=entry.dossier, role__in=(Representation.Role.GUARDIAN, *roles)
    )
    names = [str(row.user) for row in rows.select_related("user").order_by("since")]
    return ", ".join(names)[:200] or Patient.objects.get(dossier=entry.dossier).name
