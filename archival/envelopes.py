"""Sealed envelopes, on the worker's side: the paper copy goes from its sealed file to the printer of the fund.

The back office, which asks for it, has neither the key nor a right on the table of copies: what it gets back is a
number of pages and a state. The right to the copy is asked again, and the trace committed, before a byte leaves.
"""

import datetime as dt
import logging
from dataclasses import replace

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from access import gate
from archival import copies
from archival.copies_models import Copy
from audit.trail import SYSTEM, Event
from documents.vault import Unreadable
from patients import printing
from patients.models import Channel, Dossier
from patients.models_envelopes import MOST_PRINTS, Envelope

log = logging.getLogger(__name__)
State = Envelope.State
SILENCE = dt.timedelta(minutes=10)  # a worker that says nothing for so long is dead
BATCH = 50


def begin(copy: Copy) -> None:
    """A copy of somebody without an account leaves on paper: its envelope is known from the start."""
    if copy.kind == Copy.Kind.PAPER and copy.channel in (Channel.COUNTER, Channel.POST) and copy.request_id:
        Envelope.objects.create(dossier_id=copy.dossier_id, request_id=copy.request_id, copy_id=copy.pk)


# -- printing ----------------------------------------------------------------------------------------------------
def print_asked() -> int:
    """What agents asked for, one after the other. How many went to the printer. May run twice at once."""
    now = timezone.now()
    free = Q(tried_at=None) | Q(tried_at__lt=F("asked_at")) | Q(tried_at__lt=now - SILENCE)
    rows = Envelope.objects.filter(free, state=State.ASKED).order_by("asked_at")
    return sum(_print(one) for one in list(rows[:BATCH]))


def _print(known: Envelope) -> bool:
    row = _claim(known)
    if row is None:
        return False
    copy = Copy.objects.filter(dossier_id=row.dossier_id, pk=row.copy_id).first()
    printer = printing.printer()
    by = replace(SYSTEM, on_behalf_of=row.asked_by)
    try:
        if copy is None:
            raise copies.Gone
        if printer is None:
            raise OSError("no printer")
        detail = {"envelope": row.on_paper, "pages": row.pages}
        with printing.in_memory(copies.give(copy, by=by, event=Event.ENVELOPE_PRINTED, **detail)) as content:
            printer.send(_site(row), row.on_paper, content)
    except (copies.Gone, gate.Refused, gate.Absent):
        return _end(row, State.GONE)
    except (Unreadable, OSError) as error:
        log.warning("envelopes: one was not printed (%s)", type(error).__name__)
        return _end(row, State.FAILED)
    return _end(row, State.PRINTED)


def _claim(known: Envelope) -> Envelope | None:
    """Taken by this worker; the count of prints is the count of tries, so that a lost one is counted too."""
    with transaction.atomic():
        rows = Envelope.objects.select_for_update(of=("self",), skip_locked=True)
        row = rows.filter(dossier_id=known.dossier_id, pk=known.pk, state=State.ASKED).first()
        if row is None or row.tried_at != known.tried_at:
            return None
        if row.prints >= MOST_PRINTS:
            row.state = State.FAILED
            row.save(update_fields=["state"])
            return None
        row.prints, row.tried_at = row.prints + 1, timezone.now()
        row.save(update_fields=["prints", "tried_at"])
    return row


def _end(row: Envelope, state: Envelope.State) -> bool:
    printed = state == State.PRINTED
    rows = Envelope.objects.filter(dossier_id=row.dossier_id, pk=row.pk, state=State.ASKED)
    rows.update(state=state, printed_at=timezone.now() if printed else row.printed_at)
    return printed


def _site(row: Envelope) -> str:
    """The fund that serves the dossier, and never one that an agent names."""
    return str(Dossier.objects.values_list("caisse_id", flat=True).get(pk=row.dossier_id))


def destroy_handed() -> int:
    """The copy has served: its file does not wait for the end of its eight days."""
    rows = Envelope.objects.filter(state=State.HANDED, handed_at__gte=timezone.now() - dt.timedelta(days=copies.DAYS))
    done = 0
    for dossier_id, copy_id in list(rows.values_list("dossier_id", "copy_id")):
        copy = Copy.objects.kept().filter(dossier_id=dossier_id, pk=copy_id).first()
        if copy is not None:
            copies.destroy(copy, by=SYSTEM, why="handed")
            done += 1
    return done
