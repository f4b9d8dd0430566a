"""The last known result of each analysis of a dossier, for the first pages of a copy."""

import datetime as dt
from collections.abc import Iterable

from documents import trends
from documents.models import Result

EVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def rows(results: Iterable[Result]) -> list[trends.Row]:
    """One line an analysis and unit, in the order of their names."""
    last: dict[tuple[str, str], Result] = {}
    for one in results:
        key = (one.code, one.unit)
        if key not in last or (one.at or EVER) > (last[key].at or EVER):
            last[key] = one
    return trends.rows_of(sorted(last.values(), key=lambda one: one.display.casefold()))
