"""Which reimbursements exist for whom (M5, D11): a line tells of the act, whatever becomes of its document."""

import datetime as dt

from django.db.models import Q
from django.utils import timezone

from access.policy import Scope
from documents.care_lines import CareLine, CareLineQuerySet
from documents.models import Document


def lines(scope: Scope | None) -> CareLineQuerySet:
    """For whoever may read all documents, masked ones included. From whom a minor's secrets are hidden, the lines of
    those days are too: which of them is of the secret act, nobody can tell.
    """
    if scope is None or not scope.masked:
        return CareLine.objects.none()
    rows = CareLine.objects.filter(dossier_id=scope.dossier_id).shown()
    if scope.secret:
        return rows
    untold = Q(pk__in=[])
    for first, last in _secret_days(scope):
        untold |= Q(care_date__range=(first, last))
    return rows.exclude(untold)


def _secret_days(scope: Scope) -> list[tuple[dt.date, dt.date]]:
    """From the first to the last day of each secret act; the day of the document when it says none. Withdrawn ones
    too: the act took place.
    """
    rows = Document.objects.filter(dossier_id=scope.dossier_id, secret=True)
    days = []
    for started, stopped, created in rows.values_list("service_start", "service_stop", "created"):
        first = timezone.localdate(started or stopped or created)
        days.append((first, max(first, timezone.localdate(stopped or started or created))))
    return days
