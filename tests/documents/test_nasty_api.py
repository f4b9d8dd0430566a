"""Hostile values through the doors: refused with 4xx or kept as inert text; never 5xx, never somebody else's data."""

import json

import pytest

from documents.models import Document
from tests import factories as make
from tests import messages
from tests.conftest import SHARED

pytestmark = [pytest.mark.django_db, pytest.mark.shared]

NASTY = SHARED / "nasty"
FHIR = "application/fhir+json"


def lines(name):
    if not NASTY.exists():
        return []
    text = (NASTY / "lists" / f"{name}.txt").read_text(errors="surrogateescape")
    return [line.replace("\\r", "\r").replace("\\n", "\n") for line in text.split("\n")]


def some(texts, count):
    """So many of them, spread over the whole list: the same ones each time."""
    texts = list(texts)
    return texts[:: max(1, len(texts) // count)]


BODIES = sorted((NASTY / "json").glob("*.json")) if NASTY.exists() else []


@pytest.fixture
def client(api, dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    return api(doctor)


def publish(client, dossier, change=lambda resource: None, **headers):
    resource = messages.simplified(messages.subject(dossier), messages.pdf())
    change(resource)
    body = json.dumps(resource).encode("utf-8", "surrogateescape")
    return client.post("/fhir/DocumentReference", body, content_type=FHIR, headers=headers)


def inert(answer):
    """Refused in due form, or taken."""
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400 and "json" in answer.headers["Content-Type"]:
        body = answer.json()
        assert body.get("resourceType") == "OperationOutcome" or "detail" in body
    return answer.status_code


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("method", "door", "kind"),
    [
        ("post", "/fhir", FHIR),
        ("post", "/fhir/DocumentReference", FHIR),
        ("patch", "/fhir/DocumentReference/" + "0" * 64, "application/json-patch+json"),
        ("post", "/api/v1/dossiers", "application/json"),
        ("put", "/api/v1/dossiers/" + "0" * 32 + "/autorisation", "application/json"),
    ],
)
def test_json(client, path, method, door, kind):
    assert 400 <= inert(getattr(client, method)(door, path.read_bytes(), content_type=kind)) < 500
    assert not Document.objects.exists()


@pytest.mark.parametrize("name", ["blns_first_half", "formula_cells", "filenames"])
def test_texts_are_kept_as_they_are_or_refused(client, dossier, name):
    kept = 0
    for text in some(filter(str.strip, lines(name)), 60):
        answer = publish(client, dossier, lambda resource, text=text: title(resource, text))
        if inert(answer) == 201:
            kept += 1
            read = client.get(f"/fhir/DocumentReference/{answer.json()['id']}").json()
            assert read["content"][0]["attachment"]["title"] == text.strip()[:300]
            raw = client.get(f"/fhir/Binary/{answer.json()['id']}", headers={"Accept": "*/*"})
            assert raw.headers["Content-Disposition"].startswith('attachment; filename="document-')
    assert kept


def title(resource, text):
    resource["content"][0]["attachment"]["title"] = text


PLACES = ["type", "identifier", "event", "_id", "relatesto", "related", "cursor", "date", "author.family"]


def test_texts_as_search_values(client, dossier):
    base = {"patient": dossier.pk.hex, "status": "current"}
    for rank, text in enumerate(lines("blns_first_half")):
        inert(client.get("/fhir/DocumentReference", base | {PLACES[rank % len(PLACES)]: text}))


def test_texts_as_names_of_parameters_reach_no_query(client, dossier):
    make.DocumentFactory(dossier=dossier)
    wanted = {"patient": dossier.pk.hex, "status": "current"}
    plain = client.get("/fhir/DocumentReference", wanted).json()
    for line in filter(None, lines("orm_lookup_params")):
        name, _, value = line.partition("=")
        answer = client.get("/fhir/DocumentReference", wanted | {name: value})
        matches = [entry for entry in answer.json()["entry"] if entry["search"]["mode"] == "match"]
        assert matches == plain["entry"], line


def test_texts_as_ids(client):
    doors = ["/fhir/Patient/{}", "/fhir/DocumentReference/{}", "/fhir/List/{}", "/fhir/Binary/{}"]
    doors.append("/api/v1/dossiers/{}/autorisation")
    for rank, text in enumerate([*lines("blns_first_half"), *lines("filenames")]):
        inert(client.get(doors[rank % len(doors)].format(text)))


def test_numbers_of_patients(client, dossier):
    for text in lines("nir"):
        for system in (messages.OID_TEST, "urn:oid:1.2.250.1.213.1.4.8"):
            number = f"{system}|{text}"
            assert inert(client.get("/fhir/Patient", {"identifier": number})) in (200, 400, 422)
            query = {"patient.identifier": number, "status": "current"}
            assert inert(client.get("/fhir/DocumentReference", query)) in (400, 404, 422)


def test_dates(client, dossier):
    for text in filter(None, lines("dates")):
        base = {"patient": dossier.pk.hex, "status": "current"}
        for name in ("date", "period"):
            for prefix in ("", "ge", "ap"):
                inert(client.get("/fhir/DocumentReference", base | {name: prefix + text}))
        for element in ("creation", "date"):
            inert(publish(client, dossier, lambda resource, e=element, text=text: moment(resource, e, text)))


def moment(resource, element, text):
    if element == "date":
        resource["date"] = text
        del resource["content"][0]["attachment"]["creation"]
    else:
        resource["content"][0]["attachment"]["creation"] = text


def test_identity_headers_open_nothing(client, dossier):
    from django.test import Client

    for line in filter(None, lines("identity_headers")):
        name, _, value = line.partition(": ")
        headers = {name: value}
        assert Client().get("/fhir/Patient/" + dossier.pk.hex, headers=headers).status_code in (400, 401)


def test_headers_of_ours(client, dossier):
    for text in some(lines("blns_first_half"), 50):
        value = text.encode("utf-8", "surrogateescape").decode("latin-1")
        if "\r" in value or "\n" in value:
            continue
        inert(publish(client, dossier, **{"Idempotency-Key": value}))
        inert(client.get("/fhir/Patient/" + dossier.pk.hex, headers={"DMP-Situation": value}))
        inert(client.get("/fhir/Binary/" + "0" * 64, headers={"Range": value, "Accept": value}))


SERVERS_OWN = {
    "id": "x",
    "meta": {"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z"},
    "dossier": "0" * 32,
    "dossier_id": "0" * 32,
    "deposited_by": "holder:1",
    "masked": True,
    "state": "deleted",
    "author_ids": ["8x"],
    "is_staff": True,
    "custodian": {"reference": "Organization/1"},
}


def test_the_server_s_own_fields_are_not_taken_from_a_message(client, dossier):
    answer = publish(client, dossier, lambda resource: resource.update(SERVERS_OWN))
    assert answer.status_code == 201
    row = Document.objects.get()
    assert (row.dossier_id, row.version, row.masked, row.state) == (dossier.pk, 1, False, "current")
    assert row.deposited_by.startswith("professional:8")
    assert "8x" not in row.author_ids
    assert answer.json()["meta"]["versionId"] == "1"
