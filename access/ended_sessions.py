"""Sessions that the issuer has ended: what pages and tokens are compared with, at each request.

A logout that names a session (`sid`) ends that one; one that names only a person (`sub`) ends all that he had
opened until then. A token without `sid` cannot be told from the session that ended: it ends too.
"""

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from access.models import EndedSession

KEPT_DAYS = 30  # far beyond the life of any token

# Part of the question that every request of the interface asks: no query of its own there.
ENDED = """EXISTS (SELECT 1 FROM access_endedsession e
    WHERE (e.sid <> '' AND e.sid = %(sid)s)
       OR (e.sub <> '' AND e.sub = %(sub)s AND (e.sid = '' OR %(sid)s = '') AND e.at >= to_timestamp(%(issued)s)))"""


def asked(sub: str, sid: str, issued: float) -> dict[str, Any]:
    """The parameters of `ENDED`; `issued` is the token's iat, in seconds."""
    return {"sub": sub, "sid": sid, "issued": issued}


def is_ended(sub: str, sid: str, issued: float) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ENDED}", asked(sub, sid, issued))
        return bool(cursor.fetchone()[0])


def end(*, jti: str, sub: str, sid: str, at: dt.datetime) -> None:
    """Note the end of a session. Raises IntegrityError when this logout was already said (`jti`)."""
    with transaction.atomic():
        EndedSession.objects.create(jti=jti, sub=sub, sid=sid, at=at)
        EndedSession.objects.filter(at__lt=timezone.now() - dt.timedelta(days=KEPT_DAYS)).delete()
