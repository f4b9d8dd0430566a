"""/api/v1: a professional's own deposits in one dossier, whenever he made them (TD3, D3)."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import gate
from access.api import DOSSIER, ERRORS, Door, dossier_of
from access.facts import Act
from audit.trail import Event
from documents.models import Document
from fhir import ids
from fhir.problems import Problem
from fhir.search import Cursor
from patients.models_requests import Request as HolderRequest

PAGE = 50


class AskedOfAuthor(serializers.Serializer[Any]):
    """What the holder asks about this document and nobody has answered: it is for its author to do (D10)."""

    number = serializers.CharField()
    kind = serializers.ChoiceField(["rectification", "document"], help_text="`document` : le supprimer")
    said = serializers.CharField(help_text="Ce que dit la personne")
    due_on = serializers.DateField()


class Deposit(serializers.Serializer[Any]):
    """One document, as its author may follow it."""

    document = serializers.CharField(help_text="DocumentReference/…, à lire sous /fhir")
    unique_id = serializers.CharField()
    type = serializers.CharField()
    title = serializers.CharField()
    created = serializers.DateTimeField()
    deposited_at = serializers.DateTimeField()
    state = serializers.CharField()
    version = serializers.IntegerField()
    masked = serializers.BooleanField()
    withheld = serializers.BooleanField()
    requests = AskedOfAuthor(many=True)


class Deposits(serializers.Serializer[Any]):
    deposits = Deposit(many=True)
    next = serializers.CharField(allow_null=True, help_text="Valeur de `cursor` pour la page suivante")


class Following(serializers.Serializer[Any]):
    cursor = serializers.CharField(required=False, max_length=200)

    def validate_cursor(self, value: str) -> Cursor:
        try:
            return Cursor.parse(value)
        except Problem as error:
            raise serializers.ValidationError(error.text) from error


@extend_schema_view(
    get=extend_schema(
        operation_id="lister_mes_depots",
        summary="Mes dépôts dans ce dossier",
        responses={200: Deposits, **ERRORS},
        parameters=[DOSSIER, OpenApiParameter("cursor", str)],
    )
)
class OwnDepositsView(Door):
    """GET /api/v1/dossiers/{id}/depots. His own only, masked too, without any right to read; not when blocked."""

    def get(self, request: Request, dossier: str) -> Response:
        asked = Following(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        with gate.enter(self.caller, Act.OWN, Event.DOCUMENT_LISTED, dossier_id=dossier_of(dossier)) as entry:
            rows = Document.objects.within(entry.scope).order_by("-deposited_at", "-id")
            if cursor := asked.validated_data.get("cursor"):
                rows = rows.filter(deposited_at__lte=cursor.date).exclude(deposited_at=cursor.date, pk__gte=cursor.id)
            found = list(rows.defer("fhir")[: PAGE + 1])
            asked_of = _asked(entry.dossier.pk, found)
            entry.trace(detail={"count": min(len(found), PAGE), "own": True})
        last = found[PAGE - 1] if len(found) > PAGE else None
        following = str(Cursor(last.deposited_at, last.pk)) if last else None
        return Response({"deposits": [_deposit(row, asked_of) for row in found[:PAGE]], "next": following})


def _asked(dossier_id: uuid.UUID, found: list[Document]) -> list[HolderRequest]:
    rows = HolderRequest.objects.running().filter(dossier_id=dossier_id, concerns__in=[row.pk for row in found])
    return list(rows.order_by("due_on"))


def _deposit(row: Document, asked: list[HolderRequest]) -> dict[str, Any]:
    return {
        "document": f"DocumentReference/{ids.join(row.dossier_id, row.pk)}",
        "unique_id": row.unique_id,
        "type": row.type_code,
        "title": row.title,
        "created": row.created,
        "deposited_at": row.deposited_at,
        "state": row.state,
        "version": row.version,
        "masked": row.is_masked,
        "withheld": not row.visible_to_holder,
        "requests": [
            {"number": one.on_paper, "kind": one.kind, "said": one.said, "due_on": one.due_on}
            for one in asked
            if one.concerns == row.pk
        ],
    }
