"""What is written to us: understood, or refused with the place. Never another kind of error."""

import copy
import json

import pytest

from fhir import patch, read, wire
from fhir.problems import Problem
from tests import messages
from tests.conftest import SHARED

PATIENT = "urn:oid:1.2.250.1.213.1.4.10|284037599000193"
CONTENT = b"%PDF-1.4"
HOSTILE = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "²",
    "\u202e",
    [],
    {},
    [[]],
    [None],
    ["x"],
    {"coding": 5},
    {"reference": []},
    10**20,
]
PATCH = [
    {"op": "replace", "path": "/status", "value": "entered-in-error"},
    {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}},
    {"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "R"}]}},
    {"op": "add", "path": "/extension/-", "value": {"url": "x", "valueBoolean": True}},
]
PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ],
        }
    ],
}


def lot():
    contained = {
        "resourceType": "Practitioner",
        "id": "a",
        "identifier": [{"system": "s", "value": "v"}],
        "name": [{"family": "X"}],
    }
    more = {"contained": [contained], "author": [{"reference": "#a"}], "custodian": {"identifier": {"value": "1"}}}
    bundle = messages.bundle(PATIENT, (messages.reference(PATIENT, CONTENT, **more), CONTENT))
    bundle["entry"].append(
        {"resource": copy.deepcopy(PARAMETERS), "request": {"method": "PATCH", "url": "DocumentReference/x"}}
    )
    return bundle


def places(node, path=()):
    """Every place of a message."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def replaced(message, path, value):
    if not path:
        return value
    changed = copy.deepcopy(message)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("message", "reader"),
    [
        (lot(), read.transaction),
        (messages.simplified(PATIENT, CONTENT), read.publication),
        (PATCH, lambda body: patch.read(body, ["N", "MASQUE_PS"])),
        (PARAMETERS, lambda body: patch.read(body, ["N"])),
    ],
    ids=["ITI-65", "ITI-105", "JSON Patch", "Parameters"],
)
def test_any_value_anywhere_is_understood_or_refused(message, reader):
    for path in places(message):
        for value in HOSTILE:
            try:
                reader(replaced(message, path, value))
            except Problem as problem:
                assert 400 <= problem.status < 500
                assert problem.text.endswith(".")


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59Z",
        "2026-02-29",
        "١٢٣٤",
        "hier",
    ],
)
def test_a_date_nobody_writes_is_refused(date):
    message = messages.simplified(PATIENT, CONTENT)
    message["content"][0]["attachment"]["creation"] = date
    with pytest.raises(Problem) as refused:
        read.publication(message)
    assert refused.value.expression.endswith("attachment.creation")


def test_a_lot_only_files():
    for number, method in ((0, "DELETE"), (1, "PUT"), (2, "DELETE"), (3, "POST")):
        message = lot()
        message["entry"][number]["request"]["method"] = method
        with pytest.raises(Problem) as refused:
            read.transaction(message)
        assert refused.value.expression == f"Bundle.entry[{number}].request.method"


def test_a_patch_of_a_lot_only_supersedes():
    message = lot()
    message["entry"][3]["resource"]["parameter"][0]["part"][1]["valueString"] = "DocumentReference.subject"
    with pytest.raises(Problem, match="superseded"):
        read.transaction(message)


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


@pytest.mark.shared
def test_the_guide_s_own_examples_are_understood():
    folder = SHARED / "samples" / "fhir"
    bundle = wire.loads((folder / "pdsm4dmp_Bundle-example-td2-iti65-lot-soumission.json").read_bytes())
    found = read.transaction(bundle)
    assert [one.unique_id for one in found.documents] == ["urn:oid:1.2.250.1.213.1.4.8.99999.2"]
    assert found.documents[0].authors[0].identifier == "899700218896"
    assert found.documents[0].type_code == "11488-4"
    name = "pdsm4dmp_DocumentReference-example-td2-iti105-publication-simplifiee.json"
    single = read.publication(wire.loads((folder / name).read_bytes()))
    assert single.documents[0].subject == read.Subject(ins="123456789012345", oid="1.2.250.1.213.1.4.8")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["deep_100000.json", "nul_byte.json", "utf8_bom.json", "dup_keys.json"])
def test_hostile_json_is_refused_or_read_the_same_each_time(name):
    data = (SHARED / "nasty" / "json" / name).read_bytes()
    outcomes = set()
    for _ in range(2):
        try:
            outcomes.add(json.dumps(wire.loads(data)))
        except Problem as problem:
            outcomes.add(str(problem.status))
    assert len(outcomes) == 1
