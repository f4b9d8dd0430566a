"""What every trace says of the request it comes from: channel, address, request number.

Two headers are nginx's own, which it overwrites whatever the client sends (deploy/nginx.conf): the certificate it
verified and the client's address. They are believed on the UNIX socket alone, where nobody else speaks.
"""

import ipaddress
import socket
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from audit.scoped import uuid7

CERTIFICATE = "HTTP_DMP_CERTIFICATE"
ADDRESS = "HTTP_DMP_CLIENT_ADDRESS"
FORGED = "La requête porte un en-tête réservé au serveur placé devant : elle est refusée.\n"


@dataclass(frozen=True)
class Origin:
    """Where an act comes from. `channel`: web, api, counter, command, task."""

    channel: str = "command"
    request_id: str = ""
    ip: str = ""


NOWHERE = Origin()
_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def origin() -> Origin:
    return _origin.get() or NOWHERE


def channel_of(request: HttpRequest) -> str:
    if request.path.startswith(("/fhir", "/api/")):
        return "api"
    return "counter" if request.path.startswith("/guichet") else "web"


def by_socket(request: HttpRequest) -> bool:
    """Whether it came by gunicorn's UNIX socket, which nginx alone may open."""
    return getattr(request.META.get("gunicorn.socket"), "family", None) == socket.AF_UNIX


def take_address(request: HttpRequest) -> None:
    """A UNIX socket has no address: the client's is the one that nginx wrote. Elsewhere the header is nothing."""
    if by_socket(request):
        try:
            request.META["REMOTE_ADDR"] = str(ipaddress.ip_address(request.META.get(ADDRESS, "")))
        except ValueError:
            request.META["REMOTE_ADDR"] = ""


class RequestMiddleware:
    """Names the request, and forbids any cache to keep an answer (six Django advisories of 2026)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if CERTIFICATE in request.META and not by_socket(request):
            return HttpResponse(FORGED, status=400, content_type="text/plain; charset=utf-8")
        take_address(request)
        number = uuid7().hex
        token = _origin.set(Origin(channel_of(request), number, request.META.get("REMOTE_ADDR", "")))
        try:
            response = self.get_response(request)
        finally:
            _origin.reset(token)
        response.headers.setdefault("X-Request-Id", number)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
