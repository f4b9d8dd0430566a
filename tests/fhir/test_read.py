"""What is written to us: understood, or refused with the place. Never another kind of error."""

import copy
import json

import pytest

from fhir import read, wire
from fhir.problems import Problem
from tests import messages
from tests.conftest import SHARED
from tests.fhir import hostile

PATIENT = "urn:oid:1.2.250.1.213.1.4.10|284037599000193"
CONTENT = b"%PDF-1.4"


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
        {"resource": copy.deepcopy(hostile.PARAMETERS), "request": {"method": "PATCH", "url": "DocumentReference/x"}}
    )
    return bundle


@pytest.mark.parametrize(
    ("message", "reader"),
    [
        (lot(), read.transaction),
        (messages.simplified(PATIENT, CONTENT), read.publication),
    ],
    ids=["ITI-65", "ITI-105"],
)
def test_any_value_anywhere_is_understood_or_refused(message, reader):
    hostile.everywhere(message, reader)


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59Z",
        "1799-12-31",
        "2201-01-01",
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
    for number, method in ((0, "DELETE"), (0, "PUT"), (1, "PUT"), (2, "DELETE"), (3, "POST")):
        message = lot()
        message["entry"][number]["request"]["method"] = method
        with pytest.raises(Problem) as refused:
            read.transaction(message)
        assert refused.value.status == 422
        assert refused.value.expression == f"Bundle.entry[{number}].request.method"


def test_a_patch_of_a_lot_only_supersedes():
    message = lot()
    message["entry"][3]["resource"]["parameter"][0]["part"][1]["valueString"] = "DocumentReference.subject"
    with pytest.raises(Problem, match="superseded"):
        read.transaction(message)


@pytest.mark.parametrize("value", ["urn:uuid:<script>", "urn:uuid:", "urn:oid:1.02", "urn:oid:٣.1", "x"])
def test_a_unique_id_is_an_oid_or_a_uuid(value):
    message = messages.simplified(PATIENT, CONTENT)
    message["masterIdentifier"] = {"system": "urn:ietf:rfc:3986", "value": value}
    with pytest.raises(Problem) as refused:
        read.publication(message)
    assert (refused.value.status, refused.value.expression) == (422, "DocumentReference.masterIdentifier.value")


def test_the_guide_s_loose_uuids_are_taken():
    message = messages.simplified(PATIENT, CONTENT)
    message["masterIdentifier"] = {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:abcd-efgh-ijkl-mnop"}
    assert read.publication(message).unique_id == "urn:uuid:abcd-efgh-ijkl-mnop"


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
