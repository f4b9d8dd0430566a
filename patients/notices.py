"""What the holder is told. Written with the act, in its transaction; sent by a task. No health content."""

import uuid
from typing import Any

from django.db import connection
from django.utils import timezone

from audit.scoped import uuid7
from patients.models import Notice

# One statement: nothing for who has no e-mail, and one unsent notice of a kind is enough.
_TELL = """
INSERT INTO patients_notice (id, dossier_id, kind, email, bucket, created_at, attempts)
SELECT %(id)s::uuid, dossier_id, %(kind)s::text, email, 0, %(now)s::timestamptz, 0 FROM patients_patient
WHERE dossier_id = %(dossier)s AND email <> '' AND NOT EXISTS (
    SELECT 1 FROM patients_notice WHERE dossier_id = %(dossier)s AND kind = %(kind)s
    AND (sent_at IS NULL OR created_at >= %(after)s::timestamptz))"""


def tell(dossier_id: uuid.UUID, kind: Notice.Kind, *, once_a_day: bool = False) -> None:
    """Put a notice in the outbox of this dossier's holder; with `once_a_day`, none if one of today was put there."""
    now = timezone.now()
    after = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) if once_a_day else None
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "id": uuid7(),
            "dossier": dossier_id,
            "kind": kind.value,
            "now": now,
            "after": after,
        }
        cursor.execute(_TELL, values)
