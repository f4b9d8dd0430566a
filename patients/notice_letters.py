"""The notices of who has no e-mail: a letter each, to the printer of her fund, as a sealed copy is.

Without a printer it is a file that the operator posts (`patients.letters`).
"""

import io
from typing import Any

from django.conf import settings
from django.utils import timezone

from patients import addresses, letters, printing
from patients.models import Dossier, Notice
from patients.models_envelopes import Envelope
from patients.models_requests import Kind, Request, State

TEMPLATE = "pdf/notice.html"


def post(notice: Notice) -> None:
    """Raises OSError: the next round tries again."""
    name, context = f"avis-{notice.pk}", page(notice)
    printer = printing.printer()
    if printer is None:
        letters.write(name, TEMPLATE, context)
        return
    printer.send(context["dossier"].caisse_id, name, io.BytesIO(letters.render(TEMPLATE, context)))


def page(notice: Notice) -> dict[str, Any]:
    dossier = Dossier.objects.select_related("caisse").get(pk=notice.dossier_id)
    context = {"notice": notice, "dossier": dossier, "to": addresses.of(notice.dossier_id)}
    return context | {"day": timezone.localdate(), "portal": settings.PORTAL_URL} | said(notice)


def said(notice: Notice) -> dict[str, Any]:
    """What a mail and a letter say besides the kind: nothing of health, and what is needed to act."""
    rows = Request.objects.holders().filter(dossier_id=notice.dossier_id)
    destruction = rows.filter(kind=Kind.DESTRUCTION, state__in=[State.ACCEPTED, State.DONE]).first()
    waiting = Envelope.objects.filter(dossier_id=notice.dossier_id, state__in=["ready", "asked", "printed", "failed"])
    return {
        "destruction": destruction,
        "closing": rows.running().filter(kind=Kind.CLOSURE).exists(),
        "at_the_counter": notice.kind == Notice.Kind.COPY_READY and waiting.exists(),
    }
