"""Who is not signed in any more while she sends a form: told so, and brought back to the page of that form."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

ENDED = "Votre session avait pris fin : votre demande n'est pas enregistrée. Connectez-vous et recommencez."


class SignedInMiddleware(LoginRequiredMiddleware):
    """The address a form is sent to often takes no visit: coming back to it after signing in would show an error."""

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponseRedirect:
        page = request.headers.get("Referer", "")
        ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
        if request.method != "POST" or not ours:
            return super().handle_no_permission(request, view_func)
        messages.error(request, ENDED)
        return redirect_to_login(urlsplit(page).path, self.get_login_url(view_func))
