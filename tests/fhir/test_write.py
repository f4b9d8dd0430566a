"""What is given out: nothing empty, nobody's name cut."""

import dataclasses
import datetime as dt

import pytest

from fhir import rest, wire, write
from fhir.problems import Problem

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
EMPTY = {str: "", int: 1, bytes: b"x", bool: False}
LOT = write.SetView(
    id="1",
    unique_id="urn:oid:1.2",
    patient_id="2",
    date=NOW,
    source_id="",
    designation="",
    title="",
    author_id="899700000017",
    author_family="MARTIN",
    author_given="Zoé",
    documents=[],
)


def bare(**said):
    """A document of which only what is `said` is known."""
    known = {"id": "1", "patient_id": "2", "created": NOW, "last_updated": NOW, **said}
    values = {}
    for field in dataclasses.fields(write.DocumentView):
        empty = None if "None" in str(field.type) else [] if "Sequence" in str(field.type) else EMPTY.get(field.type)
        values[field.name] = known.get(field.name, empty)
    return write.document_reference(write.DocumentView(**values))


def empties(node):
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            if value in ("", None, [], {}):
                yield node
            yield from empties(value)


def test_what_is_not_known_is_not_said():
    resource = bare()
    assert list(empties(resource)) == []
    assert not {"type", "category", "custodian", "description", "relatesTo", "extension"} & set(resource)


def test_what_is_known_is_said():
    resource = bare(author_family="MARTIN", reference_ids=["urn:x|1", "|2"], custodian="1x", title="Bilan")
    assert resource["contained"][1]["name"] == [{"family": "MARTIN"}]
    assert resource["context"]["related"] == [
        {"identifier": {"system": "urn:x", "value": "1"}},
        {"identifier": {"value": "2"}},
    ]
    assert resource["custodian"]["identifier"]["value"] == "1x"
    assert resource["content"][0]["attachment"]["title"] == "Bilan"


def test_a_lot_names_its_author_whole():
    assert write.submission_set(LOT)["contained"][0]["name"] == [{"family": "MARTIN", "given": ["Zoé"]}]


def test_a_lot_keeps_the_place_of_its_entries():
    assert wire.text(write.submission_set(LOT)).count('"entry":[]') == 1


def test_an_unforeseen_error_tells_nothing_of_its_matter(caplog):
    try:
        raise KeyError("284037599000193")
    except KeyError as error:
        answer = rest.handle(error, {"view": None})
    assert (answer.status_code, answer.data["issue"][0]["code"]) == (500, "exception")
    assert "284037599000193" not in caplog.text + str(answer.data)
    assert "KeyError" in caplog.text and "test_write.py" in caplog.text


@pytest.mark.parametrize("seconds", [0.2, 30])
def test_who_asks_too_often_learns_how_long_to_wait(seconds):
    answer = rest.handle(rest.exceptions.Throttled(seconds), {})
    assert (answer.status_code, answer["Retry-After"]) == (429, str(int(answer["Retry-After"])))
    assert int(answer["Retry-After"]) >= seconds


def test_a_refusal_is_an_operation_outcome():
    answer = rest.handle(Problem(422, "invalid", "Non.", expression="x"), {})
    assert answer.data["issue"] == [
        {"severity": "error", "code": "invalid", "details": {"text": "Non."}, "expression": ["x"]}
    ]
