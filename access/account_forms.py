"""allauth's forms in our words, and the reset that takes note of itself."""

from typing import Any

from allauth.account.forms import LoginForm, ResetPasswordForm, ResetPasswordKeyForm
from django import forms
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
