"""What the patient is told of a document withheld from him (article R1111-53, D9), planned from the rows themselves.

Within two weeks he is invited to see his doctor; after one calendar month the document shows by itself, and he is
told. Both notices wait in the outbox from the deposit on: showing needs no job, and telling no search. An
announcement, a withdrawal or a replacement plans anew. Of what a minor keeps secret, nothing is told (D11).
"""

import datetime as dt
import uuid

from django.conf import settings
from django.utils import timezone

from documents.models import Document
from patients import notices
from patients.models import Notice


def plan(dossier_id: uuid.UUID) -> None:
    """Put in the outbox what is to be told of the documents withheld now, and nothing else. One a kind a day."""
    now = timezone.now()
    waiting = Document.objects.filter(
        dossier_id=dossier_id, withheld=True, secret=False, state=Document.State.CURRENT, visible_from__gt=now
    ).order_by("deposited_at")
    invited: dict[dt.date, dt.datetime] = {}
    shown: dict[dt.date, dt.datetime] = {}
    for deposited, visible in waiting.values_list("deposited_at", "visible_from"):
        assert visible is not None  # the database holds it of what is withheld
        invitation = deposited + dt.timedelta(days=settings.WITHHELD_INVITATION_DAYS)
        if now < invitation < visible:
            invited.setdefault(timezone.localdate(invitation), invitation)
        day = timezone.localdate(visible)  # the last of the day: what is told to be visible is
        shown[day] = max(visible, shown.get(day, visible))
    notices.plan(
        dossier_id,
        [(Notice.Kind.NEWS, at) for at in invited.values()]
        + [(Notice.Kind.DOCUMENT_SHOWN, at) for at in shown.values()],
    )
