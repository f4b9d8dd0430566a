"""Before what cannot be undone, the person proves anew that it is she: her application or key, else a mailed code."""

from typing import Any

from allauth.account.internal.flows.reauthentication import suspend_request
from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from access import second_factor
from access.models import User
from access.tasks import send_second_factor

WRONG = "Ce code n'est pas le bon, ou n'est plus valable. Vérifiez, puis recommencez."


class Proof(forms.Form):
    """The code, for who has neither application nor key. A page adds its own fields."""

    code = forms.CharField(label="Code reçu par e-mail", max_length=20)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"autocomplete": "one-time-code", "autocapitalize": "characters"}
        if not second_factor.wants_code(user):
            del self.fields["code"]

    def is_given(self, request: HttpRequest, user: User) -> bool:
        """A valid form whose code, if it has one, is right: it served, and serves no more."""
        if not self.is_valid():
            return False
        if "code" not in self.fields or second_factor.is_right(request, user, self.cleaned_data["code"]):
            return True
        self.add_error("code", WRONG)
        return False

    def mail(self, request: HttpRequest, user: User) -> None:
        """The code that this form asks for, unless one is under way."""
        if "code" in self.fields and (nonce := second_factor.ask(request)) is not None:
            send_second_factor.delay(str(user.pk), nonce)


def page(request: HttpRequest, user: User) -> HttpResponseBase | None:
    """Where she goes first when her last proof is old; she comes back here by herself."""
    name = second_factor.page_for(request, user)
    return suspend_request(request, reverse(name)) if name else None
