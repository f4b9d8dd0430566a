"""The clock of a demonstration, moved over years in one process. Nowhere else: `moved_to` refuses.

What destroys compares this machine's clock with the database's, and refuses when they differ (D14): only a move that
is avowed here, in a demonstration, passes that check.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import timezone

from patients import clocks


@contextmanager
def moved_to(moment: dt.datetime, *, avow: bool = True) -> Iterator[None]:
    """`timezone.now()` goes on from there; `avow=False`: as a machine whose clock is wrong."""
    if not settings.DEMO:
        raise RuntimeError("Réservé à la démonstration (DMP_DEMO=1).")
    real, shift = timezone.now, moment - timezone.now()
    timezone.now = lambda: real() + shift
    clocks.avow_move(shift if avow else dt.timedelta())
    try:
        yield
    finally:
        timezone.now = real
        clocks.avow_move(dt.timedelta())
