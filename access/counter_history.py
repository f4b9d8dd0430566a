"""What was done to the administrative side of a dossier, for an agent who serves it.

Its opening, its closing, its contacts, who represents its holder: when, by whom, why, what changed. The columns are
named one by one, and the database role of the counter reads no other of these histories (`access.counter_rights`):
neither the holder's choices about what professionals see, nor what was given to a carer, whom the counter does not
record.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from access import authors
from access.counter import agent_of, dossier_of, page, person_of, show
from access.models import Representation, User
from audit import trail
from audit.trail import Event
from patients.models import Dossier, Patient

KEPT = ("history_date", "history_type", "history_user_id", "history_change_reason")
PATIENT = ("email", "phone", "address", "postal_code", "status", "oid")
DOSSIER = ("state", "opened_channel", "closure", "refuses_heirs")
REPRESENTATION = ("since", "until")
ROLES = (Representation.Role.HOLDER, Representation.Role.PARENT, Representation.Role.GUARDIAN)
MOST = 200  # of each table, the latest


@dataclass
class Change:
    label: str
    new: str
    old: str = ""  # of what begins: nothing


@dataclass
class Step:
    """One row of a history that changed something shown."""

    at: dt.datetime
    what: str
    reason: str
    author: str
    changes: list[Change] = field(default_factory=list)


@page
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Of a dossier that is there, open or closed; traced, as the sheet is."""
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if dossier is None or dossier.state == Dossier.State.DESTROYED:
        return redirect("counter_sheet" if person else "counter_find")
    trail.record_now(Event.SHEET_READ, by=agent_of(request).actor(), dossier_id=dossier.pk, object_kind="history")
    return show(
        request,
        "counter/history.html",
        person=person,
        steps=steps(dossier.pk),
        most=MOST,
        title="Historique administratif",
    )


def steps(dossier_id: uuid.UUID) -> list[Step]:
    """The latest first."""
    found = [*_dossier(dossier_id), *_patient(dossier_id), *_representations(dossier_id)]
    for step, name in zip(found, authors.names(step.author for step in found), strict=True):
        step.author = name
    return sorted(found, key=lambda step: step.at, reverse=True)


def _dossier(dossier_id: uuid.UUID) -> Iterator[Step]:
    rows = Dossier.history.filter(id=dossier_id)
    for row, step in _steps(Dossier, rows, DOSSIER, "id"):
        moved = row["history_type"] == "+" or any(one.label == _label(Dossier, "state") for one in step.changes)
        step.what = f"Dossier {_said(Dossier, 'state', row['state'])}" if moved else "Dossier modifié"
        if row["history_type"] == "+":
            step.changes = [Change("ouvert", _said(Dossier, "opened_channel", row["opened_channel"]))]
        if row["history_type"] == "+" or step.changes:
            yield step


def _patient(dossier_id: uuid.UUID) -> Iterator[Step]:
    """What came after the opening, which the dossier tells."""
    rows = Patient.history.filter(dossier_id=dossier_id)
    for _, step in _steps(Patient, rows, PATIENT, "dossier_id"):
        step.what = "Coordonnées"
        if step.changes:
            yield step


def _representations(dossier_id: uuid.UUID) -> Iterator[Step]:
    rows = Representation.history.filter(dossier_id=dossier_id, role__in=ROLES)
    found = list(_steps(Representation, rows, REPRESENTATION, "id", "role", "user_id", "evidence"))
    persons = User.objects.in_bulk({row["user_id"] for row, _ in found})
    for row, step in found:
        step.what = f"{_said(Representation, 'role', row['role'])} : {persons.get(row['user_id'], 'compte supprimé')}"
        began = row["history_type"] == "+"
        if began or any(one.label == _label(Representation, "since") for one in step.changes):
            step.reason = step.reason or row["evidence"]  # the paper of its beginning: it ends on none
        if began:
            ends = row["until"]
            step.changes = [Change("jusqu'au", _said(Representation, "until", ends))] if ends else []
        if began or step.changes:
            yield step


def _steps(
    model: type[models.Model], rows: Any, compared: tuple[str, ...], key: str, *more: str
) -> Iterator[tuple[dict[str, Any], Step]]:
    """Each row with what it changed in the one before it of the same object, which `key` names."""
    before: dict[Any, dict[str, Any]] = {}
    latest = list(rows.order_by("-history_date", "-history_id").values(*KEPT, *compared, key, *more)[:MOST])
    for row in reversed(latest):
        former = before.get(row[key])
        step = Step(row["history_date"], "", row["history_change_reason"] or "", row["history_user_id"])
        step.changes = [
            Change(_label(model, name), _said(model, name, row[name]), _said(model, name, former[name]))
            for name in compared
            if former is not None and former[name] != row[name]
        ]
        before[row[key]] = row
        yield row, step


def _column(model: type[models.Model], name: str) -> Any:
    return next(one for one in model._meta.concrete_fields if one.attname == name)


def _label(model: type[models.Model], name: str) -> str:
    return str(_column(model, name).verbose_name)


def _said(model: type[models.Model], name: str, value: Any) -> str:
    """A value, as a person reads it."""
    column = _column(model, name)
    if isinstance(value, dt.datetime):
        return f"{timezone.localtime(value):%d/%m/%Y %H:%M}"
    if isinstance(value, bool):
        return "oui" if value else "non"
    return str(dict(column.flatchoices).get(value, value) or "rien")
