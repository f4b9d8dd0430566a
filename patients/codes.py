"""One-time codes that travel on paper or by mail: only their digest stays, wrong ones are counted, all expire."""

import hmac
import secrets
import uuid
from hashlib import sha256
from typing import Any

from django.db import models
from django.utils import timezone

TRIES, LETTER_DAYS = 5, 42
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that reads like something else on paper


def new() -> str:
    """Ten characters: fifty bits, far beyond five tries."""
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


def on_paper(code: str) -> str:
    return f"{code[:5]} {code[5:]}"


def typed(text: str) -> str:
    """A code as made, from what somebody typed."""
    return text.replace(" ", "").replace("-", "").upper()


def digest(key: uuid.UUID, secret: str) -> bytes:
    return sha256(key.bytes + secret.encode()).digest()


def is_live(row: Any) -> bool:
    return row.attempts < TRIES and row.expires_at is not None and row.expires_at > timezone.now()


def is_right(row: models.Model, secret: str, *digests: str) -> bool:
    """Whether the secret is one of this row's; a wrong one is counted. The row is locked by the caller."""
    if not is_live(row):
        return False
    given = digest(row.pk, secret)
    if any(hmac.compare_digest(bytes(getattr(row, name) or b""), given) for name in digests):
        return True
    row.attempts += 1  # type: ignore[attr-defined]
    row.save(update_fields=["attempts"])
    return False
