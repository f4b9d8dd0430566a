"""« Où vous êtes connecté » : the sessions of one's own account, and the end of those one does not want."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import open_sessions
from access.models import User


@require_http_methods(["GET", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    if request.method == "POST":
        return _close(request, user)
    rows = open_sessions.of(user, request.session.session_key)
    return render(request, "access/sessions.html", {"rows": rows, "others": any(not one.is_current for one in rows)})


def _close(request: HttpRequest, user: User) -> HttpResponse:
    number = request.POST.get("session", "")
    if number == "others":
        done = open_sessions.close_others(user, request.session.session_key) > 0
    else:
        done = number.isdecimal() and open_sessions.close(user, int(number[:12]))
    if done:
        messages.success(request, "C'est fermé : il faudra s'y reconnecter, avec le mot de passe et le code.")
    else:
        messages.success(request, "Cette session était déjà fermée.")
    return redirect("sessions")
