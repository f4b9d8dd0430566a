"""Monthly partitions of the trail, made ahead. A month without one falls into the default partition."""

import datetime as dt

from django.db import connection


def month_after(month: dt.date, count: int = 1) -> dt.date:
    index = month.year * 12 + month.month - 1 + count
    return dt.date(index // 12, index % 12 + 1, 1)


def name_of(month: dt.date) -> str:
    return f"audit_trace_{month:%Y_%m}"


def make_ahead(today: dt.date, months: int = 3) -> list[str]:
    """Make the partitions of this month and of the `months` after it; return the names made.

    Calls a function that belongs to the owner of the tables: the application's role may make a
    partition through it, and nothing else.
    """
    wanted = [month_after(today.replace(day=1), ahead) for ahead in range(months + 1)]
    made = []
    with connection.cursor() as cursor:
        for month in wanted:
            cursor.execute("SELECT audit_make_partition(%s)", [month])
            if cursor.fetchone()[0]:
                made.append(name_of(month))
    return made


def ahead_of(today: dt.date) -> int:
    """For how many months after this one a partition stands ready."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid "
            "WHERE inhparent = 'audit_trace'::regclass"
        )
        names = {name for (name,) in cursor.fetchall()}
    count = 0
    while name_of(month_after(today.replace(day=1), count + 1)) in names:
        count += 1
    return count
