"""Signing in as a person does it: password, then the code of the mail."""

import re
from typing import Any

from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from access.models import User
from patients.models import Dossier
from tests import factories as make

PASSWORD = "cheval correct agrafe pile"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 "
    "Safari/604.1"
)
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0"


def account(dossier: Dossier) -> User:
    """The holder's account, with a password and an address that was proven."""
    user = make.holder_of(dossier)
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def code_in(mail: Any) -> str:
    found = re.search(r"^\s*([0-9A-Z]{3,4}-?[0-9A-Z]{3,4})\s*$", mail.body, re.M)
    assert found
    return found[1]


def enter(user: User, outbox: list[Any], user_agent: str = PHONE, browser: Client | None = None) -> Client:
    """A browser in which this account is signed in."""
    browser = browser or Client(headers={"user-agent": user_agent})
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    code = code_in(next(mail for mail in reversed(outbox) if "code" in mail.body and mail.to == [user.email]))
    browser.post(reverse("account_confirm_login_code"), {"code": code})
    return browser
