"""Until when: the words of a duration, and the midnight (Europe/Paris) that ends its last day."""

import datetime as dt

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.utils import timezone

VISIT, MONTH, QUARTER, YEAR = "visite", "1mois", "3mois", "1an"
SHORT = [
    (VISIT, "Le temps d'une visite : jusqu'à ce soir"),
    (MONTH, "Un mois"),
    (QUARTER, "Trois mois"),
    (YEAR, "Un an"),
]


def end_of(duration: str) -> dt.datetime:
    today = timezone.localdate()
    days = {
        VISIT: today,
        MONTH: today + relativedelta(months=1),
        QUARTER: today + relativedelta(months=3),
        YEAR: today + dt.timedelta(days=settings.AUTHORISATION_DAYS),
    }
    return midnight_after(days[duration])


def midnight_after(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min))
