"""Proving oneself anew before what matters most: by the application or the key, else by a code to one's own mailbox.

An account without application nor key gives its password again (`page_for`), then the code that a mail brings. The
code stands nowhere: it is remade from what the session keeps.
"""

import hmac
import secrets
import time
from typing import Any

from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from access.models import User
from access.recovery import SECOND_FACTORS
from patients import codes

SALT, KEY = "access.second_factor", "second_factor"
CODE_MINUTES, TRIES = 10, 5


def page_for(request: HttpRequest, user: User) -> str | None:
    """Where to prove oneself anew: by the means of the account if it has one; the password else, and two codes."""
    if not is_mfa_enabled(user, SECOND_FACTORS):
        return None if did_recently_reauthenticate(request) else "account_reauthenticate"
    ago = time.time() - REAUTHENTICATION_TIMEOUT
    for one in get_authentication_records(request, user):
        if one["method"] == "mfa" and one.get("reauthenticated") and one["at"] > ago:
            return None
    has_application = is_mfa_enabled(user, [Authenticator.Type.TOTP])
    return "mfa_reauthenticate" if has_application else "mfa_reauthenticate_webauthn"


def wants_code(user: User) -> bool:
    return not is_mfa_enabled(user, SECOND_FACTORS)


def ask(request: HttpRequest) -> str | None:
    """The nonce of a new code to be mailed; None while one is under way."""
    kept = request.session.get(KEY)
    if kept and kept["until"] > time.time():
        return None
    nonce = secrets.token_hex(16)
    request.session[KEY] = {"nonce": nonce, "until": time.time() + CODE_MINUTES * 60, "tries": 0}
    return nonce


def code(user: User, nonce: str) -> str:
    """Ten characters, as `codes.new` makes them."""
    drawn = salted_hmac(SALT, f"{user.pk} {nonce}", algorithm="sha256").digest()
    return "".join(codes.ALPHABET[byte % len(codes.ALPHABET)] for byte in drawn[:10])


def is_right(request: HttpRequest, user: User, typed: str) -> bool:
    """Once: a code that served is gone. A wrong one is counted; after `TRIES` none is right until the next mail."""
    kept: dict[str, Any] | None = request.session.get(KEY)
    if kept is None or kept["until"] <= time.time() or kept["tries"] >= TRIES:
        return False
    request.session[KEY] = kept | {"tries": kept["tries"] + 1}
    if not hmac.compare_digest(codes.typed(typed).encode(), code(user, kept["nonce"]).encode()):
        return False
    del request.session[KEY]
    return True
