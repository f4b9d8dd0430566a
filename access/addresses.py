"""Changing the e-mail address that signs in: the new mailbox is proven, the old one is told and may undo it.

The address remakes the password: who changes it takes the account. So it wants the second factor anew (the
application or the key, else a code to the present address as well); the old address may put everything back for
UNDO_DAYS, and nothing changes again meanwhile, or the way back would be cut. An address that another account has
gets a mail that says so: the page answers the same.
"""

import datetime as dt
import hmac
import secrets
import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from access import recovery
from access.models import User
from access.recovery import SECOND_FACTORS
from access.sessions import trace_account
from audit import limits
from audit.trail import Event
from patients import codes

SALT, KEY = "access.addresses", "new_address"
UNDO_DAYS, CODE_MINUTES, TRIES = 7, 30, 5
NEW, OLD = "new", "old"


@dataclass
class Asked:
    """A change under way, kept in the session: its codes are remade from it, they stand nowhere."""

    email: str
    nonce: str
    until: float
    both: bool  # without an application nor a key, the present address proves itself too
    tries: int = 0


def changed_lately(user: User) -> bool:
    return limits.recent(Event.EMAIL_CHANGED, user.actor(), dt.timedelta(days=UNDO_DAYS)) > 0


def ask(request: HttpRequest, user: User, email: str) -> Asked:
    until = time.time() + CODE_MINUTES * 60
    asked = Asked(email.lower(), secrets.token_hex(16), until, both=not is_mfa_enabled(user, SECOND_FACTORS))
    request.session[KEY] = asdict(asked)
    return asked


def under_way(request: HttpRequest) -> Asked | None:
    kept = request.session.get(KEY)
    asked = Asked(**kept) if kept else None
    return asked if asked and asked.tries < TRIES and time.time() < asked.until else None


def code(user_id: uuid.UUID, email: str, nonce: str, which: str) -> str:
    """Ten characters, as `codes.new` makes them."""
    drawn = salted_hmac(SALT, f"{user_id} {email} {nonce} {which}", algorithm="sha256").digest()
    return "".join(codes.ALPHABET[byte % len(codes.ALPHABET)] for byte in drawn[:10])


def confirm(request: HttpRequest, user: User, asked: Asked, new: str, old: str) -> str | None:
    """The token of the way back, or None: a code is wrong, or the address was taken meanwhile."""
    request.session[KEY] = asdict(asked) | {"tries": asked.tries + 1}
    wanted = [(new, NEW), *([(old, OLD)] if asked.both else [])]
    right = [
        hmac.compare_digest(codes.typed(given).encode(), code(user.pk, asked.email, asked.nonce, which).encode())
        for given, which in wanted
    ]
    if not all(right):
        return None
    with transaction.atomic():
        former = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        if is_taken(asked.email) or changed_lately(user):
            return None
        before, after = former.history.latest(), _set(former, asked.email)
        trace_account(user, Event.EMAIL_CHANGED, means="compte+code")
    del request.session[KEY]
    return signing.dumps([str(before.pk), str(after.pk)], salt=SALT)  # no e-mail address in a link


def is_taken(email: str) -> bool:
    return (
        User.objects.filter(email__iexact=email).exists() or EmailAddress.objects.filter(email__iexact=email).exists()
    )


def holds(token: str) -> bool:
    return _change(token) is not None


def undo(token: str) -> bool:
    """The old address again. Who changed it is out: sessions, password, and means added since the day before."""
    with transaction.atomic():
        if (change := _change(token)) is None:
            return False
        before, after = change
        user = User.objects.select_for_update(of=("self",)).get(pk=after.id)
        former = str(before.email)
        if user.email != after.email or is_taken(former):
            return False
        day_before = after.history_date - dt.timedelta(days=1)
        Authenticator.objects.filter(user=user, created_at__gte=day_before).delete()
        user.set_unusable_password()  # no session outlives it; it is remade from the old mailbox
        _set(user, former)
        recovery.password_reset(user)
        trace_account(user, Event.EMAIL_CHANGED, means="e-mail", detail={"changes": ["undone"]})
    return True


def _change(token: str) -> tuple[Any, Any] | None:
    """The rows of the account's history, before and after, that a way back names, while it holds."""
    try:
        keys = signing.loads(token, salt=SALT, max_age=UNDO_DAYS * 86400)
    except signing.BadSignature:
        return None
    rows = User.history.in_bulk([uuid.UUID(key) for key in keys])
    before, after = (rows.get(uuid.UUID(key)) for key in keys)
    if before is None or after is None or not User.objects.filter(pk=after.id, email=after.email).exists():
        return None
    return before, after


def _set(user: User, email: str) -> Any:
    """The new address; returns the row it leaves in the account's history."""
    user.email = email
    user._history_user = user.actor()  # type: ignore[attr-defined]
    user.save(update_fields=["email", "password"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user.history.filter(email=email).latest()
