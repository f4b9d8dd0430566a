"""/api/v1/dossiers/{id}/demandes: a professional asks for the holder's agreement and learns the answer."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import consents
from access.api import DOSSIER, ERRORS, Door, HowMuch, Problem, dossier_of, limits_of
from access.consents import Means, Typed
from access.durations import SHORT, end_of
from access.models import ConsentRequest
from audit.trail import Event

MEANS = {"page": Means.PAGE, "grille": Means.GRID, "code": Means.PIN}
LONGEST = 10  # seconds a request may wait
WAITING = threading.BoundedSemaphore(2)  # a process has few threads: the others are answered at once
STEP = 0.5  # seconds between two looks
REQUEST = OpenApiParameter("demande", str, OpenApiParameter.PATH, description="Identifiant de la demande.")


class Asked(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    means = serializers.ChoiceField(
        list(MEANS),
        default="page",
        help_text="page : le titulaire répond sur son espace ; grille : il lit un code de sa grille imprimée ; "
        "code : il tape son code personnel.",
    )


class Said(serializers.Serializer[Any]):
    """What was asked, and the answer so far. A refusal is « no », without its reasons."""

    id = serializers.CharField()
    state = serializers.ChoiceField(["waiting", "yes", "no", "expired"])
    expires_at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    square = serializers.CharField(allow_null=True, help_text="La case de la grille dont le code est demandé.")


class Chosen(HowMuch):
    """What the holder chose, on the professional's screen."""

    duration = serializers.ChoiceField(SHORT, default="visite", help_text="Ce que le titulaire a choisi.")


class Code(Chosen):
    code = serializers.CharField(max_length=20)


class Pin(Chosen):
    pin = serializers.RegexField(r"^[0-9]{4,8}$")


def said(request: ConsentRequest) -> dict[str, Any]:
    place = request.grid_place
    return {
        "id": request.pk.hex,
        "state": consents.state_of(request),
        "expires_at": request.expires_at,
        "until": request.until,
        "square": consents.square(place) if place is not None else None,
    }


@extend_schema_view(
    post=extend_schema(
        operation_id="demander_accord",
        summary="Demander son accord au titulaire, qui a deux minutes pour répondre",
        request=Asked,
        responses={201: Said, 429: Problem, **ERRORS},
        parameters=[DOSSIER],
    )
)
class RequestsView(Door):
    """POST /api/v1/dossiers/{id}/demandes."""

    def post(self, request: Request, dossier: str) -> Response:
        asked = Asked(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            with self.recording(dossier, Event.CONSENT_ASKED) as entry:
                row = consents.ask(entry, asked.validated_data["reason"], MEANS[asked.validated_data["means"]])
        except consents.TooMany:
            detail = "Trop de demandes en peu de temps. Attendez une heure."
            return Response({"detail": detail}, 429, headers={"Retry-After": "3600"})
        address = f"/api/v1/dossiers/{row.dossier_id.hex}/demandes/{row.pk.hex}"
        return Response(said(row), 201, headers={"Location": address, "Retry-After": "2"})


@extend_schema_view(
    get=extend_schema(
        operation_id="lire_demande",
        summary="La réponse du titulaire, si elle est là",
        description="Avec `Prefer: wait=N` (10 secondes au plus), attend la réponse si le serveur le peut.",
        responses={200: Said, **ERRORS},
        parameters=[DOSSIER, REQUEST, OpenApiParameter("Prefer", str, OpenApiParameter.HEADER)],
    )
)
class RequestView(Door):
    """GET of one's own request: it says nothing of the dossier but the answer to him, so it leaves no trace."""

    def get(self, request: Request, dossier: str, demande: str) -> Response:
        return self._answer(lambda: self._mine(dossier, demande), _wish(request.headers.get("Prefer", "")))

    def _mine(self, dossier: str, demande: str) -> ConsentRequest:
        rows = ConsentRequest.objects.filter(dossier_id=dossier_of(dossier), user=self.caller.user)
        row = rows.filter(pk=dossier_of(demande)).first()
        if row is None:
            raise Http404
        return row

    def _answer(self, look: Callable[[], ConsentRequest], seconds: int) -> Response:
        row = look()
        if seconds and consents.state_of(row) == "waiting" and WAITING.acquire(blocking=False):
            try:
                row = _wait(look, seconds)
            finally:
                WAITING.release()
        headers = {"Retry-After": "2"} if consents.state_of(row) == "waiting" else {}
        return Response(said(row), headers=headers | {"Cache-Control": "no-store"})


def _wish(prefer: str) -> int:
    """The seconds of `Prefer: wait=N` (RFC 7240), ten at most; 0 when nothing is said."""
    found = re.search(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])", prefer)
    return min(int(found[1]), LONGEST) if found else 0


def _wait(look: Callable[[], ConsentRequest], seconds: int) -> ConsentRequest:
    end = time.monotonic() + seconds
    while True:
        row = look()
        left = end - time.monotonic()
        if consents.state_of(row) != "waiting" or left <= 0:
            return row
        time.sleep(min(STEP, left))


WRONG = {
    Typed.WRONG: (422, "Ce code n'est pas le bon. Au cinquième essai manqué, ce moyen est bloqué 24 heures."),
    Typed.LOCKED: (423, "Trop de codes faux : ce moyen est bloqué 24 heures. Le titulaire peut répondre en ligne."),
    Typed.ENDED: (409, "Cette demande a pris fin, ou attend un autre moyen. Faites-en une nouvelle."),
}


class _Typing(Door):
    """A code the holder typed on the professional's screen."""

    def typed(
        self, dossier: str, demande: str, data: dict[str, Any], act: Callable[..., Typed], name: str
    ) -> Response:
        until = end_of(data["duration"])
        with self.recording(dossier, Event.CONSENT_ANSWERED) as entry:
            result = act(entry, dossier_of(demande), data[name], until, **limits_of(data))
        if result is Typed.RIGHT:
            return Response({"state": "yes"})
        status, detail = WRONG[result]
        return Response({"detail": detail}, status)


class Yes(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["yes"])


@extend_schema_view(
    post=extend_schema(
        operation_id="accord_par_grille",
        summary="Le code de la case demandée, lu par le titulaire sur sa grille",
        request=Code,
        responses={200: Yes, 423: Problem, **ERRORS},
        parameters=[DOSSIER, REQUEST],
    )
)
class CodeView(_Typing):
    def post(self, request: Request, dossier: str, demande: str) -> Response:
        given = Code(data=request.data)
        given.is_valid(raise_exception=True)
        return self.typed(dossier, demande, given.validated_data, consents.by_code, "code")


@extend_schema_view(
    post=extend_schema(
        operation_id="accord_par_code_personnel",
        summary="Le code personnel, tapé par le titulaire",
        request=Pin,
        responses={200: Yes, 423: Problem, **ERRORS},
        parameters=[DOSSIER, REQUEST],
    )
)
class PinView(_Typing):
    def post(self, request: Request, dossier: str, demande: str) -> Response:
        given = Pin(data=request.data)
        given.is_valid(raise_exception=True)
        return self.typed(dossier, demande, given.validated_data, consents.by_pin, "pin")
