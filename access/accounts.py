"""allauth's hooks: nobody signs up by himself, accounts come from the opening of a dossier."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import Login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from access import devices
from access.models import User
from access.open_sessions import device
from access.recovery import SECOND_FACTORS
from access.sessions import trace_opening, trace_refusal
from access.tasks import send_device_notice, site
from audit.trail import ANONYMOUS, Actor, TrailDown


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "access.sign_in.CounterCodeStage"]

    def is_login_by_code_required(self, login: Login) -> bool:
        """Two factors, not three: who has an application of codes or a key gets no code by e-mail."""
        if login.user is not None and is_mfa_enabled(login.user, SECOND_FACTORS):
            return False
        return bool(super().is_login_by_code_required(login))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password; that of an open session, asked again, is its owner's act."""
        by = request.user.actor(means="password") if isinstance(request.user, User) else ANONYMOUS
        self.refuse(str(credentials.get("email", "")), by)

    def refuse(self, email: str, by: Actor = ANONYMOUS) -> None:
        try:
            trace_refusal(email, by)
        except TrailDown as error:
            raise ImmediateHttpResponse(render(self.request, "access/trail_down.html", status=503)) from error

    def login(self, request: HttpRequest, user: Any) -> None:
        """Every factor was given: traced, its owner told if the browser is new, then signed in."""
        new = devices.is_new(request, user)
        try:
            trace_opening(request, user, {"changes": ["new_device"]} if new else None)
        except TrailDown as error:
            raise ImmediateHttpResponse(render(request, "access/trail_down.html", status=503)) from error
        if new:
            at = timezone.now().isoformat()
            send_device_notice.delay(str(user.pk), device(self.get_http_user_agent(request)), at, site())
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Any, **hook: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **hook)
        devices.remember(response, user)
        return response
