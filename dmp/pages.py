"""Pages that belong to no app: health, help, legal, errors. None shows a dossier, none leaves a trace."""

import sys
from collections.abc import Callable
from hmac import compare_digest

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found
from kombu.exceptions import OperationalError as BrokerDown
from redis.exceptions import RedisError

from access import counter
from access.models import User
from dmp import health as health_of_service
from documents import api as fhir_api
from fhir import problems, wire


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """200 when this process reaches its database; nothing else is said."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """What `manage.py health` says, for Prometheus: 1 is well. Without DMP_METRICS_TOKEN there is nothing here."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        raise Http404
    lines = ["# HELP dmp_well Whether this point of the service is well (manage.py health).", "# TYPE dmp_well gauge"]
    lines += [f'dmp_well{{point="{one.name}"}} {int(one.well)}' for one in health_of_service.answers()]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def operates(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.kind == User.Kind.OPERATOR


@require_safe
def well(request: HttpRequest) -> HttpResponse:
    """The same as `manage.py health`, for an operator, as far as the counter's process may know."""
    if not operates(request):
        raise PermissionDenied
    answers = list(health_of_service.answers())
    context = {"answers": answers, "ill": sum(not one.well for one in answers)}
    return counter.show(request, "counter/health.html", title="Santé du service", **context)


@login_not_required
def public(request: HttpRequest, template: str) -> HttpResponse:
    """A page that says the same to everybody."""
    return render(request, template)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403.html", {"stale_form": True}, status=403)


NO_ADDRESS = "Cette adresse n'existe pas dans cette interface. Voyez {}."
NO_RESOURCE = problems.Problem(404, "not-found", NO_ADDRESS.format("GET /fhir/metadata"))


def absent(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address that is nobody's. Of an interface, in its own form: the same to everybody, and nothing repeated."""
    if request.path == "/fhir" or request.path.startswith("/fhir/"):
        return fhir_api.answer(wire.dumps(problems.outcome_of(NO_RESOURCE)), 404)
    if request.path == "/api" or request.path.startswith("/api/"):
        return JsonResponse({"detail": NO_ADDRESS.format("GET /api/schema")}, status=404)
    return page_not_found(request, exception)


# What comes back by itself: the database, the task queue or the counters of attempts do not answer.
PASSING = (OperationalError, InterfaceError, RedisError, BrokerDown)


def failure(request: HttpRequest) -> HttpResponse:
    """An error nobody caught: 503 when waiting mends it, else 500. Needs neither session nor database."""
    if isinstance(sys.exception(), PASSING):
        return render(None, "503.html", status=503)
    return render(None, "500.html", status=500)


class MethodMiddleware:
    """A page's 405 has words. Django's own is empty, and a browser then shows its own, in its own language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseNotAllowed) and not answer.content and request.accepts("text/html"):
            answer.content = render_to_string("405.html")
        return answer
