"""The holder's page « Soins remboursés »: a month at a time, as the assurance maladie says them."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access import holder
from access.facts import Act
from audit.trail import Event
from documents import care_shown
from documents.care_lines import CareLine, CareLineQuerySet


@dataclass(frozen=True)
class Month:
    """A month that has lines; amounts in euros."""

    first: dt.date
    lines: int
    amount: float
    reimbursed: float


@holder.page
@require_safe
def care(request: HttpRequest) -> HttpResponse:
    with holder.enter(request, Act.LIST, Event.CARE_READ) as entry:
        scope = entry.decision.scope
        may = scope is not None and scope.masked
        rows = care_shown.lines(scope)
        months = _months(rows)
        month = _chosen(request.GET.get("mois"), months)
        lines = [_line(row) for row in rows.filter(care_date__range=_days(month)).latest_first()] if month else []
        entry.trace(detail={"page": "remboursements", "lines": len(lines)})
    context = {"may": may, "months": months, "month": month, "lines": lines}
    return render(request, "documents/care.html", context)


def _months(rows: CareLineQuerySet) -> list[Month]:
    """The latest first."""
    by_month = rows.annotate(first=TruncMonth("care_date")).values("first").order_by("-first")
    counted = by_month.annotate(lines=Count("pk"), amount=Sum("amount"), reimbursed=Sum("reimbursed"))
    return [Month(one["first"], one["lines"], one["amount"] / 100, one["reimbursed"] / 100) for one in counted]


def _chosen(text: str | None, months: list[Month]) -> Month | None:
    if not text:
        return months[0] if months else None
    found = next((one for one in months if f"{one.first:%Y-%m}" == text), None)
    if found is None:
        raise Http404
    return found


def _days(month: Month) -> tuple[dt.date, dt.date]:
    following = (month.first + dt.timedelta(days=31)).replace(day=1)
    return month.first, following - dt.timedelta(days=1)


def _line(row: CareLine) -> dict[str, object]:
    return {
        "date": row.care_date,
        "kind": row.get_kind_display(),
        "label": row.label or row.act,
        "provider": row.provider,
        "quantity": row.quantity,
        "amount": row.amount / 100,
        "reimbursed": row.reimbursed / 100,
    }
