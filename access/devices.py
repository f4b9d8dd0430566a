"""A sign-in from a browser never seen with this account: its owner is told, by e-mail and in the trail.

A browser is known by a signed cookie of its own for each account, put there at sign-in: nothing is measured of
the machine. The cookie opens nothing. The very first sign-in of an account tells nothing: every browser is new.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from access.models import User

KEPT_DAYS = 365  # put off at each sign-in
SALT = "access.devices"


def is_new(request: HttpRequest, user: User) -> bool:
    """To be asked before the sign-in, which notes its own date."""
    return user.last_login is not None and not _is_known(request, user)


def remember(response: HttpResponse, user: User) -> None:
    response.set_cookie(
        _name(user),
        signing.dumps(str(user.pk), salt=SALT),
        max_age=KEPT_DAYS * 86400,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _is_known(request: HttpRequest, user: User) -> bool:
    try:
        said = signing.loads(request.COOKIES.get(_name(user), ""), salt=SALT, max_age=KEPT_DAYS * 86400)
    except signing.BadSignature:
        return False
    return bool(said == str(user.pk))


def _name(user: User) -> str:
    """One cookie an account, that does not say which."""
    return f"dmp_known_{salted_hmac(SALT, str(user.pk), algorithm='sha256').hexdigest()[:16]}"
