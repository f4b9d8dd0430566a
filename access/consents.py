"""Live consent: a professional asks, the holder answers himself (features S36, S37).

On the page he has open; or, without a telephone, by a single-use code of his printed grid or by his PIN,
typed on the professional's screen. A refusal and a silence of two minutes give nothing, with no job: a
request past its end is no request. Every action runs inside the door, under the dossier's lock.
"""

import datetime as dt
import secrets
import uuid
from enum import StrEnum
from functools import partial
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from access import grants
from access.gate import Entry
from access.models import ConsentMeans, ConsentRequest
from access.tasks import send_consent_text
from audit import limits
from audit.trail import ActorKind, Event
from patients import codes, notices
from patients.models import Notice

ASKED_AN_HOUR = 60  # by one professional, of anybody
ASKED_OF_ONE = 5  # by one professional, of one holder, an hour: asking again and again is pressing
COLUMNS, SQUARES, LENGTH = "ABCDEFGH", 40, 6  # five lines of eight codes
TRIES, LOCKED = 5, dt.timedelta(hours=24)


class Means(StrEnum):
    PAGE = "page"
    GRID = "grid"
    PIN = "pin"


class Typed(StrEnum):
    """What came of a code typed on the professional's screen."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    ENDED = "ended"  # answered, or past its two minutes


class TooMany(Exception):
    """He asked too often lately."""


def state_of(request: ConsentRequest) -> str:
    """`waiting`, `yes`, `no` or `expired`: silence is decided by the clock."""
    if request.answer:
        return request.answer
    waits = request.answered_at is None and request.expires_at > timezone.now()
    return "waiting" if waits else "expired"


def waiting(dossier_id: uuid.UUID) -> Any:
    """What the holder may still answer."""
    running = ConsentRequest.objects.filter(dossier_id=dossier_id, answered_at=None, expires_at__gt=timezone.now())
    return running.select_related("user__professional").order_by("asked_at")


def ask(entry: Entry, reason: str, means: Means = Means.PAGE) -> ConsentRequest:
    """Ask the holder; one question of one person waits at a time. Raises `TooMany`, `ValidationError`."""
    now, user = timezone.now(), entry.caller.user
    assert user is not None
    hour = dt.timedelta(hours=1)
    asked = ConsentRequest.objects.filter(dossier=entry.dossier, user=user, asked_at__gt=now - hour)
    if asked.count() >= ASKED_OF_ONE or limits.recent(Event.CONSENT_ASKED, entry.actor, hour) >= ASKED_AN_HOUR:
        raise TooMany
    if waiting(entry.dossier.pk).filter(user=user).exists():
        raise ValidationError("Votre demande précédente attend encore sa réponse.", code="waiting")
    past = ConsentRequest.objects.filter(dossier=entry.dossier, user=user, answered_at=None)
    past.update(answered_at=now)  # silence: closed without an answer, so that a new one may wait
    request = ConsentRequest.objects.create(
        dossier=entry.dossier,
        user=user,
        structure_name=entry.actor.structure_name,
        reason=reason,
        asked_at=now,
        expires_at=now + dt.timedelta(seconds=settings.CONSENT_SECONDS),
        means=means,
        grid_place=_free_square(entry, means),
    )
    entry.trace(Event.CONSENT_ASKED, reason=reason, detail={"means": means.value})
    if means is Means.PAGE:
        notices.tell(entry.dossier.pk, Notice.Kind.CONSENT_ASKED)
        # Two minutes: a mail may be read too late.
        transaction.on_commit(partial(send_consent_text.delay, str(entry.dossier.pk), str(request.pk)))
    return request


def _free_square(entry: Entry, means: Means) -> int | None:
    """The square whose code is asked. Raises `ValidationError` when the holder has not that means."""
    if means is Means.PAGE:
        return None
    row = ConsentMeans.objects.filter(dossier=entry.dossier).first()
    if row is None or (not row.grid if means is Means.GRID else not row.pin):
        raise ValidationError("Le titulaire n'a pas ce moyen de donner son accord.", code="means")
    if means is Means.PIN:
        return None
    free = [place for place in range(len(row.grid)) if place not in row.used]
    if not free:
        raise ValidationError(
            "Tous les codes de la grille ont servi : le titulaire en imprime une autre.", code="used"
        )
    return secrets.choice(free)


def answer(
    entry: Entry,
    request_id: uuid.UUID,
    yes: bool,
    until: dt.datetime | None = None,
    **limits: Any,
) -> ConsentRequest:
    """The holder's answer, on his page; `limits`: extent and families, as `grants.authorise` takes them.

    Raises `ValidationError` when nothing waits any more.
    """
    request = waiting(entry.dossier.pk).filter(pk=request_id).first()
    if request is None:
        raise ValidationError("Cette demande a pris fin. Le professionnel peut vous la refaire.", code="ended")
    _answer(entry, request, yes, Means.PAGE, until, **limits)
    return request


def by_code(entry: Entry, request_id: uuid.UUID, code: str, until: dt.datetime, **limits: Any) -> Typed:
    """The holder's yes: the code of the square asked. It serves once."""
    return _typed(entry, request_id, Means.GRID, codes.typed(code), until, **limits)


def by_pin(entry: Entry, request_id: uuid.UUID, pin: str, until: dt.datetime, **limits: Any) -> Typed:
    """The holder's yes: his PIN. Five wrong ones lock both means for a day."""
    return _typed(entry, request_id, Means.PIN, pin, until, **limits)


def _typed(
    entry: Entry, request_id: uuid.UUID, means: Means, secret: str, until: dt.datetime, **limits: Any
) -> Typed:
    """A wrong code is counted and traced, so this returns; raising would forget it with its transaction."""
    found = waiting(entry.dossier.pk).filter(pk=request_id, user=entry.caller.user, means=means)
    request, row = found.first(), ConsentMeans.objects.filter(dossier=entry.dossier).first()
    if request is None or row is None:
        return _not(entry, means, Typed.ENDED)
    now = timezone.now()
    if row.locked_until is not None and row.locked_until > now:
        return _not(entry, means, Typed.LOCKED)
    if not _is_right(row, request, means, secret):
        row.failures += 1
        if row.failures >= TRIES:
            row.failures, row.locked_until = 0, now + LOCKED
        row.save(update_fields=["failures", "locked_until"])
        return _not(entry, means, Typed.WRONG)
    row.failures, row.locked_until = 0, None
    if means is Means.GRID:
        row.used = [*row.used, request.grid_place]
    row.save(update_fields=["failures", "locked_until", "used"])
    _answer(entry, request, True, means, until, **limits)
    return Typed.RIGHT


def _is_right(row: ConsentMeans, request: ConsentRequest, means: Means, secret: str) -> bool:
    if means is Means.PIN:
        return bool(row.pin) and check_password(secret, row.pin)
    place = request.grid_place
    if place is None or place >= len(row.grid) or place in row.used:
        return False
    return compare_digest(bytes(row.grid[place]), digest(row, place, secret))


def _not(entry: Entry, means: Means, result: Typed) -> Typed:
    entry.trace(Event.CONSENT_ANSWERED, allowed=False, detail={"means": means.value, "result": result.value})
    return result


def _answer(
    entry: Entry, request: ConsentRequest, yes: bool, means: Means, until: dt.datetime | None, **limits: Any
) -> None:
    professional = request.user.professional
    assert professional is not None
    request.answer = ConsentRequest.Answer.YES if yes else ConsentRequest.Answer.NO
    request.answered_at, request.answered_by, request.means = timezone.now(), entry.actor.reference, means
    if yes:
        assert until is not None
        express = entry.actor.kind is not ActorKind.CARER  # D18: the holder, or who speaks for him by law
        grants.authorise(entry, professional, until, source=means, express=express, **limits)
        request.until = until
    request.save(update_fields=["answer", "answered_at", "answered_by", "means", "until"])
    entry.trace(
        Event.CONSENT_ANSWERED,
        object_kind="professional",
        object_id=professional.pk,
        object_title=professional.name,
        detail={"means": means.value, "answer": request.answer},
    )


# -- the printed grid and the PIN ---------------------------------------------------------------------
def square(place: int) -> str:
    """How a square is called on paper: « B4 » is the second column, the fourth line."""
    return f"{COLUMNS[place % len(COLUMNS)]}{place // len(COLUMNS) + 1}"


def digest(row: ConsentMeans, place: int, code: str) -> bytes:
    """Keyed: six characters alone could be tried one after the other by who stole the table."""
    return salted_hmac("access.consents", f"{row.pk}:{place}:{code}", algorithm="sha256").digest()


def _means_of(entry: Entry) -> ConsentMeans:
    return ConsentMeans.objects.filter(dossier=entry.dossier).first() or ConsentMeans(dossier=entry.dossier)


def make_grid(entry: Entry) -> list[str]:
    """Forty new codes, for paper only; those of the grid before are worth nothing any more."""
    row = _means_of(entry)
    made = ["".join(secrets.choice(codes.ALPHABET) for _ in range(LENGTH)) for _ in range(SQUARES)]
    row.grid, row.used, row.grid_made_at = [digest(row, n, code) for n, code in enumerate(made)], [], timezone.now()
    row.save()
    entry.trace(Event.MEANS_CHANGED, detail={"means": Means.GRID.value})
    return made


def set_pin(entry: Entry, pin: str) -> None:
    """Four to eight digits; an empty one removes it. Raises `ValidationError`."""
    if pin and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 8):
        raise ValidationError("Le code personnel a de 4 à 8 chiffres.", code="pin")
    row = _means_of(entry)
    row.pin = make_password(pin) if pin else ""
    row.failures, row.locked_until = 0, None
    row.save()
    entry.trace(Event.MEANS_CHANGED, detail={"means": Means.PIN.value})
