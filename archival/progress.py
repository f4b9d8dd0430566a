"""How far a copy is, said in its row now and then: the page shows it, and a worker that says nothing is dead."""

import time
from dataclasses import dataclass, field

from django.utils import timezone

from archival.copies_models import Copy

SECONDS = 1.0  # between two writings


class Stopped(Exception):
    """The copy is no more in the making: destroyed, or the dossier closed meanwhile."""


@dataclass
class Progress:
    """`total`: how many steps there are; told are hundredths, 99 at most until it is ready."""

    copy: Copy
    total: int
    told_at: float = field(default=0.0)
    pages: int = 0  # of a paper copy, once it is laid out

    def __call__(self, done: int, step: str) -> None:
        """Raises `Stopped`."""
        if time.monotonic() - self.told_at < SECONDS:
            return
        self.told_at = time.monotonic()
        rows = Copy.objects.filter(dossier_id=self.copy.dossier_id, pk=self.copy.pk, state=Copy.State.RUNNING)
        percent = min(99, 100 * done // max(1, self.total))
        if not rows.update(progress=percent, step=step[:80], seen_at=timezone.now()):
            raise Stopped
