"""Pages that belong to no app: health, help, legal. None shows a dossier, none leaves a trace."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """200 when this process reaches its database; nothing else is said."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
def public(request: HttpRequest, template: str) -> HttpResponse:
    """A page that says the same to everybody."""
    return render(request, template)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403.html", {"stale_form": True}, status=403)
