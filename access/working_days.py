"""Working days (« jours ouvrés ») in France: Monday to Friday, public holidays left out. Pure dates."""

import datetime as dt

from dateutil.easter import easter

FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))  # L3133-1 of the code du travail
AFTER_EASTER = (1, 39, 50)  # Easter Monday, Ascension, Whit Monday


def is_working(day: dt.date) -> bool:
    moving = {easter(day.year) + dt.timedelta(days=after) for after in AFTER_EASTER}
    return day.weekday() < 5 and (day.month, day.day) not in FIXED and day not in moving


def after(day: dt.date, count: int) -> dt.date:
    """The last of `count` working days, the first of which is the one after `day`."""
    while count:
        day += dt.timedelta(days=1)
        count -= is_working(day)
    return day
