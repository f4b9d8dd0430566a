"""/api/v1/alertes: what happened to me lately, on any dossier (features S38). Polled by a software."""

import datetime as dt
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api import ERRORS, Door
from access.models import AUTHORISED, TREATING, DossierGrant, User

SHOWN = 200
KINDS = {AUTHORISED: "authorised", TREATING: "treating"}
FAR = dt.timedelta(days=30)  # nobody asks further back


class Since(serializers.Serializer[Any]):
    since = serializers.DateTimeField(required=False)


class Alert(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["authorised", "treating", "document"])
    dossier = serializers.CharField()
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    extent = serializers.CharField()


def given(user: User, since: dt.datetime) -> list[dict[str, Any]]:
    """Rights others gave him and that run: the one who was asked already knows of his own."""
    rows = DossierGrant.rights.running().filter(user=user, since__gt=since).exclude(source="professional")
    opened = user.document_grants.running().filter(since__gt=since).order_by("since")[:SHOWN]
    found = [
        _alert(KINDS[row.permission.codename], row, row.extent if row.permission.codename == AUTHORISED else "")
        for row in rows.select_related("permission").order_by("since")[:SHOWN]
    ]
    found += [_alert("document", row) for row in opened]
    return sorted(found, key=lambda one: one["at"])[:SHOWN]


def _alert(kind: str, row: Any, extent: str = "") -> dict[str, Any]:
    return {"kind": kind, "dossier": row.dossier_id.hex, "at": row.since, "until": row.until, "extent": extent}


@extend_schema_view(
    get=extend_schema(
        operation_id="lire_alertes",
        summary="Les droits qui viennent de m'être donnés",
        parameters=[Since],
        responses={200: Alert(many=True), **ERRORS},
    )
)
class AlertsView(Door):
    """A professional's own situation only (D17); the oldest first, 200 at most."""

    def get(self, request: Request) -> Response:
        asked = Since(data=request.query_params)
        asked.is_valid(raise_exception=True)
        earliest = timezone.now() - FAR
        since = max(asked.validated_data.get("since", earliest), earliest)
        user = self.caller.user
        return Response(given(user, since) if user is not None else [])
