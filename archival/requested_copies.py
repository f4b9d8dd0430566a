"""Copies that a recorded request asked for (at the counter, by post, or of a closed dossier) and that was accepted.

Once the time to think it over is past (48 hours, R1111-1) the copy is made. One asked for online is then done: it
waits in « Mes copies ». Another leaves on paper, in an envelope that nobody opens (`archival.envelopes`): the agent
who hands it over ends the request.
"""

import datetime as dt
import uuid

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from access import gate
from access.models import User
from archival import copies, envelopes
from archival.copies_models import Copy
from audit.trail import SYSTEM, Actor, ActorKind
from patients import requests
from patients.models import Channel, Patient
from patients.models_requests import Kind, Request, State

BATCH = 200


def waiting(now: dt.datetime) -> list[Request]:
    rows = Request.objects.filter(state=State.ACCEPTED, kind=Kind.COPY, not_before__lte=now)
    return list(rows.order_by("due_on")[:BATCH])


def prepare(by: Actor = SYSTEM) -> tuple[int, int]:
    """How many copies were asked for, how many requests are done. May run twice."""
    asked = done = 0
    for row in waiting(timezone.now()):
        made = Copy.objects.kept().filter(dossier_id=row.dossier_id, request_id=row.pk).first()
        try:
            if made is None and not _given_up(row):
                ask(row, by=by)
                asked += 1
            elif made is not None and made.is_ready and row.channel == Channel.WEB:
                requests.finish(row.dossier_id, row.pk, by=by)
                done += 1
        except (ValidationError, gate.Refused, gate.Absent):
            continue  # it moved meanwhile, or she may no more: the next round, or a person, sees
    return asked, done


def _given_up(row: Request) -> bool:
    """Made and destroyed, or failed: a person decides, nothing begins again for ever."""
    return Copy.objects.filter(dossier_id=row.dossier_id, request_id=row.pk).exists()


def ask(row: Request, *, by: Actor) -> Copy:
    """On paper for who has no account, digital for who asked online."""
    online = row.channel == Channel.WEB
    with transaction.atomic():
        made = _copy(row, by, online=online)
        envelopes.begin(made)
    return made


def _copy(row: Request, by: Actor, *, online: bool) -> Copy:
    return copies.ask(
        row.dossier_id,
        kind=Copy.Kind.DIGITAL if online else Copy.Kind.PAPER,
        by=by,
        channel=Channel(row.channel),
        asker=_account(row) if online else None,
        quality=_quality(row),
        request_id=row.pk,
    )


def _account(row: Request) -> User | None:
    kind, _, key = row.asked_by.partition(":")
    if kind not in (ActorKind.HOLDER, ActorKind.REPRESENTATIVE):
        return None
    return User.objects.filter(pk=uuid.UUID(key)).first()


def _quality(row: Request) -> Copy.Quality:
    """Another name than the holder's is that of who represents her: he sees less, never more."""
    name = Patient.objects.get(dossier_id=row.dossier_id).name
    same = row.requester.strip().casefold() == name.casefold()
    return Copy.Quality.HOLDER if same else Copy.Quality.REPRESENTATIVE
