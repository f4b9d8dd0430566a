"""Who enters the back office: an agent or an operator, with a second factor of his own, on every address.

A code by e-mail is enough for the sign-in that sets one up, for nothing else. Django's own sign-in form asks for a
password alone: it is never served, not even to somebody already signed in.
"""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from access.models import User
from access.recovery import SECOND_FACTORS

KINDS = (User.Kind.AGENT, User.Kind.OPERATOR)


def may_enter(request: HttpRequest) -> bool:
    """In place of `AdminSite.has_permission`: what every page of the admin and of the counter asks."""
    return _is_staff(request) and is_mfa_enabled(request.user, SECOND_FACTORS)


def sign_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
    """In place of `AdminSite.login`, where those who may not enter are sent; LoginRequiredMiddleware comes first."""
    if not _is_staff(request):
        raise PermissionDenied
    if may_enter(request):
        return redirect("admin:index")
    messages.error(request, "Un deuxième facteur est nécessaire pour entrer au guichet.")
    return redirect("mfa_activate_totp")


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff and user.kind in KINDS
