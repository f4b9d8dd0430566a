"""By when a request is answered: the law's delays, counted in civil days and months of Paris. Pure dates.

A delay runs from the day the request arrived, complete or not: it does not stop while a paper is awaited, so that
what is late is never hidden. It ends on the day of the month that bears the same number, or on the last day of a
shorter month (regulation 1182/71, article 3). Falling on a Sunday it is not put off: earlier is always lawful.
"""

import calendar
import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

OLD_YEARS = 5  # article L1111-7: information older than that may take two months


@dataclass(frozen=True)
class Delay:
    """`reflection`: nothing is carried out before it. `extension`: months, told to the person in the first month."""

    months: int = 0
    days: int = 0
    reflection: dt.timedelta = dt.timedelta()
    extension: int = 0
    law: str = ""


_A_MONTH = "article 12 du règlement général sur la protection des données"
_RIGHT = Delay(months=1, extension=2, law=_A_MONTH)
_COPY_LAW = "articles L1111-7 et R1111-1 du code de la santé publique"
_COPY = Delay(days=8, reflection=dt.timedelta(hours=48), law=_COPY_LAW)
_OLD_COPY = Delay(months=2, reflection=dt.timedelta(hours=48), law=_COPY_LAW)
_HEIRS_LAW = "articles L1110-4, L1111-7 et L1111-18 du code de la santé publique"
DELAYS = {
    "rectification": _RIGHT,
    "document": _RIGHT,
    "contest": _RIGHT,
    # A closing is at any time (R1111-36) and the text gives no delay: the month of article 12, and not a day more.
    "closure": Delay(months=1, law=f"article R1111-36 du code de la santé publique et {_A_MONTH}"),
    "reopening": Delay(months=1, law=f"article R1111-36 du code de la santé publique et {_A_MONTH}"),
    # R1111-36: three months at most; D13: a cool-off of thirty days.
    "destruction": Delay(
        months=3, reflection=dt.timedelta(days=30), law="article R1111-36 du code de la santé publique"
    ),
    "copy": _COPY,
    "heirs": Delay(days=8, reflection=dt.timedelta(hours=48), law=_HEIRS_LAW),
}
_OLD = {"copy": _OLD_COPY, "heirs": Delay(months=2, reflection=dt.timedelta(hours=48), law=_HEIRS_LAW)}


def of(kind: str, *, about_old: bool = False) -> Delay:
    """`about_old`: it is about information of more than five years (L1111-7), which only changes a copy."""
    return _OLD.get(kind, DELAYS[kind]) if about_old else DELAYS[kind]


def due_on(delay: Delay, asked_at: dt.datetime) -> dt.date:
    """The last day on which the answer is in time."""
    return months_after(timezone.localdate(asked_at), delay.months) + dt.timedelta(days=delay.days)


def not_before(delay: Delay, asked_at: dt.datetime) -> dt.datetime:
    return asked_at + delay.reflection


def extended(delay: Delay, asked_at: dt.datetime) -> dt.date:
    """The last day once extended (article 12.3 of the RGPD: two more months)."""
    return months_after(timezone.localdate(asked_at), delay.months + delay.extension)


def months_after(day: dt.date, months: int) -> dt.date:
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
