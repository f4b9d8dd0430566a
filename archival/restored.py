"""What a restored backup brings back, destroyed again before anything is served (docs/operations.md)."""

import uuid
from collections.abc import Iterable, Iterator

from django.db import connection, transaction
from django.utils import timezone

from archival import destruction, tombstones
from archival.holds_models import LegalHold
from archival.models import Certificate, Tombstone
from patients.models import Dossier


def come_back() -> Iterator[uuid.UUID]:
    """Dossiers of this database that were destroyed once, as the journals or the database itself remember."""
    marks = tombstones.unknown() | {bytes(mark) for mark in Tombstone.objects.values_list("mark", flat=True)}
    if not marks:
        return
    for key in Dossier.objects.values_list("pk", flat=True).iterator(chunk_size=2000):
        if tombstones.mark_of(key) in marks:
            yield key


def destroy_again(dossier_id: uuid.UUID) -> Certificate | None:
    """Whatever its state says, and whatever the clocks: it had been destroyed."""
    now = timezone.now()
    with transaction.atomic():
        row = Dossier.objects.select_for_update(of=("self",)).get(pk=dossier_id)
        if row.is_open:
            with connection.cursor() as cursor:  # a database restored old trusts no clock, and this asks none
                cursor.execute("SET LOCAL dmp.any_clock = 'on'")
            Dossier.objects.filter(pk=dossier_id).update(state=Dossier.State.CLOSED, closed_at=now)
        for hold in LegalHold.objects.filter(dossier_id=dossier_id):  # lifted since that backup, or it had not gone
            hold.delete()
        Dossier.objects.filter(pk=dossier_id).update(state=Dossier.State.DESTROYED)
        Tombstone.objects.update_or_create(mark=tombstones.mark_of(dossier_id), defaults={"came_back": True})
    return destruction.end(dossier_id)


def replay(keys: Iterable[uuid.UUID]) -> Iterator[Certificate | None]:
    """The certificate of each; None for one that the hourly run ends. Killed, the next one goes on.

    Journals and database agree last: until then the health says that the database is older than they are.
    """
    for key in keys:
        yield destroy_again(key)
    tombstones.settle()
