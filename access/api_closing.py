"""/api/v1/dossiers/{id}/fermeture: a professional passes on that the holder wants the dossier closed.

He closes nothing: a request is recorded, the holder is told and may cancel it, an agent answers it (rules 1.3).
"""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api import DOSSIER, ERRORS, Consented, Door, Problem
from audit.trail import Event
from patients import requests
from patients.models import Channel, Patient
from patients.models_requests import Kind


class Closing(Consented):
    """The holder asked for it, before this professional; how that is proven."""

    evidence = serializers.CharField(max_length=100, help_text="Par exemple : « formulaire signé n° 12 ».")


class Recorded(serializers.Serializer[Any]):
    """The request, as its receipt names it."""

    number = serializers.CharField()
    state = serializers.CharField()
    due_on = serializers.DateField()
    tell_the_holder = serializers.ListField(
        child=serializers.CharField(), help_text="À dire au titulaire avant qu'il ne parte : ce qu'il va perdre."
    )


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
        responses={201: Recorded, 409: Problem, **ERRORS},
        parameters=[DOSSIER],
    )
)
class ClosingView(Door):
    """POST /api/v1/dossiers/{id}/fermeture."""

    def post(self, request: Request, dossier: str) -> Response:
        said = Closing(data=request.data)
        said.is_valid(raise_exception=True)
        try:
            with self.recording(dossier, Event.REQUEST_MADE) as entry:
                asked = requests.Asked(
                    kind=Kind.CLOSURE,
                    channel=Channel.PROFESSIONAL,
                    requester=Patient.objects.get(dossier=entry.dossier).name,
                    identity=said.validated_data["evidence"],
                )
                row = requests.ask(entry.dossier.pk, asked, by=entry.actor)
                entry.traced = True  # by the action itself
        except ValidationError as error:
            return Response({"detail": error.messages[0]}, 409)
        answer = {"number": row.on_paper, "state": row.state, "due_on": row.due_on, "tell_the_holder": TELL}
        return Response(Recorded(answer).data, 201)
