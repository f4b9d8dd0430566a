"""allauth's forms in our words, and the reset that takes note of itself."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ConfirmLoginCodeForm, LoginForm, ResetPasswordForm, ResetPasswordKeyForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction

from access import recovery


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
