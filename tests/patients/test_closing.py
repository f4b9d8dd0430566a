"""Ten years from the closing (L1111-18), counted by hand."""

import datetime as dt

import pytest

from patients.dossiers import kept_until


@pytest.mark.parametrize(
    ("closed", "kept"),
    [
        (dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC), dt.date(2036, 3, 5)),
        (dt.datetime(2028, 2, 28, 12, tzinfo=dt.UTC), dt.date(2038, 2, 28)),
        (dt.datetime(2028, 2, 29, 12, tzinfo=dt.UTC), dt.date(2038, 3, 1)),  # no 29 February in 2038
        (dt.datetime(2028, 2, 28, 23, 30, tzinfo=dt.UTC), dt.date(2038, 3, 1)),  # already the 29th in Paris
        (dt.datetime(2028, 3, 1, 12, tzinfo=dt.UTC), dt.date(2038, 3, 1)),
        (dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC), dt.date(2036, 2, 28)),  # 2036 has one: not put off to it
        (dt.datetime(2026, 12, 31, 23, 30, tzinfo=dt.UTC), dt.date(2037, 1, 1)),  # already January in Paris
        (dt.datetime(2026, 7, 31, 22, 30, tzinfo=dt.UTC), dt.date(2036, 8, 1)),  # summer time: two hours ahead
    ],
)
def test_a_closed_dossier_is_kept_ten_civil_years(closed, kept):
    assert kept_until(closed) == kept


def test_an_open_dossier_has_no_end():
    assert kept_until(None) is None
