"""allauth's forms in our words, and the reset that takes note of itself."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ConfirmLoginCodeForm, LoginForm, ResetPasswordForm, ResetPasswordKeyForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from access import recovery
from access.tasks import send_password_link, site


def _in_our_words(field: forms.Field) -> None:
    field.label = "Adresse e-mail"
    field.widget.attrs.pop("placeholder", None)


class SignIn(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self.fields["login"])
        self.fields["password"].help_text = ""  # the way out stands under the form
        self.fields["password"].widget.attrs.pop("placeholder", None)


class ForgottenPassword(ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self.fields["email"])

    def clean_email(self) -> str:
        """Not looked up here: the page does the same work for everybody, the task finds the account."""
        return str(self.cleaned_data["email"]).lower()

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        email = str(self.cleaned_data["email"])
        send_password_link.delay(email, site())
        return email


class NewPassword(ResetPasswordKeyForm):
    def save(self) -> None:
        """The new password and what guards the account from now on are one transaction."""
        with transaction.atomic():
            super().save()
            recovery.password_reset(self.user)


class MailedCode(ConfirmLoginCodeForm):
    """The second factor of a sign-in; a wrong one comes after the right password, and is in the trail."""

    def clean_code(self) -> str:
        try:
            return str(super().clean_code())
        except ValidationError:
            get_adapter().refuse(str(context.request._login_stage.login.user.email))
            raise


class ApplicationCode(AuthenticateForm):
    """The same, from the application or the list of recovery codes."""

    def clean_code(self) -> str:
        try:
            return str(super().clean_code())
        except ValidationError:
            get_adapter().refuse(str(self.user.email))
            raise
