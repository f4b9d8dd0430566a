"""PATCH of a DocumentReference: what is asked is done and nothing else, whatever the shape of what is sent."""

import pytest

from fhir import patch, systems
from fhir.problems import Problem
from tests.fhir import hostile

OPERATIONS = [
    {"op": "replace", "path": "/status", "value": "entered-in-error"},
    {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}},
    {"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "R"}]}},
    {"op": "add", "path": "/extension/-", "value": {"url": systems.ARCHIVED, "valueBoolean": True}},
]
ALIAS = f"/extension[url:'{systems.ARCHIVED}']/valueBoolean"


def labels(*codes):
    return {"coding": [{"code": code} for code in codes]}


def asked(op, path, value=None, current=("N",)):
    return patch.read([{"op": op, "path": path, "value": value}], list(current))


@pytest.mark.parametrize("message", [OPERATIONS, hostile.PARAMETERS], ids=["JSON Patch", "Parameters"])
def test_any_value_anywhere_is_understood_or_refused(message):
    hostile.everywhere(message, lambda body: patch.read(body, ["N", "MASQUE_PS"]))


def test_both_grammars_say_the_same():
    assert patch.read(hostile.PARAMETERS, ["N"]) == asked("replace", "/status", "superseded")


def test_new_labels_keep_the_level_of_confidentiality():
    whole = [{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"code": "MASQUE_PS"}]}]}]
    change = patch.read(whole, ["V"])
    assert (change.only, change.confidentiality) == (frozenset({"MASQUE_PS"}), "")


def test_a_label_replaced_by_itself_stays():
    same = [{"op": "replace", "path": "/securityLabel/1", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
    change = patch.read(same, ["N", "MASQUE_PS"])
    assert (change.add, change.remove) == (frozenset({"MASQUE_PS"}), frozenset())


@pytest.mark.parametrize(
    "path", ["/extensionfoo", "/extension/7/valueString", "/extension", "/extension/-/x", "/securityLabel/²"]
)
def test_what_only_looks_like_a_path_is_not_taken(path):
    with pytest.raises(Problem) as refused:
        patch.read([{"op": "add", "path": path, "value": True}], ["N"])
    assert refused.value.status == 405


def test_several_codes_added_together_are_all_taken():
    change = asked("add", "/securityLabel/-", labels("MASQUE_PS", "R"))
    assert (change.add, change.confidentiality) == (frozenset({"MASQUE_PS"}), "R")


def test_a_level_is_replaced_and_never_removed():
    assert asked("replace", "/securityLabel/0", labels("V")).confidentiality == "V"
    with pytest.raises(Problem) as refused:
        asked("remove", "/securityLabel/0")
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("op", "path", "value", "archived"),
    [
        ("replace", "/extension/0/valueBoolean", False, False),
        ("add", ALIAS, True, True),
        ("remove", ALIAS, None, False),
        ("add", "/extension/-", {"url": systems.ARCHIVED, "valueBoolean": True}, True),
    ],
)
def test_a_document_is_archived_by_these_paths(op, path, value, archived):
    assert asked(op, path, value).archived is archived


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("remove", "/extension", None),
        ("add", "/extension/-", True),
        ("add", "/extension/-", {"url": "urn:x", "valueBoolean": True}),
        ("replace", "/description", "x"),
    ],
)
def test_nothing_else_is_changed(op, path, value):
    with pytest.raises(Problem) as refused:
        asked(op, path, value)
    assert refused.value.status == 405
