"""A professional in a browser: what his session holds, when it ends, and the few pages it opens.

A professional's session is never a holder's nor an agent's (A8): he is a professional if and only if Pro Santé
Connect brought him, and every page that is not named here refuses him. The situation chosen is no right either:
professionals read dossiers through the interface, with a token.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render

from access import ended_sessions
from access.identity import Claims, WorkSituation
from access.models import User
from audit.trail import Actor, ActorKind

KEY = "psc"
LONGEST = 4 * 3600  # seconds; idle sessions end sooner (SESSION_COOKIE_AGE)
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
OPENED = frozenset(
    {"psc_home", "psc_situation", "psc_sign_out", "psc_sign_in", "psc_callback", "psc_back_channel"}
    | {
        "help",
        "certificates",
        "legal",
        "matrix",
        "statistics",
        "statistics_csv",
        "statistics_json",
        "accessibility",
        "health",
        "api-schema",
        "api-docs",
    }
)
INTERFACE = ("/fhir", "/api/")  # never looks at a session


@dataclass(frozen=True)
class Professional:
    """What the session says of the professional who is signed in."""

    idnat: str
    name: str
    situations: tuple[WorkSituation, ...]
    chosen: WorkSituation | None
    id_token: str

    @property
    def actor(self) -> Actor:
        situation = self.chosen
        return Actor(
            kind=ActorKind.PROFESSIONAL,
            id=self.idnat,
            name=self.name,
            profession=situation.profession if situation else "",
            structure_id=situation.structure_id if situation else "",
            structure_name=situation.structure_name if situation else "",
            means="psc",
        )


def begin(request: HttpRequest, user: User, claims: Claims, id_token: str) -> Professional:
    """Sign in, in a new session; the only situation is chosen by itself."""
    if request.user.is_authenticated:
        logout(request)  # whoever was there before
    login(request, user, backend=BACKEND)
    request.session[KEY] = {
        "sub": claims.sub,
        "sid": claims.sid,
        "issued": claims.issued,
        "until": time.time() + LONGEST,
        "idnat": claims.idnat,
        "name": str(user.professional),
        "situations": [asdict(one) for one in claims.situations],
        "chosen": 0 if len(claims.situations) == 1 else None,
        "id_token": id_token,
    }
    return current(request)


def current(request: HttpRequest) -> Professional:
    """The professional of this session; the middleware has made sure that there is one."""
    kept = request.session[KEY]
    situations = tuple(WorkSituation(**one) for one in kept["situations"])
    chosen = situations[kept["chosen"]] if kept["chosen"] is not None else None
    return Professional(kept["idnat"], kept["name"], situations, chosen, kept["id_token"])


def choose(request: HttpRequest, number: str) -> Professional | None:
    """Take another situation, by its rank; None when there is no such one. A role is a new session key (I4)."""
    ranks = [str(rank) for rank in range(len(request.session[KEY]["situations"]))]
    if number not in ranks:
        return None
    request.session[KEY] |= {"chosen": int(number)}
    request.session.cycle_key()
    return current(request)


class ProfessionalSessionMiddleware:
    """After authentication: ends what is over or mixed up, and keeps a professional to his own pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path.startswith(INTERFACE):
            return None
        _end_if_over(request)
        name = request.resolver_match.view_name if request.resolver_match else ""
        if not _is_professional(request) or name in OPENED:
            return None
        if name in {"home", "account_login", "account_logout"}:
            return redirect("psc_home")
        return render(request, "access/not_a_person.html", status=403)


def _is_professional(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.kind == User.Kind.PROFESSIONAL


def _end_if_over(request: HttpRequest) -> None:
    kept = request.session.get(KEY)
    if not _is_professional(request):
        if kept is not None:
            logout(request)
        return
    if kept is None or settings.ROLE == "backoffice" or not _holds(request.user, kept):
        logout(request)
        messages.error(request, "Votre session Pro Santé Connect est terminée. Connectez-vous de nouveau.")


def _holds(user: Any, kept: dict[str, Any]) -> bool:
    return (
        time.time() < kept["until"]
        and user.professional.active
        and not ended_sessions.is_ended(kept["sub"], kept["sid"], kept["issued"])
    )
