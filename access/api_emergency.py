"""/api/v1 in an emergency: break the glass, attest it, type the number of the holder's card, be told of both."""

import datetime as dt
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from access import emergencies, emergencies_seen, gate, problems
from access.api import DOSSIER, ERRORS, Door, Problem, dossier_of
from access.facts import Act
from access.gate import Absent
from access.models import EmergencyAccess
from audit import limits
from audit.trail import Event

NUMBERS, WITHIN = 10, dt.timedelta(minutes=10)  # typed by one professional, right or wrong
FAR = dt.timedelta(days=30)  # alerts are not asked for further back
ACCESS = OpenApiParameter("acces", str, OpenApiParameter.PATH, description="Identifiant de l'accès en urgence.")


class Breaking(serializers.Serializer[Any]):
    """Why: one of the list; a few words are needed with « autre »."""

    reason = serializers.ChoiceField(
        list(emergencies.REASONS.items()), help_text="Pourquoi la personne, en danger, ne peut pas donner son accord."
    )
    words = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class OpenedInEmergency(serializers.Serializer[Any]):
    """An emergency access. It ends by itself at `until`; a broken glass is attested before `attest_by`."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(EmergencyAccess.Kind.choices)
    dossier = serializers.CharField()
    patient = serializers.CharField(help_text="Référence FHIR, pour GET /fhir/DocumentReference?patient=…")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    attest_by = serializers.DateTimeField(allow_null=True)
    attested_at = serializers.DateTimeField(allow_null=True)


class Attesting(serializers.Serializer[Any]):
    text = serializers.CharField(
        min_length=emergencies.SHORTEST, max_length=emergencies.LONGEST, help_text="Lu par le titulaire."
    )


class Number(serializers.Serializer[Any]):
    number = serializers.CharField(max_length=40, help_text="Douze caractères ; espaces et minuscules admis.")


class Since(serializers.Serializer[Any]):
    since = serializers.DateTimeField(required=False)


class EmergencyAlert(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["break_glass", "number", "regulation", "to_attest"])
    dossier = serializers.CharField()
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="Fin de l'accès ; délai de la justification.")
    who = serializers.CharField(allow_blank=True)


def said(row: EmergencyAccess) -> dict[str, Any]:
    glass = row.kind == EmergencyAccess.Kind.BREAK_GLASS
    return {
        "id": row.pk.hex,
        "kind": row.kind,
        "dossier": row.dossier_id.hex,
        "patient": f"Patient/{row.dossier_id.hex}",
        "since": row.since,
        "until": row.until,
        "attest_by": emergencies.attest_by(row) if glass else None,
        "attested_at": row.attested_at,
    }


@extend_schema_view(
    get=extend_schema(
        operation_id="lire_mes_urgences",
        summary="Mes accès en urgence à ce dossier",
        responses={200: OpenedInEmergency(many=True), **ERRORS},
        parameters=[DOSSIER],
    ),
    post=extend_schema(
        operation_id="ouvrir_en_urgence",
        summary=f"Bris de glace : ouvrir le dossier {settings.BREAK_GLASS_HOURS} heures, en disant pourquoi",
        description="Tant que cet accès court, chaque réponse sur ce dossier, /fhir comprise, porte l'en-tête "
        "« DMP-Mode: urgence; jusqua=<date> » : votre logiciel montre le mode urgence tout du long. Un numéro de "
        "carte donne « numero-urgence; jusqua=… », la régulation « regulation ».",
        request=Breaking,
        responses={
            201: OpenedInEmergency,
            200: OpenApiResponse(OpenedInEmergency, description="L'accès déjà ouvert, qui court encore."),
            **ERRORS,
        },
        parameters=[DOSSIER],
    ),
)
class EmergenciesView(Door):
    """/api/v1/dossiers/{id}/urgences. The holder and the treating doctor are told."""

    def get(self, request: Request, dossier: str) -> Response:
        with gate.enter(self.caller, Act.EXISTS, Event.DOSSIER_FOUND, dossier_id=dossier_of(dossier)) as entry:
            entry.trace()
            rows = emergencies.own(entry)
        return Response([said(row) for row in rows])

    def post(self, request: Request, dossier: str) -> Response:
        asked = Breaking(data=request.data)
        asked.is_valid(raise_exception=True)
        emergencies.not_secret(self.caller)
        dossier_id = dossier_of(dossier)
        with gate.enter(self.caller, Act.BREAK, Event.GLASS_BROKEN, dossier_id=dossier_id, lock=True) as entry:
            row, new = emergencies.break_glass(entry, **asked.validated_data)
        return Response(said(row), 201 if new else 200)


@extend_schema_view(
    put=extend_schema(
        operation_id="justifier_urgence",
        summary=f"Justifier par écrit un bris de glace, dans les {settings.ATTESTATION_HOURS} heures",
        request=Attesting,
        responses={200: OpenedInEmergency, **ERRORS},
        parameters=[DOSSIER, ACCESS],
    ),
    post=extend_schema(exclude=True),
)
class AttestationView(Door):
    """By the one who broke the glass, also when the holder has blocked him since. POST does as PUT."""

    def put(self, request: Request, dossier: str, acces: str) -> Response:
        asked = Attesting(data=request.data)
        asked.is_valid(raise_exception=True)
        dossier_id, access_id = dossier_of(dossier), dossier_of(acces)
        with gate.enter(self.caller, Act.EXISTS, Event.GLASS_ATTESTED, dossier_id=dossier_id, lock=True) as entry:
            row = emergencies.attest(entry, access_id, asked.validated_data["text"])
        return Response(said(row))

    def post(self, request: Request, dossier: str, acces: str) -> Response:
        return self.put(request, dossier, acces)


@extend_schema_view(
    post=extend_schema(
        operation_id="taper_numero_urgence",
        summary="Ouvrir l'essentiel du dossier avec le numéro de la carte d'urgence",
        request=Number,
        responses={
            201: OpenedInEmergency,
            200: OpenApiResponse(OpenedInEmergency, description="L'accès déjà ouvert, qui court encore."),
            **ERRORS,
            429: Problem,
        },
    )
)
class NumberView(Door):
    """The number and nothing else. A wrong one and one that is not for him have the same answer."""

    def post(self, request: Request) -> Response:
        asked = Number(data=request.data)
        asked.is_valid(raise_exception=True)
        if limits.recent(Event.NUMBER_USED, self.caller.actor, WITHIN) >= NUMBERS:
            raise Throttled(detail=problems.TOO_MANY_NUMBERS)
        try:
            row, new = emergencies.use_number(self.caller, emergencies.typed(asked.validated_data["number"]))
        except Absent:
            return Response({"detail": problems.NO_SUCH_NUMBER}, 404)
        return Response(said(row), 201 if new else 200)


@extend_schema_view(
    get=extend_schema(
        operation_id="lire_alertes_urgences",
        summary="Les accès en urgence aux dossiers dont je suis le médecin traitant, et mes justifications à écrire",
        parameters=[Since],
        responses={200: EmergencyAlert(many=True), **ERRORS},
    )
)
class AlertsView(Door):
    """The oldest first; thirty days at most."""

    def get(self, request: Request) -> Response:
        asked = Since(data=request.query_params)
        asked.is_valid(raise_exception=True)
        earliest = timezone.now() - FAR
        since = max(asked.validated_data.get("since", earliest), earliest)
        user = self.caller.user
        return Response([asdict(one) for one in emergencies_seen.alerts(user, since)] if user is not None else [])
