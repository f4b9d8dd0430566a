"""/api/v1/dossiers/{id}/equipe/membres: a member of the care team names another."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import teams
from access.api import DOSSIER, ERRORS, Door
from access.models import Professional
from audit.trail import Event


class Member(serializers.Serializer[Any]):
    idnat = serializers.RegexField(r"^[0-9A-Za-z/]{1,30}$", help_text="PS_IdNat : 8 puis le numéro RPPS.")


class Joined(serializers.Serializer[Any]):
    idnat = serializers.CharField()
    until = serializers.DateTimeField()


@extend_schema_view(
    post=extend_schema(
        operation_id="nommer_membre_equipe",
        summary="Faire entrer un professionnel dans l'équipe de soins que le titulaire a autorisée",
        request=Member,
        responses={201: Joined, **ERRORS},
        parameters=[DOSSIER],
    )
)
class MembersView(Door):
    """The holder agreed to the team beforehand and is told of each member."""

    def post(self, request: Request, dossier: str) -> Response:
        asked = Member(data=request.data)
        asked.is_valid(raise_exception=True)
        idnat = asked.validated_data["idnat"]
        with self.recording(dossier, Event.TEAM_JOINED) as entry:
            member = Professional.objects.filter(idnat=idnat).first()
            if member is None:
                raise ValidationError("Aucun professionnel ne porte cet identifiant.", code="unknown")
            grant = teams.join_as_member(entry, member)
        return Response({"idnat": idnat, "until": grant.until}, 201)
