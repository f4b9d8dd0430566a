"""Opening online (features S5): number, postal code and e-mail against the register, then proof of the e-mail.

Whoever asks gets the same answer, whether the person is known or not. Secrets are kept as digests only,
wrong codes are counted, everything expires. When the e-mail is not the one on file, a code by letter or at
the counter completes the rights: an address alone is nobody's identity.
"""

import datetime as dt
import secrets
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.scoped import uuid7
from patients import codes, ins
from patients.models import InsuredPerson, OpeningRequest

CODE_MINUTES = 30


def lookups(number: str) -> list[str]:
    """The keyed hashes this number may be known by: what the queue carries in its place."""
    oids = [ins.OID_NIR, ins.OID_NIA, *([ins.OID_TEST] if settings.DEMO else [])]
    return [ins.Ins(number, oid).lookup.hex() for oid in oids]


def start(
    request_id: uuid.UUID, hashes: list[str], postal_code: str, email: str
) -> tuple[OpeningRequest, str, str] | None:
    """Note a request with a fresh link and a fresh code of six digits, for the mail; only their digests stay.

    None for a number that fits nobody: its request has an id too, and goes nowhere. Done by a task, so that the
    page does the same work for everybody.
    """
    known = InsuredPerson.objects.filter(pk__in=[bytes.fromhex(one) for one in hashes], postal_code=postal_code)
    if (person := known.first()) is None:
        return None
    link, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**6):06d}"
    fresh = {
        "insured": person,
        "email": email.lower(),
        "link_digest": codes.digest(request_id, link),
        "code_digest": codes.digest(request_id, code),
        "expires_at": timezone.now() + dt.timedelta(minutes=CODE_MINUTES),
    }
    with transaction.atomic():
        request, _ = OpeningRequest.objects.select_for_update(of=("self",)).get_or_create(
            id=request_id, defaults=fresh
        )
        if request.state != OpeningRequest.State.MAILED:
            return None
        for name, value in fresh.items():
            setattr(request, name, value)
        request.save(update_fields=list(fresh))
    return request, link, code


def make_letter_code(request: OpeningRequest) -> str:
    """Ten characters for the letter, valid six weeks; asking again makes the former one worthless."""
    code = codes.new()
    request.letter_digest, request.attempts = codes.digest(request.pk, code), 0
    request.expires_at = timezone.now() + dt.timedelta(days=codes.LETTER_DAYS)
    request.save(update_fields=["letter_digest", "attempts", "expires_at"])
    return code


def forget_ended() -> int:
    """Openings done, or whose codes are worth nothing any more: an address, and who gave it."""
    over = Q(state=OpeningRequest.State.DONE) | Q(expires_at__lt=timezone.now())
    count, _ = OpeningRequest.objects.filter(over).delete()
    return count


def confirm(request_id: uuid.UUID, code: str) -> OpeningRequest | None:
    """The request, its e-mail proven by code or link; None for a wrong, late or worn-out one."""
    digits = code.replace(" ", "")
    return _check(request_id, digits, OpeningRequest.State.MAILED, "code_digest", "link_digest")


def confirm_letter(email: str, code: str) -> OpeningRequest | None:
    """The request of this address, its letter's code proven."""
    waiting = OpeningRequest.objects.filter(email=email.lower(), state=OpeningRequest.State.LETTER)
    known = waiting.order_by("-created_at").values_list("pk", flat=True).first()
    return _check(known or uuid7(), codes.typed(code), OpeningRequest.State.LETTER, "letter_digest")


def _check(request_id: uuid.UUID, secret: str, state: str, *digests: str) -> OpeningRequest | None:
    with transaction.atomic():
        rows = OpeningRequest.objects.select_for_update(of=("self",)).select_related("insured")
        request = rows.filter(pk=request_id, state=state).first()
        if request is None:
            OpeningRequest.objects.filter(pk=uuid7()).update(attempts=1)  # as a wrong try is counted, and as long
        if request is None or not codes.is_right(request, secret, *digests):
            return None
        known = request.insured.email.lower() == request.email or state == OpeningRequest.State.LETTER
        request.state = OpeningRequest.State.CONFIRMED if known else OpeningRequest.State.LETTER
        request.save(update_fields=["state"])
    return request
