"""Search parameters: what is not understood is refused or ignored, never passed on."""

import base64
import datetime as dt
import uuid

import pytest

from fhir import capability, search
from fhir.problems import Problem
from tests.conftest import SHARED

BASE = [("patient.identifier", "urn:oid:1.2.250.1.213.1.4.10|284037599000193"), ("status", "current")]


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("2024", "2024-01-01T00:00:00+01:00", "2025-01-01T00:00:00+01:00"),
        ("ge2024-12", "2024-12-01T00:00:00+01:00", "2025-01-01T00:00:00+01:00"),
        ("2024-07-14", "2024-07-14T00:00:00+02:00", "2024-07-15T00:00:00+02:00"),
        ("lt2024-07-14T10:00:00Z", "2024-07-14T10:00:00+00:00", "2024-07-14T10:00:01+00:00"),
    ],
)
def test_a_date_is_the_whole_interval_it_names(text, start, stop):
    found = search.period(text)
    assert (found.start.isoformat(), found.stop.isoformat()) == (start, stop)


@pytest.mark.parametrize("text", ["", "2026-02-29", "demain", "ge", "2024-13", "٢٠٢٤", "0000", "9999"])
def test_a_date_that_does_not_exist_is_refused(text):
    with pytest.raises(Problem) as refused:
        search.period(text)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "pair",
    [
        ("_sort", "title"),
        ("_count", "beaucoup"),
        ("type:missing", "true"),
        ("isArchived:missing", "true"),
        ("patient:exact", "x"),
        ("cursor", "x"),
        ("status", "superseded"),
        ("type", ""),
        ("type", "http://loinc.org|"),
        ("author.family", ""),
        ("patient", "0" * 32),
    ],
)
def test_a_value_or_a_modifier_that_is_not_understood_is_refused(pair):
    with pytest.raises(Problem) as refused:
        search.documents([*BASE, pair])
    assert refused.value.status == 400


def test_an_unknown_parameter_is_ignored_and_said():
    found = search.documents([*BASE, ("dossier__patient__nir__startswith", "2")])
    assert found.ignored == ("dossier__patient__nir__startswith",)
    assert dict(found.understood) == dict(BASE)


def test_the_patient_and_the_status_are_needed():
    for pair in BASE:
        with pytest.raises(Problem):
            search.documents([pair])


def test_a_page_goes_on_where_it_stopped():
    cursor = search.Cursor(dt.datetime(2024, 3, 1, 12, 30, 0, 123456, dt.UTC), uuid.UUID(int=5))
    assert search.Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("raw", ["0001-01-01T00:00:00+14:00", "2024-01-01T00:00:00", "9999-12-31T23:59:59-12:00"])
def test_a_made_up_page_is_refused(raw):
    with pytest.raises(Problem):
        search.Cursor.parse(base64.urlsafe_b64encode(f"{raw}|{'0' * 32}".encode()).decode())


def test_the_same_said_twice_is_said_once():
    assert search.documents([*BASE, *BASE]) == search.documents(BASE)


def test_two_dates_must_both_hold():
    found = search.documents([*BASE, ("date", "ge2024-01"), ("date", "lt2025")])
    assert [period.prefix for _, period in found.dates] == ["ge", "lt"]


def test_a_page_of_none_is_a_page_of_one():
    assert search.documents([*BASE, ("_count", "0")]).count == 1


def test_lots_may_be_searched_without_a_status():
    assert search.lists([BASE[0], ("code", "submissionset")]).codes("code") == ["submissionset"]


def test_what_is_declared_is_understood():
    resources = {one["type"]: one["searchParam"] for one in capability.statement("x")["rest"][0]["resource"][:3]}
    example = {"date": "2024", "reference": "0" * 32, "token": "true", "string": "x"}
    for kind, read in (("DocumentReference", search.documents), ("List", search.lists)):
        names = {one["name"]: example[one["type"]] for one in resources[kind]}
        assert {"_id", "isArchived", "patient.identifier"} <= set(names)
        del names["patient.identifier"]
        assert read(names.items()).ignored == ()


@pytest.mark.shared
def test_hostile_values_are_refused_or_ignored():
    for name in ("orm_lookup_params.txt", "dates.txt", "blns_first_half.txt"):
        for line in (SHARED / "nasty" / "lists" / name).read_text(errors="replace").splitlines():
            for parameter in ("date", "type", "author.family", "period", "_sort", "_id", line[:60] or "x"):
                try:
                    search.documents([*BASE, (parameter, line)])
                except Problem as problem:
                    assert problem.status == 400
