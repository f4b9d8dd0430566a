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
        raise Invalid("jti") from error


def _verified(token: str) -> dict[str, Any]:
    registry = jwt.JWTClaimsRegistry(
        leeway=identity.LEEWAY,
        iss={"essential": True, "value": settings.PSC_ISSUER},
        aud={"essential": True, "value": settings.PSC_CLIENT_ID},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
        events={"essential": True},
    )
    if not settings.PSC_CLIENT_ID or not 0 < len(token) <= LONGEST:
        raise Invalid("token")
    try:
        found = identity.signed(token)
        registry.validate(found.claims)
    except (JoseError, ValueError) as error:
        raise Invalid("token") from error
    claims = dict(found.claims)
    if problem := _problem(found.header, claims):
        raise Invalid(problem)
    return claims


def _problem(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """What makes a signed token no logout token: the name of the claim, or nothing."""
    names = [claims[name] for name in ("jti", "sub", "sid") if name in claims]
    if str(header.get("typ", "jwt")).lower() not in {"jwt", "logout+jwt"}:
        return "typ"
    if "nonce" in claims:  # an ID token carries one
        return "nonce"
    if not isinstance(claims["events"], dict) or not isinstance(claims["events"].get(EVENT), dict):
        return "events"
    if not ("sub" in claims or "sid" in claims) or not all(isinstance(n, str) and 0 < len(n) <= NAME for n in names):
        return "sub"
    if claims["aud"] not in (settings.PSC_CLIENT_ID, [settings.PSC_CLIENT_ID]):
        return "aud"
    return "" if abs(time.time() - claims["iat"]) <= FRESH_SECONDS else "iat"
