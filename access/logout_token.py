"""The issuer says that a session is over: OpenID Connect Back-Channel Logout 1.0, section 2.6.

Whoever can reach us may post here: what is believed is the signature, and nothing older than some minutes.
"""

import datetime as dt
import time
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from joserfc import jwt
from joserfc.errors import JoseError

from access import ended_sessions, identity
from access.identity import THERE, exactly

EVENT = "http://schemas.openid.net/event/backchannel-logout"
FRESH_SECONDS = 300  # older: late, or replayed
LONGEST = 16_384  # characters
NAME = 255  # characters of a jti, sid or sub


class Invalid(Exception):
    """Not a logout token of our issuer, for us, said now and for the first time."""


def accept(token: str) -> None:
    """End the session that a logout token names. Raises `Invalid`; OSError when the keys cannot be read."""
    claims = _verified(token)
    at = dt.datetime.fromtimestamp(claims["iat"], dt.UTC)
    try:
        ended_sessions.end(jti=claims["jti"], sub=claims.get("sub", ""), sid=claims.get("sid", ""), at=at)
    except IntegrityError as error:
        raise Invalid from error


def _verified(token: str) -> dict[str, Any]:
    registry = jwt.JWTClaimsRegistry(
        leeway=identity.LEEWAY,
        iss=exactly(settings.PSC_ISSUER),
        aud=exactly(settings.PSC_CLIENT_ID),
        iat=THERE,
        exp=THERE,
        jti=THERE,
        events=THERE,
    )
    if not settings.PSC_CLIENT_ID or len(token) > LONGEST:
        raise Invalid
    try:
        found = identity.signed(token)
        registry.validate(found.claims)
    except (JoseError, ValueError) as error:
        raise Invalid from error
    claims = dict(found.claims)
    if not _is_logout_token(found.header, claims):
        raise Invalid
    return claims


def _is_logout_token(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """What the signature and the registry of claims do not say."""
    names = [claims[name] for name in ("jti", "sub", "sid") if name in claims]
    return (
        ("typ" not in header or str(header["typ"]).lower() in {"jwt", "logout+jwt"})
        and "nonce" not in claims  # an ID token carries one
        and isinstance(claims["events"], dict)
        and isinstance(claims["events"].get(EVENT), dict)
        and ("sub" in claims or "sid" in claims)
        and all(isinstance(name, str) and 0 < len(name) <= NAME for name in names)
        and claims["aud"] in (settings.PSC_CLIENT_ID, [settings.PSC_CLIENT_ID])
        and abs(time.time() - claims["iat"]) <= FRESH_SECONDS
    )
