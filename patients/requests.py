"""Requests: made, taken in charge, answered, done. Each act writes row, history, trace and notice in one transaction.

No view writes a request's state: the steps below do, the database refuses any other (`models_requests.STEPS`).
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.trail import Actor, ActorKind, Event
from patients import codes, deadlines, dossiers, notices
from patients.models import Channel, Dossier, Notice, Patient
from patients.models_requests import (
    CARRIED_OUT,
    COPIED,
    ONE_AT_A_TIME,
    RUNNING,
    STEPS,
    Kind,
    Refusal,
    Request,
    State,
)

ONLY_OPERATOR = "Ce dossier a été fermé par l'exploitant, preuve à l'appui : lui seul en décide."
WHOLE = (Kind.CLOSURE, Kind.DESTRUCTION, Kind.REOPENING)  # it is about the whole dossier
MOST = 20  # running at once, of one dossier
OPPOSED = "La personne décédée s'y était opposée (article L1110-4) : refusez, avec ce motif."


class Gone(Exception):
    """No such request in this dossier."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the person says, and how it is known that it is she. `arrived`: when the letter did; now unless told."""

    kind: Kind
    channel: Channel
    requester: str
    identity: str
    said: str = ""
    concerns: uuid.UUID | None = None
    about_old: bool = False
    address: str = ""
    quality: str = ""
    motive: str = ""
    proof: str = ""
    arrived: dt.datetime | None = None


def ask(dossier_id: uuid.UUID, asked: Asked, *, by: Actor) -> Request:
    """Record a request; its dates follow from its kind. Raises ValidationError."""
    with transaction.atomic():
        dossier = dossiers.locked(dossier_id)
        _check(dossier, asked)
        at = asked.arrived or timezone.now()
        delay = deadlines.of(asked.kind, about_old=asked.about_old)
        due = deadlines.due_on(delay, at)
        # A letter opened late is owed its answer from its arrival, and its reflection from today.
        begins = timezone.now() if asked.kind == Kind.DESTRUCTION else at
        said = {name: value for name, value in vars(asked).items() if name != "arrived"}
        row = Request(
            **said,
            dossier=dossier,
            number=codes.new(),
            asked_at=at,
            asked_by=by.reference,
            first_due_on=due,
            due_on=due,
            not_before=deadlines.not_before(delay, begins),
        )
        row._history_user = by  # type: ignore[attr-defined]
        row.save(force_insert=True)
        _trace(row, Event.REQUEST_MADE, by, changes=[row.kind])
        _tell(row, Notice.Kind.REQUEST_RECEIVED)
    return row


def _check(dossier: Dossier, asked: Asked) -> None:
    if dossier.state == Dossier.State.DESTROYED:
        raise ValidationError("Ce dossier est détruit : il n'y a plus rien à demander.", code="destroyed")
    if asked.arrived is not None and asked.arrived > timezone.now():
        raise ValidationError("Cette date d'arrivée est dans l'avenir.", code="arrived")
    if not dossier.is_open and asked.kind in (Kind.CLOSURE, Kind.DOCUMENT):
        raise ValidationError("Ce dossier est déjà fermé : personne ne le lit plus.", code="closed")
    if asked.kind == Kind.REOPENING and dossier.is_open:
        raise ValidationError("Ce dossier est ouvert : il n'y a rien à réactiver.", code="open")
    if asked.kind == Kind.REOPENING and dossiers.is_over(dossier.closed_at):
        raise ValidationError("Les dix ans sont passés : ce dossier ne se réactive plus.", code="late")
    running = Request.objects.running().filter(dossier=dossier)
    if running.count() >= MOST:
        raise ValidationError(f"{MOST} demandes attendent déjà une réponse : il faut les finir d'abord.", code="most")
    same = running.filter(kind=asked.kind, concerns=asked.concerns)
    single = asked.kind in (*ONE_AT_A_TIME, Kind.REOPENING)
    if (single or asked.concerns is not None) and (known := same.first()):
        raise ValidationError(f"Cette demande est déjà enregistrée, sous le numéro {known.on_paper}.", code="known")


def of(dossier_id: uuid.UUID, request_id: uuid.UUID) -> Request:
    """Raises `Gone`."""
    row = Request.objects.filter(dossier_id=dossier_id, pk=request_id).first()
    if row is None:
        raise Gone
    return row


def may_undo(dossier: Dossier, decided_by: str) -> bool:
    """What an operator closed on proof, an operator alone reopens, or lets be destroyed before its term."""
    return not dossier.closed_by_operator or decided_by.startswith(f"{ActorKind.OPERATOR}:")


def decided_by(row: Request) -> str:
    """The reference of who accepted it."""
    past = row.history.filter(dossier_id=row.dossier_id, history_change_reason="accepted")
    return past.order_by("-history_date").values_list("history_user_id", flat=True).first() or ""


def asks_herself(row: Request) -> bool:
    """The holder, and nobody for her. An agent writes down the name of whoever else asks; a minor does not (D11)."""
    kind = row.asked_by.partition(":")[0]
    if kind in (ActorKind.HOLDER, ActorKind.REPRESENTATIVE):
        return kind == ActorKind.HOLDER
    patient = Patient.objects.get(dossier_id=row.dossier_id)
    same = " ".join(row.requester.split()).casefold() == " ".join(patient.name.split()).casefold()
    return same and dossiers.of_age(patient.birth_date, row.asked_at)


def closure_of(row: Request) -> Dossier.Closure:
    """Why a dossier is closed that this request has closed."""
    if row.channel == Channel.PROFESSIONAL:
        return Dossier.Closure.PROFESSIONAL
    return Dossier.Closure.HOLDER if asks_herself(row) else Dossier.Closure.REPRESENTATIVE


# -- steps ------------------------------------------------------------------------------------------------------
def cancel(dossier_id: uuid.UUID, request_id: uuid.UUID, *, by: Actor) -> Request:
    """By the person, until it is done: what was accepted and not carried out is not carried out."""
    with _step(dossier_id, request_id, State.CANCELLED, by, "cancelled", Notice.Kind.REQUEST_MOVED) as row:
        row.cancelled_at = timezone.now()
    return row


def take(dossier_id: uuid.UUID, request_id: uuid.UUID, *, by: Actor) -> Request:
    """Somebody follows it from now on. Taken over from a colleague, the state stays."""
    known = of(dossier_id, request_id)
    to = State.IN_PROGRESS if known.state == State.RECEIVED else None
    notice = Notice.Kind.REQUEST_MOVED if to else None
    with _step(dossier_id, request_id, to, by, "taken", notice) as row:
        row.owner, row.owner_name, row.reminded = by.reference, by.name, None
    return row


def lack(dossier_id: uuid.UUID, request_id: uuid.UUID, missing: str, *, by: Actor) -> Request:
    """Something is missing to answer. The delay goes on (`patients.deadlines`)."""
    with _step(dossier_id, request_id, State.INCOMPLETE, by, "incomplete", Notice.Kind.REQUEST_MOVED) as row:
        row.missing = _said(missing, "Dites ce qui manque.")
    return row


def complete(dossier_id: uuid.UUID, request_id: uuid.UUID, *, by: Actor) -> Request:
    """What was missing has come."""
    with _step(dossier_id, request_id, State.IN_PROGRESS, by, "complete", Notice.Kind.REQUEST_MOVED) as row:
        if row.state == State.RECEIVED:  # that is `take`
            raise ValidationError("Prenez d'abord cette demande en charge.", code="step")
    return row


def extend(dossier_id: uuid.UUID, request_id: uuid.UUID, reason: str, *, by: Actor) -> Request:
    """Two more months, once, told within the first month with the reason (RGPD, article 12.3)."""
    with _step(dossier_id, request_id, None, by, "extended", Notice.Kind.REQUEST_MOVED) as row:
        delay = deadlines.of(row.kind, about_old=row.about_old)
        if not delay.extension or row.extended_at is not None:
            raise ValidationError("Le délai de cette demande ne peut pas être prolongé.", code="extension")
        if row.state in (State.RECEIVED, State.ACCEPTED):
            raise ValidationError("Le délai se prolonge pendant l'examen de la demande.", code="step")
        if timezone.localdate() > row.first_due_on:
            raise ValidationError("Le premier délai est passé : il ne se prolonge plus.", code="late")
        row.extension = _said(reason, "Dites pourquoi il faut plus de temps.")
        row.extended_at, row.due_on = timezone.now(), deadlines.extended(delay, row.asked_at)
        row.reminded = None
    return row


def accept(dossier_id: uuid.UUID, request_id: uuid.UUID, answer: str, *, by: Actor) -> Request:
    """The answer is yes. What is asked is carried out apart (`archival.carry_out`), then it is done.

    What is to be destroyed is closed at once: nobody adds to it what would be lost, and the time to think it over
    runs from there, whole (D13), were it to end after the three months of the law.
    """
    with _step(dossier_id, request_id, State.ACCEPTED, by, "accepted", Notice.Kind.REQUEST_ANSWERED) as row:
        if row.kind in (Kind.REOPENING, Kind.DESTRUCTION) and not may_undo(row.dossier, by.reference):
            raise ValidationError(ONLY_OPERATOR, code="operator")
        if row.kind == Kind.HEIRS and Dossier.objects.values_list("refuses_heirs", flat=True).get(pk=dossier_id):
            raise ValidationError(OPPOSED, code="opposed")
        now = timezone.now()
        row.answer, row.decided_at = _said(answer, "Écrivez la réponse."), now
        if row.kind == Kind.DESTRUCTION:
            row.certificate = secrets.token_hex(16)
            row.not_before = max(row.not_before, deadlines.not_before(deadlines.of(row.kind), now))
            if row.dossier.is_open:
                dossiers.close(dossier_id, closure=closure_of(row), by=by)
                notices.tell_all(dossier_id, Notice.Kind.DOSSIER_CLOSED)
    return row


def refuse(dossier_id: uuid.UUID, request_id: uuid.UUID, ground: str, answer: str, *, by: Actor) -> Request:
    """The answer is no, why, and how to appeal: the letter says it."""
    with _step(dossier_id, request_id, State.REFUSED, by, "refused", Notice.Kind.REQUEST_ANSWERED) as row:
        if ground not in Refusal.values:
            raise ValidationError("Choisissez le motif du refus.", code="refusal")
        row.refusal = ground
        row.answer, row.decided_at = _said(answer, "Écrivez la réponse."), timezone.now()
    return row


Carrier = Callable[[Request, Actor], None]


def finish(dossier_id: uuid.UUID, request_id: uuid.UUID, *, by: Actor, carrier: Carrier | None = None) -> Request:
    """What was accepted is done; not before the time to think it over is past, nor before it is so.

    `carrier` does it, in the same transaction: what the service carries out is done by nothing else, whoever says so.
    A destruction begins here, and is told once it is done (`archival.destruction`).
    """
    begins = of(dossier_id, request_id).kind == Kind.DESTRUCTION
    notice = None if begins else Notice.Kind.REQUEST_DONE
    with transaction.atomic():
        with _step(dossier_id, request_id, State.DONE, by, "done", notice) as row:
            _check_done(row, carried=carrier is not None)
            row.done_at = timezone.now()
        if carrier is not None:
            carrier(row, by)
    return row


def _check_done(row: Request, *, carried: bool) -> None:
    if row.kind in CARRIED_OUT and not carried:
        raise ValidationError("Le service l'exécute lui-même : elle sera faite à ce moment-là.", code="carried")
    if row.kind in COPIED and row.prepared_at is None:
        raise ValidationError("La copie demandée n'est pas encore faite.", code="copy")
    if timezone.now() < row.not_before:
        day = timezone.localtime(row.not_before)
        raise ValidationError(f"Délai de réflexion : rien avant le {day:%d/%m/%Y à %H:%M}.", code="early")


def prepared(dossier_id: uuid.UUID, request_id: uuid.UUID, *, by: Actor) -> Request:
    """The copy that was asked for is ready: it can be handed over or posted."""
    with _step(dossier_id, request_id, None, by, "prepared", None) as row:
        row.prepared_at = row.prepared_at or timezone.now()
    return row


@contextmanager
def _step(
    dossier_id: uuid.UUID, request_id: uuid.UUID, to: State | None, by: Actor, change: str, notice: Notice.Kind | None
) -> Iterator[Request]:
    """The row, locked; saved with its history, its trace and its notice when the body is through."""
    with transaction.atomic():
        # The dossier first, as whoever closes, reopens or destroys it does: none waits for who waits for it.
        dossier = dossiers.locked_if_there(dossier_id)
        rows: Any = Request.objects.select_for_update(of=("self",))
        row = rows.filter(dossier_id=dossier_id, pk=request_id).first()
        if dossier is None or row is None:
            raise Gone
        row.dossier = dossier
        if row.state not in RUNNING or (to is not None and to not in STEPS[row.state]):
            raise ValidationError(
                f"Cette demande est {row.get_state_display()} : rechargez la page, elle a changé.", code="step"
            )
        yield row
        row.state = to or row.state
        row._history_user, row._change_reason = by, change
        row.save()
        answered = change in ("accepted", "refused")
        _trace(row, Event.REQUEST_ANSWERED if answered else Event.REQUEST_HANDLED, by, changes=[change])
        if notice is not None:
            _tell(row, notice)


def _said(text: str, otherwise: str) -> str:
    if not text.strip():
        raise ValidationError(otherwise, code="words")
    return text.strip()


def _trace(row: Request, event: Event, by: Actor, **detail: Any) -> None:
    detail["kind"] = row.kind
    trail.record(event, by=by, dossier_id=row.dossier_id, object_kind="request", object_id=row.pk, detail=detail)


def _tell(row: Request, kind: Notice.Kind) -> None:
    """The holder, and who speaks for her; nobody for the family of a dead person, who is written to.

    A copy in hand needs no letter.
    """
    if row.kind != Kind.HEIRS:
        tell = notices.tell_all if row.kind in WHOLE else notices.tell
        tell(row.dossier_id, kind, by_post=row.kind != Kind.COPY)
