"""What should be gone and is not; which holds wait for a second person: counts, for who watches the service."""

import datetime as dt

from django.db.models import Exists, OuterRef, Q

from archival.holds_models import LegalHold
from patients.dossiers import is_over
from patients.models import Dossier
from patients.models_requests import Kind, Request, State

GRACE = dt.timedelta(hours=24)  # due the day after, done within it
UNCONFIRMED = dt.timedelta(days=7)


def dossiers(at: dt.datetime) -> int:
    """Past their ten years, or their thirty days, for more than a day; those that a legal hold keeps are not due."""
    late = at - GRACE
    held = LegalHold.objects.running().values("dossier_id")
    asked = Request.objects.filter(dossier_id=OuterRef("pk"), kind=Kind.DESTRUCTION)
    accepted, done = asked.filter(state=State.ACCEPTED, not_before__lt=late), asked.filter(done_at__lt=late)
    over = Q(closed_at__lte=late - dt.timedelta(days=3650))  # fewer days than any ten years: the rule is asked below
    rows = Dossier.objects.exclude(state=Dossier.State.OPEN).exclude(pk__in=held)
    rows = rows.annotate(early=Exists(accepted) | Exists(done)).filter(over | Q(early=True))
    found = rows.values_list("closed_at", "early")
    count = 0
    for closed_at, early in found.iterator(chunk_size=2000):
        count += early or is_over(closed_at, late)
    return count


def holds(at: dt.datetime) -> int:
    """Set, or asked to be lifted, a week ago by one operator, and no other has looked: none lapses by itself."""
    since = at - UNCONFIRMED
    alone = Q(confirmed_at=None, set_at__lt=since) | Q(lift_asked_at__lt=since)
    return LegalHold.objects.running().filter(alone).count()
