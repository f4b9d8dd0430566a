"""The least a DRF view can do that knows who asks, may he, and says so. gunicorn serves it beside the portal."""

from dmp.wsgi import application  # first: it sets Django up

# isort: split
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dmp.urls import urlpatterns

__all__ = ["application"]
TOKEN = "the only one"


class Floor(APIView):
    """Four statements, ten rows."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Request, dossier: UUID) -> Response:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT user_id FROM floor_token WHERE token = %s", [request.headers["X-Token"]])
            (user,) = cursor.fetchone()
            cursor.execute(
                "SELECT 1 FROM access_dossiergrant WHERE dossier_id = %s AND user_id = %s", [dossier, user]
            )
            assert cursor.fetchone()
            cursor.execute("INSERT INTO floor_audit (who, what) VALUES (%s, %s)", [user, dossier])
            cursor.execute(
                "SELECT id, title, created, media_type, size, author_family FROM documents_document "
                "WHERE dossier_id = %s ORDER BY created DESC, id DESC LIMIT 10",
                [dossier],
            )
            names = [column.name for column in cursor.description]
            return Response([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])


def make_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE floor_audit (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), who uuid, what uuid)"
        )
        cursor.execute("CREATE TABLE floor_token (token text PRIMARY KEY, user_id uuid)")
        cursor.execute("INSERT INTO floor_token SELECT %s, id FROM access_user", [TOKEN])


urlpatterns.append(path("floor/<uuid:dossier>", Floor.as_view()))
