"""What is read in a CDA document equals what an independent extraction found (../shared/samples)."""

import base64
import hashlib
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
        "typeDisplay": facts.type_display,
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
    facts, body, _ = cda.read((SAMPLES / name).read_bytes())
    found = plain(facts)
    for key in ("uniqueId", "setId"):
        expected[key] = joined(expected[key])
    expected["replaces"] = [joined(one) for one in expected["replaces"]] if expected["replaces"] else None
    assert found == {key: expected[key] for key in found}
    assert set(expected) - set(found) == ELSEWHERE
    check_body(expected["nonXMLBody"], facts, body)
    check_results(expected, facts)


# Of the document's type (code tables), of the file (size, digest: below), or checked apart.
ELSEWHERE = {"classCode", "classDisplay", "classSource", "patientINSKind", "sha256", "size"} | {
    "nonXMLBody",
    "labExamples",
    "labPriorExamples",
    "labIntervalExample",
}


def check_body(expected, facts, body):
    if expected is None:
        assert body is None
        return
    assert len(body) == expected["decodedSize"]
    assert hashlib.sha1(body, usedforsecurity=False).hexdigest() == expected["sha1"]
    assert body.startswith(expected["magic"].encode())
    assert facts.body_media_type == expected["mediaType"]


def check_results(expected, facts):
    keys = {"code": "code", "value": "value", "unit": "unit", "effectiveTime": "effective_time"}
    more = {
        "codeSystem": "code_system",
        "display": "display",
        "interpretation": "interpretation",
        "low": "low",
        "high": "high",
    }
    for example in expected["labExamples"]:
        assert example in [{key: row[ours] for key, ours in (keys | more).items()} for row in facts.results]
    for example in expected["labPriorExamples"]:
        assert example in [{key: row[ours] for key, ours in keys.items()} for row in facts.priors]
    if interval := expected["labIntervalExample"]:
        signs = {("low", "true"): "≥", ("low", "false"): ">", ("high", "true"): "≤", ("high", "false"): "<"}
        said = [
            f"{signs[side, bound.get('inclusive') or 'true']} {bound['value']}"
            for side in ("low", "high")
            if (bound := interval["value"].get(side)) and bound.get("value")
        ]
        assert (interval["code"], "IVL_PQ", " et ".join(said)) in [
            (row["code"], row["kind"], row["value"]) for row in facts.results
        ]


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
    deaths = sandbox.deaths
    inspection = content.inspect(data, kind)
    expected = EXPECTED[name]
    assert inspection.sha256.hex() == expected["sha256"]
    assert inspection.size == len(data) == expected.get("size", len(data))
    assert inspection.level == expected.get("bodyLevel", "")
    if "sha1b64" in expected:
        assert base64.b64encode(inspection.sha1).decode() == expected["sha1b64"]
        content.verify_claims(inspection, expected["size"], expected["sha1b64"])
    if "pages" in expected:
        assert inspection.pages == expected["pages"]
    if kind == "application/dicom":
        check_dicom(inspection.dicom, expected)
    assert sandbox.deaths == deaths


def check_dicom(found, expected):
    keys = {
        "modality": "Modality",
        "sopClass": "SOPClassUID",
        "sopInstanceUID": "SOPInstanceUID",
        "studyInstanceUID": "StudyInstanceUID",
        "seriesInstanceUID": "SeriesInstanceUID",
        "patientId": "PatientID",
        "studyDate": "StudyDate",
        "accession": "AccessionNumber",
        "rows": "Rows",
        "columns": "Columns",
        "transferSyntax": "TransferSyntaxUID",
    }
    assert {key: found[ours] for key, ours in keys.items()} == {key: str(expected[key] or "") for key in keys}


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
        ("20240104160527+9900", None),
        ("00010101000000+0100", None),
        ("99991231235959-1200", None),
        ("2024-01-04", None),
        ("20240104\n", None),
        ("٢٠٢٤", None),
    ],
)
def test_dates_keep_their_zone_and_exist(value, expected):
    moment = cda.to_datetime(value)
    assert (moment.isoformat() if moment else None) == expected
