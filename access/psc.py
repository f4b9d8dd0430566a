"""Pro Santé Connect, for the web: OpenID Connect by the code flow (interop.md, section d; authlib is the client).

Authlib holds state, nonce and PKCE verifier in the browser's session, each for one use, and compares them. What is
said here besides: one issuer, found in its own description; algorithms pinned; one audience, ours; the level of
authentication; an answer that names another issuer (RFC 9207); user information of the same person as the ID token.
"""

import threading
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from joserfc import jwt
from joserfc.errors import JoseError
from rest_framework.exceptions import AuthenticationFailed

from access import identity
from access.identity import THERE, Claims, exactly

SCOPE = "openid scope_all"
TIMEOUT = 5  # seconds for each answer of the issuer
DESCRIPTION_SECONDS = 300
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


class Refused(Exception):
    """The issuer, or somebody in its name, did not bring an identity that can be believed. Says which check."""


class Unavailable(Exception):
    """The issuer does not answer, or not as an issuer."""


class _Description:
    """The issuer's own description (discovery), read again after some minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._read_at = 0.0

    def get(self) -> dict[str, Any]:
        """Raises `Unavailable`."""
        with self._lock:
            if not self._known or time.monotonic() - self._read_at > DESCRIPTION_SECONDS:
                self._known, self._read_at = self._read(), time.monotonic()
            return self._known

    def forget(self) -> None:
        with self._lock:
            self._known = {}

    def _read(self) -> dict[str, Any]:
        try:
            answer = requests.get(settings.PSC_DISCOVERY, timeout=TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable from error
        if not isinstance(found, dict) or found.get("issuer") != settings.PSC_ISSUER:
            raise Unavailable
        if not all(_may_be_called(found.get(name)) for name in ENDPOINTS):
            raise Unavailable
        return found


description = _Description()


def _may_be_called(address: Any) -> bool:
    """https, always; a demonstration may have its issuer on this machine."""
    where = urlsplit(address if isinstance(address, str) else "")
    return where.scheme == "https" or (settings.DEMO and where.hostname in {"127.0.0.1", "localhost"})


class _Client(DjangoOAuth2App):
    """Authlib's client, with the keys that tokens of the interface are verified with."""

    def fetch_jwk_set(self, force: bool = False) -> Any:
        return identity.keys.get(fresh=force).as_dict(private=False)


def _client() -> Any:
    found = description.get()
    return _Client(
        DjangoIntegration("psc"),
        client_id=settings.PSC_CLIENT_ID,
        client_secret=settings.PSC_CLIENT_SECRET,
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "default_timeout": TIMEOUT},
        **{name: found[name] for name in ("issuer", *ENDPOINTS)},
        id_token_signing_alg_values_supported=settings.PSC_ALGORITHMS,
    )


def start(request: HttpRequest) -> HttpResponseBase:
    """Send the browser to the issuer. Raises `Unavailable`."""
    answer: HttpResponseBase = _client().authorize_redirect(
        request, settings.PORTAL_URL + reverse("psc_callback"), acr_values=settings.PSC_LEVELS[0]
    )
    return answer


def finish(request: HttpRequest) -> tuple[Claims, str]:
    """The professional whom the issuer's answer brings, and his ID token. Raises `Refused`, `Unavailable`."""
    _refuse_mix_up(request)
    client = _client()
    try:
        token = client.authorize_access_token(request, claims_options=_wanted(), leeway=identity.LEEWAY)
        who = token["userinfo"]
        _refuse_other_tokens(who)
        user = _user_information(client, token, who["sub"])
        told = {name: who.get(name) for name in ("sid", "iat", "exp", "acr")}
        return identity.read_claims(user | told), token["id_token"]
    except requests.HTTPError as error:
        refused = error.response is not None and error.response.status_code < 500
        raise (Refused("userinfo") if refused else Unavailable) from error
    except OSError as error:  # requests' own errors among them
        raise Unavailable from error
    except AuthenticationFailed as error:
        raise Refused("claims") from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError) as error:
        raise Refused(getattr(error, "error", "") or type(error).__name__) from error


def _wanted() -> dict[str, Any]:
    return {
        "iss": exactly(settings.PSC_ISSUER),
        "aud": exactly(settings.PSC_CLIENT_ID),
        "acr": THERE | {"values": settings.PSC_LEVELS},
    }


def _refuse_mix_up(request: HttpRequest) -> None:
    """The answer names its issuer (RFC 9207), or the issuer never does. Raises `Refused`."""
    said = request.GET.getlist("iss")
    promised = description.get().get("authorization_response_iss_parameter_supported") is True
    if said != [settings.PSC_ISSUER] and (said or promised):
        raise Refused("mix_up")


def _refuse_other_tokens(who: dict[str, Any]) -> None:
    """An ID token for us alone, and not a logout token. Raises ValueError."""
    if who["aud"] not in (settings.PSC_CLIENT_ID, [settings.PSC_CLIENT_ID]):
        raise ValueError("audience")
    if "events" in who or who.get("typ") not in (None, "ID"):
        raise ValueError("kind of token")


def _user_information(client: Any, token: Any, sub: str) -> dict[str, Any]:
    """What the issuer says of the person (Core 5.3): plain over TLS, or signed. Raises `Refused`, JoseError."""
    answer = client.get(description.get()["userinfo_endpoint"], token=token, allow_redirects=False)
    answer.raise_for_status()
    if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/jwt":
        found = identity.signed(answer.text.strip()).claims
        jwt.JWTClaimsRegistry(
            leeway=identity.LEEWAY,
            iss=exactly(settings.PSC_ISSUER),
            aud=exactly(settings.PSC_CLIENT_ID),
        ).validate(found)
    else:
        found = answer.json()
    if not isinstance(found, dict) or found.get("sub") != sub:
        raise Refused("userinfo_sub")
    return found


def end_session_address(id_token: str) -> str:
    """Where the browser goes to sign out at the issuer too (RP-Initiated Logout); empty when it cannot."""
    try:
        address = description.get().get("end_session_endpoint")
    except Unavailable:
        return ""
    if not _may_be_called(address):
        return ""
    asked = {
        "id_token_hint": id_token,
        "client_id": settings.PSC_CLIENT_ID,
        "post_logout_redirect_uri": settings.PORTAL_URL + reverse("home"),
    }
    return f"{address}?{urlencode(asked)}"
