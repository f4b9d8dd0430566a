"""What every trace says of the request it comes from: channel, address, request number."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase

from audit.scoped import uuid7


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


class RequestMiddleware:
    """Names the request, and forbids any cache to keep an answer (six Django advisories of 2026)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        number = uuid7().hex
        token = _origin.set(Origin(channel_of(request), number, request.META.get("REMOTE_ADDR", "")))
        try:
            response = self.get_response(request)
        finally:
            _origin.reset(token)
        response.headers.setdefault("X-Request-Id", number)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
