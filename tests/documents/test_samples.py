"""Real documents written by others (../shared/samples) go in through POST /fhir and come out byte for byte."""

import datetime as dt
import json

import pytest

from documents import cda
from documents.models import Document, Result
from patients.ins import Ins
from patients.models import IdentityIndex, Patient
from tests import factories as make
from tests import messages
from tests.conftest import SHARED

pytestmark = [pytest.mark.django_db, pytest.mark.shared]

SAMPLES = SHARED / "samples"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())["files"] if SAMPLES.exists() else {}
CDA = sorted(name for name in EXPECTED if name.startswith("cda/"))
OTHERS = sorted(name for name in EXPECTED if name.startswith(("pdf/", "img/", "dicom/")))
# Refused, each with its reason.
REFUSED = {
    "cda/cda30_CNAM-HR_2021.01.xml": "réservé à un autre déposant",  # REMB: the insurer's feed alone
    "img/ordonnance_image_declared_jpeg_is_png.jpg": "c'est une image PNG",
}
TYPES = {"dcm": ("application/dicom", "18748-4"), "pdf": ("application/pdf", "11488-4")}
TYPES |= {"png": ("image/png", "11502-2"), "jpg": ("image/jpeg", "18748-4")}


def dossier_of(matricule, oid):
    dossier = make.DossierFactory()
    ins = Ins(matricule, oid)
    IdentityIndex.objects.filter(dossier_id=dossier.pk).delete()
    IdentityIndex.objects.create(lookup=ins.lookup, dossier_id=dossier.pk)
    Patient.objects.filter(dossier=dossier).update(sealed_matricule=ins.sealed(), oid=oid)
    return dossier


def send(client, patient, content, **more):
    lot = messages.bundle(patient, (messages.reference(patient, content, **more), content))
    del lot["entry"][1]["resource"]["masterIdentifier"]
    return client.post("/fhir", json.dumps(lot), content_type="application/fhir+json")


def moment(value):
    return cda.to_datetime(value) if value else None


@pytest.mark.parametrize("name", CDA)
def test_cda(api, code_tables, name):
    expected, content = EXPECTED[name], (SAMPLES / name).read_bytes()
    dossier = dossier_of(expected["patientINS"], expected["patientINSOid"])
    doctor = make.ProfessionalFactory()
    client = api(doctor)
    patient = f"urn:oid:{expected['patientINSOid']}|{expected['patientINS']}"
    system = (
        "http://loinc.org" if expected["typeCodeSystem"].endswith(".6.1") else f"urn:oid:{expected['typeCodeSystem']}"
    )
    answer = send(client, patient, content, kind="text/xml", type_code=expected["typeCode"], system=system)
    if name in REFUSED:
        assert answer.status_code == 422
        assert REFUSED[name] in answer.json()["issue"][0]["details"]["text"]
        return
    assert answer.status_code == 200, answer.content
    document = Document.objects.get()
    found = {
        "typeCode": document.type_code,
        "classCode": document.class_code,
        "effectiveTime": document.created,
        "confidentiality": document.confidentiality,
        "languageCode": document.language,
        "serviceStart": document.service_start,
        "serviceStop": document.service_stop,
        "eventCodes": document.event_codes,
        "practiceSetting": document.practice_setting,
        "facilityType": document.facility_type,
        "bodyLevel": document.level,
        "size": document.size,
        "sha256": bytes(document.sha256).hex(),
    }
    wanted = {key: expected[key] for key in found}
    for key in ("effectiveTime", "serviceStart", "serviceStop"):
        wanted[key] = moment(wanted[key])
    if wanted["serviceStart"] is None:
        wanted["serviceStart"] = dt.datetime.fromisoformat("2026-06-12T09:00:00+02:00")  # the message's
    assert found == wanted
    assert expected["authorIdentifier"] in document.author_ids
    assert doctor.idnat in document.author_ids
    assert Result.objects.filter(prior=False).count() <= expected["labResultCount"]
    quantities = Result.objects.filter(prior=False, number__isnull=False).exclude(unit="")
    assert quantities.count() == expected["labNumericCount"]
    location = answer.json()["entry"][2]["response"]["location"]
    assert b"".join(client.get(f"/fhir/{location}", headers={"Accept": "text/xml"})) == content
    assert dossier.pk == document.dossier_id


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats(api, code_tables, name):
    dossier = make.DossierFactory()
    client, content = api(make.ProfessionalFactory()), (SAMPLES / name).read_bytes()
    kind, type_code = TYPES[name.rpartition(".")[2]]
    answer = send(client, messages.subject(dossier), content, kind=kind, type_code=type_code)
    if name in REFUSED:
        assert answer.status_code == 422
        assert REFUSED[name] in answer.json()["issue"][0]["details"]["text"]
        return
    assert answer.status_code == 200, answer.content
    location = answer.json()["entry"][2]["response"]["location"]
    served = client.get(f"/fhir/{location}")
    assert (served["Content-Type"], b"".join(served)) == (kind, content)


def test_a_document_of_another_person_is_never_filed(api, code_tables):
    name = next(name for name in CDA if EXPECTED[name]["patientINSOid"].endswith(".10"))
    dossier = make.DossierFactory()
    content = (SAMPLES / name).read_bytes()
    answer = send(
        api(make.ProfessionalFactory()),
        messages.subject(dossier),
        content,
        kind="text/xml",
        type_code=EXPECTED[name]["typeCode"],
    )
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "XDSPatientIdDoesNotMatch"
    assert not Document.objects.exists()


GUIDE = [
    ("/fhir", "pdsm4dmp_Bundle-example-td2-iti65-lot-soumission.json", "Bundle.entry[1].resource"),
    (
        "/fhir/DocumentReference",
        "pdsm4dmp_DocumentReference-example-td2-iti105-publication-simplifiee.json",
        "DocumentReference",
    ),
]


@pytest.mark.parametrize(("path", "name", "place"), GUIDE)
def test_the_guide_s_own_messages_are_understood(api, code_tables, path, name, place):
    """PDSM4DMP's examples: first their patient has no dossier here, then their document has nothing in it."""
    client, body = api(make.ProfessionalFactory()), (SAMPLES / "fhir" / name).read_text()
    unknown = client.post(path, body, content_type="application/fhir+json")
    assert unknown.status_code == 404
    assert unknown.json()["issue"][0]["details"]["coding"][0]["code"] == "XDSUnknownPatientId"
    dossier_of("123456789012345", "1.2.250.1.213.1.4.8")
    empty = client.post(path, body, content_type="application/fhir+json")
    issue = empty.json()["issue"][0]
    assert (empty.status_code, issue["expression"]) == (422, [f"{place}.content[0].attachment"])
