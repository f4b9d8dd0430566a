"""FHIR over DRF: media types, and an OperationOutcome for every error."""

import logging
import traceback
from typing import Any

from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from fhir import wire
from fhir.problems import Problem, issue, outcome, outcome_of

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/fhir+json"


class FhirRenderer(BaseRenderer):
    """Bytes are served as they are: a searchset is put together as text."""

    media_type = MEDIA_TYPE
    format = "json"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else wire.dumps(data)


class PlainJsonRenderer(FhirRenderer):
    media_type = "application/json"


class FhirParser(BaseParser):
    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return wire.loads(stream.read())


class PlainJsonParser(FhirParser):
    """fhirpy and others send application/json."""

    media_type = "application/json"


class PatchParser(FhirParser):
    media_type = "application/json-patch+json"


CODES: list[tuple[type[exceptions.APIException], str, str]] = [
    (exceptions.NotAuthenticated, "login", "Connectez-vous avec Pro Santé Connect (jeton porteur)."),
    (exceptions.AuthenticationFailed, "login", ""),
    (exceptions.PermissionDenied, "forbidden", ""),
    (exceptions.NotFound, "not-found", "Introuvable."),
    (exceptions.MethodNotAllowed, "not-supported", "Cette opération n'est pas prise en charge ici."),
    (exceptions.NotAcceptable, "not-supported", "Seul le JSON est servi (application/fhir+json)."),
    (exceptions.UnsupportedMediaType, "not-supported", "Envoyez du JSON (application/fhir+json)."),
    (exceptions.Throttled, "throttled", "Trop de demandes : attendez un peu."),
]


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler for /fhir."""
    if isinstance(error, Problem):
        return Response(outcome_of(error), status=error.status)
    if not isinstance(error, exceptions.APIException):
        # Its kind and its place alone: its text may hold what it was working on.
        place = traceback.extract_tb(error.__traceback__)[-1:]
        where = ", ".join(f"{one.filename}:{one.lineno}" for one in place)
        log.error("unforeseen %s on %s at %s", type(error).__name__, type(context.get("view")).__name__, where)
        text = "Le service a rencontré une erreur : rien n'a été fait. Recommencez."
        return Response(outcome(issue("exception", text)), status=500)
    code, text = next(
        ((code, text) for kind, code, text in CODES if isinstance(error, kind)),
        ("invalid", "Requête non valable."),
    )
    response = Response(outcome(issue(code, text or str(error.detail))), status=error.status_code)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait) + 1)
    return response
