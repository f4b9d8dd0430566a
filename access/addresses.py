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


def confirm(request: HttpRequest, user: User, new: str, old: str) -> str | None:
    """The token of the way back, or None: a code is wrong, late, or the address was taken meanwhile."""
    if (asked := under_way(request)) is None:
        return None
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
        before = str(former.email)
        _set(former, asked.email)
        trace_account(user, Event.EMAIL_CHANGED, means="compte+code")
    del request.session[KEY]
    return signing.dumps({"user": str(user.pk), "old": before, "new": asked.email, "at": time.time()}, salt=SALT)


def is_taken(email: str) -> bool:
    return (
        User.objects.filter(email__iexact=email).exists() or EmailAddress.objects.filter(email__iexact=email).exists()
    )


def read(token: str) -> dict[str, Any] | None:
    """What a way back says, while it holds."""
    try:
        said: dict[str, Any] = signing.loads(token, salt=SALT, max_age=UNDO_DAYS * 86400)
    except signing.BadSignature:
        return None
    return said if User.objects.filter(pk=said["user"], email=said["new"]).exists() else None


def undo(token: str) -> bool:
    """The old address again. Who changed it is out: sessions, password, and means added since the day before."""
    with transaction.atomic():
        if (said := read(token)) is None:
            return False
        user = User.objects.select_for_update(of=("self",)).get(pk=said["user"])
        if user.email != said["new"] or is_taken(said["old"]):
            return False
        day_before = dt.datetime.fromtimestamp(said["at"], dt.UTC) - dt.timedelta(days=1)
        Authenticator.objects.filter(user=user, created_at__gte=day_before).delete()
        user.set_unusable_password()  # no session outlives it; it is remade from the old mailbox
        _set(user, said["old"])
        recovery.password_reset(user)
        trace_account(user, Event.EMAIL_CHANGED, means="e-mail", detail={"changes": ["undone"]})
    return True


def _set(user: User, email: str) -> None:
    user.email = email
    user._history_user = user.actor()  # type: ignore[attr-defined]
    user.save(update_fields=["email", "password"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
