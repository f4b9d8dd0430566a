"""What is read in a CDA document equals what an independent extraction found (../shared/samples)."""

import json

import pytest

from documents import cda, content
from documents.sandbox import sandbox
from tests.conftest import SHARED

SAMPLES = SHARED / "samples"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())["files"] if SAMPLES.exists() else {}
CDA = sorted(name for name in EXPECTED if name.startswith("cda/"))


def joined(identifier):
    if identifier is None:
        return None
    return "^".join(filter(None, [identifier["root"], identifier["extension"]]))


def plain(facts):
    """The facts under the keys of expected.json."""
    numeric = [r for r in facts.results if r["kind"] == "PQ" and r["value"] is not None and r["value"] != "NI"]
    patient = facts.patient
    return {
        "title": facts.title,
        "typeCode": facts.type_code,
        "typeCodeSystem": facts.type_system,
        "uniqueId": facts.unique_id,
        "setId": facts.set_id,
        "versionNumber": facts.version_number,
        "replaces": list(facts.replaces) or None,
        "patientINS": patient["ins"],
        "patientINSOid": patient["ins_oid"],
        "insKeyValid": patient["ins_key_valid"],
        "patientOtherIds": patient["other_ids"],
        "birthDate": patient["birth_date"],
        "gender": patient["gender"],
        "familyBirth": patient["birth_family"],
        "familyUsed": patient["used_family"],
        "givenFirst": patient["given_first"],
        "birthplaceINSEE": patient["birthplace"],
        "authorIdentifier": facts.authors[0]["identifier"],
        "authors": [
            {k: a[k] for k in ("identifier", "root", "family", "given", "specialty", "device")}
            | {"organization": a["organizations"]}
            for a in facts.authors
        ],
        "legalAuthenticator": list(facts.legal_authenticators),
        "custodian": facts.custodian,
        "effectiveTime": facts.effective_time,
        "confidentiality": facts.confidentiality,
        "languageCode": facts.language,
        "serviceStart": facts.service_start,
        "serviceStop": facts.service_stop,
        "eventCodes": list(facts.event_codes),
        "practiceSetting": facts.practice_setting,
        "facilityType": facts.facility_type,
        "bodyLevel": facts.body_level,
        "wrappedInStylesheet": facts.wrapped,
        "embeddedMedia": list(facts.embedded_media) or None,
        "sections": list(facts.sections),
        "labResultCount": len(facts.results),
        "labPriorCount": len(facts.priors),
        "labNumericCount": len(numeric),
    }


@pytest.mark.shared
@pytest.mark.parametrize("name", CDA)
def test_every_fact_is_the_expected_one(name):
    expected = dict(EXPECTED[name])
    facts, body = cda.read((SAMPLES / name).read_bytes())
    found = plain(facts)
    for key in ("uniqueId", "setId"):
        expected[key] = joined(expected[key])
    expected["replaces"] = [joined(one) for one in expected["replaces"]] if expected["replaces"] else None
    assert {key: found[key] for key in found if key in expected} == {
        key: expected[key] for key in found if key in expected
    }
    if expected["nonXMLBody"]:
        assert body is not None
        assert len(body) == expected["nonXMLBody"]["decodedSize"]
        assert facts.body_media_type == expected["nonXMLBody"]["mediaType"]
    for example in expected["labExamples"]:
        wanted = (
            example["code"],
            example["value"],
            example["unit"],
            example["effectiveTime"],
            example["low"],
            example["high"],
        )
        points = [(r["code"], r["value"], r["unit"], r["effective_time"], r["low"], r["high"]) for r in facts.results]
        assert wanted in points
    for example in expected["labPriorExamples"]:
        wanted = (example["code"], example["value"], example["unit"], example["effectiveTime"])
        assert wanted in [(r["code"], r["value"], r["unit"], r["effective_time"]) for r in facts.priors]


@pytest.mark.shared
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_official_sample_is_examined_in_the_sandbox(name):
    """What is refused says what it is: an image declared JPEG that is a PNG."""
    kinds = {
        "xml": "text/xml",
        "pdf": "application/pdf",
        "dcm": "application/dicom",
        "jpg": "image/jpeg",
        "png": "image/png",
    }
    kind = kinds.get(name.rpartition(".")[2])
    if kind is None:
        return
    data = (SAMPLES / name).read_bytes()
    if "declared_jpeg_is_png" in name:
        with pytest.raises(content.Inadmissible, match="annoncé comme une image JPEG, mais c'est une image PNG"):
            content.inspect(data, kind)
        return
    inspection = content.inspect(data, kind)
    assert inspection.sha256.hex() == EXPECTED[name]["sha256"]
    assert sandbox.deaths == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240104160527+0100", "2024-01-04T16:05:27+01:00"),
        ("202009120815+0100", "2020-09-12T08:15:00+01:00"),
        ("20240104160527+010", "2024-01-04T16:05:27+01:00"),
        ("20240701", "2024-07-01T00:00:00+02:00"),
        ("2024", "2024-01-01T00:00:00+01:00"),
        ("20240104160527.123+0100", "2024-01-04T16:05:27+01:00"),
        ("20260229", None),
        ("", None),
        ("hier", None),
        ("20241345", None),
    ],
)
def test_dates_keep_their_zone_and_exist(value, expected):
    moment = cda.to_datetime(value)
    assert (moment.isoformat() if moment else None) == expected
