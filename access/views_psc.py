"""The professional's few pages: signing in with Pro Santé Connect, who he is, in which situation, signing out."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from access import identity, logout_token, professional_session, psc
from access.identity import Claims
from audit import trail
from audit.trail import ANONYMOUS, Actor, Event


def _offered() -> None:
    """Without a client identifier there is no web sign-in. Raises Http404."""
    if not settings.PSC_CLIENT_ID:
        raise Http404


@login_not_required
@require_safe
def sign_in(request: HttpRequest) -> HttpResponseBase:
    _offered()
    try:
        return psc.start(request)
    except psc.Unavailable:
        return render(request, "access/psc/unavailable.html", status=503)


@login_not_required
@require_safe
def callback(request: HttpRequest) -> HttpResponseBase:
    """Where the issuer sends the browser back. The page that follows is always the same: no address is taken."""
    _offered()
    try:
        claims, id_token = psc.finish(request)
        return _enter(request, claims, id_token)
    except psc.Unavailable:
        return render(request, "access/psc/unavailable.html", status=503)
    except psc.Refused as error:
        _trace(Event.SIGN_IN_REFUSED, ANONYMOUS, allowed=False, detail={"check": str(error)[:40]})
        return render(request, "access/psc/refused.html", status=403)
    except trail.TrailDown:
        return render(request, "access/trail_down.html", status=503)


def _enter(request: HttpRequest, claims: Claims, id_token: str) -> HttpResponseBase:
    if not claims.situations:
        raise psc.Refused("no_situation")
    try:
        user = identity.account(claims, claims.situations[0])
    except (AuthenticationFailed, PermissionDenied) as error:
        raise psc.Refused("account") from error
    who = professional_session.begin(request, user, claims, id_token)
    try:
        _trace(Event.SIGNED_IN, who.actor)
    except trail.TrailDown:
        logout(request)
        raise
    return redirect("psc_home")


def _trace(event: Event, by: Actor, **fields: Any) -> None:
    trail.record_now(event, by=by, dossier_id=None, **fields)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """« Mon identité, ma situation ». A holder's account has no business here."""
    if professional_session.KEY not in request.session:
        raise Http404
    return _home(request)


def _home(request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    context = {"who": professional_session.current(request), "user_professional": request.user, "error": error}
    return render(request, "access/psc/home.html", context, status=status)


@require_POST
def situation(request: HttpRequest) -> HttpResponse:
    """Choose in which situation he acts: it decides his profession here, and goes in the trail."""
    if professional_session.KEY not in request.session:
        raise Http404
    who = professional_session.choose(request, request.POST.get("situation", ""))
    if who is None:
        return _home(request, "Choisissez une des situations de la liste.", 422)
    try:
        _trace(Event.SIGNED_IN, who.actor, detail={"page": "situation"})
    except trail.TrailDown:
        return render(request, "access/trail_down.html", status=503)
    messages.success(request, "Votre situation est enregistrée pour cette session.")
    return redirect("psc_home")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Here first, then at the issuer: by a page, for a redirected form would be stopped (CSP form-action)."""
    if professional_session.KEY not in request.session:
        raise Http404
    onwards = psc.end_session_address(professional_session.current(request).id_token)
    logout(request)
    answer = render(request, "access/psc/signed_out.html", {"onwards": onwards})
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@csrf_exempt
@login_not_required
@require_POST
def back_channel(request: HttpRequest) -> HttpResponse:
    """The issuer ends a session, from machine to machine (Back-Channel Logout 1.0, sections 2.5 and 2.8)."""
    _offered()
    try:
        logout_token.accept(request.POST.get("logout_token", ""))
    except logout_token.Invalid:
        return JsonResponse({"error": "invalid_request"}, status=400)
    except OSError:  # the issuer's keys cannot be read: it will say it again
        return JsonResponse({"error": "temporarily_unavailable"}, status=503)
    return HttpResponse(status=200)
