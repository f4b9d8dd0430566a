"""PATCH DocumentReference: what may change, by whom, at whose request; everything else is refused and traced."""

import json

import pytest

from audit.models import Trace
from documents.models import Document
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db

ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
HOLDER = {"DMP-Holder-Request": "true"}


@pytest.fixture
def author(api, dossier):
    return api(make.ProfessionalFactory())


@pytest.fixture
def treating(api, dossier):
    doctor = make.ProfessionalFactory()
    make.treat(dossier, doctor)
    return api(doctor)


@pytest.fixture
def stranger(api, dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    return api(doctor)


def deposit(client, dossier, *labels):
    body = messages.simplified(messages.subject(dossier), messages.pdf(), labels=labels)
    answer = client.post("/fhir/DocumentReference", json.dumps(body), content_type="application/fhir+json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def change(client, name, *operations, **headers):
    kind = "application/json-patch+json"
    path = f"/fhir/DocumentReference/{name}"
    return client.patch(path, json.dumps(operations), content_type=kind, headers=headers)


def label(code):
    return {"coding": [{"code": code}]}


def add(code):
    return {"op": "add", "path": "/securityLabel/-", "value": label(code)}


def whole(*codes):
    return {"op": "replace", "path": "/securityLabel", "value": [label(code) for code in codes]}


def labels(answer):
    assert answer.status_code == 200, answer.content
    return [one["coding"][0]["code"] for one in answer.json()["securityLabel"]]


def test_the_author_masks_and_the_treating_doctor_unmasks_at_the_holder_s_request(
    author, treating, stranger, dossier
):
    name = deposit(author, dossier)["id"]
    for client, headers in ((author, {}), (author, {"DMP-Holder-Request": "false"}), (treating, HOLDER)):
        assert change(client, name, add("MASQUE_PS"), **headers).status_code == 403
    assert labels(change(author, name, add("MASQUE_PS"), **HOLDER)) == ["N", "MASQUE_PS"]
    last = Trace.objects.latest_first()[0]
    assert (last.event, last.detail["asked_by"]) == ("document_masked", "holder")
    assert stranger.get(f"/fhir/Binary/{name}").status_code == 404
    assert change(treating, name, whole("N")).status_code == 403
    assert labels(change(treating, name, whole("N"), **HOLDER)) == ["N"]
    last = Trace.objects.latest_first()[0]
    assert (last.event, last.detail["asked_by"]) == ("document_unmasked", "holder")
    assert stranger.get(f"/fhir/Binary/{name}").status_code == 200


def test_a_stranger_changes_nothing_and_that_is_traced(author, stranger, dossier):
    name = deposit(author, dossier)["id"]
    for operation in (add("MASQUE_PS"), {"op": "replace", "path": "/status", "value": "entered-in-error"}):
        answer = change(stranger, name, operation)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "forbidden")
        last = Trace.objects.latest_first()[0]
        assert (last.allowed, last.ground, last.object_id) == (False, "not_author", Document.objects.get().pk)
    assert Document.objects.get().version == 1


def test_a_hidden_document_cannot_be_changed_nor_guessed(author, stranger, dossier):
    name = deposit(author, dossier, "MASQUE_PS")["id"]
    absent = name[:32] + "0" * 32
    assert change(stranger, name, add("MASQUE_PS")).content == change(stranger, absent, add("MASQUE_PS")).content


def test_the_announcement_is_recorded_by_author_or_treating_doctor(author, treating, stranger, dossier):
    name = deposit(author, dossier, "INVISIBLE_PATIENT")["id"]
    assert Document.objects.get().visible_from is not None
    assert change(stranger, name, whole("N")).status_code == 403
    assert labels(change(treating, name, whole("N"))) == ["N"]
    assert Document.objects.get().visible_to_holder
    assert Trace.objects.latest_first()[0].event == "document_announced"


@pytest.mark.parametrize("code", ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"])
def test_what_was_shown_is_not_hidden_again(author, dossier, code):
    name = deposit(author, dossier)["id"]
    assert change(author, name, add(code)).status_code == 403


def test_a_withheld_document_is_not_also_masked(author, dossier):
    name = deposit(author, dossier, "INVISIBLE_PATIENT")["id"]
    assert change(author, name, add("MASQUE_PS"), **HOLDER).status_code == 422


def test_a_secret_is_lifted_at_the_minor_s_request_for_good(author, dossier):
    name = deposit(author, dossier, "INVISIBLE_REPRESENTANTS_LEGAUX")["id"]
    assert change(author, name, whole("N")).status_code == 403
    assert labels(change(author, name, whole("N"), **HOLDER)) == ["N"]
    last = Trace.objects.latest_first()[0]
    assert (last.event, last.detail["asked_by"]) == ("document_unmasked", "holder")
    assert change(author, name, whole("N", "INVISIBLE_REPRESENTANTS_LEGAUX")).status_code == 403


def test_the_confidentiality_code_is_the_author_s(author, treating, dossier):
    name = deposit(author, dossier)["id"]
    operation = {"op": "replace", "path": "/securityLabel/0", "value": label("R")}
    assert change(treating, name, operation).status_code == 403
    assert labels(change(author, name, operation)) == ["R"]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/extension/-", "value": {"url": ARCHIVED, "valueBoolean": True}},
        {"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": True},
        {"op": "replace", "path": "/extension/0/valueBoolean", "value": True},
    ],
    ids=["add", "the guide's path", "RFC 6902"],
)
def test_archiving_takes_the_guide_s_path_and_the_legal_ones(author, dossier, operation):
    name = deposit(author, dossier)["id"]
    answer = change(author, name, operation)
    assert (answer.status_code, answer.json()["extension"][0]["valueBoolean"]) == (200, True)
    assert Document.objects.get().archived


def test_parameters_are_understood_too(author, dossier):
    name = deposit(author, dossier)["id"]
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    path = f"/fhir/DocumentReference/{name}"
    answer = author.patch(path, json.dumps(body), content_type="application/fhir+json")
    assert (answer.status_code, Document.objects.get().state) == (200, "deleted")


@pytest.mark.parametrize("path", ["/subject", "/author/0", "/content", "/type", "/id", "/meta", "/identifier", ""])
def test_nothing_else_changes(author, dossier, path):
    name = deposit(author, dossier)["id"]
    assert change(author, name, {"op": "replace", "path": path, "value": "x"}).status_code == 405
    assert Document.objects.get().version == 1


@pytest.mark.parametrize("body", ["[]", "{}", "[1]", '[{"op":"test","path":"/status"}]', "rien", "null", "[[]]"])
def test_a_malformed_patch_is_400(author, dossier, body):
    name = deposit(author, dossier)["id"]
    path = f"/fhir/DocumentReference/{name}"
    assert author.patch(path, body, content_type="application/json-patch+json").status_code == 400


def test_each_change_is_a_version_with_history_and_etag(author, dossier):
    made = deposit(author, dossier)
    answer = change(author, made["id"], add("MASQUE_PS"), **HOLDER, **{"If-Match": 'W/"1"'})
    assert (answer.headers["ETag"], answer.json()["meta"]["versionId"]) == ('W/"2"', "2")
    assert change(author, made["id"], whole("N"), **HOLDER, **{"If-Match": 'W/"1"'}).status_code == 412
    assert list(Document.history.order_by("version").values_list("masked", flat=True)) == [False, True]
    assert set(Document.history.values_list("history_user_id", flat=True)) == {Document.objects.get().deposited_by}


def test_a_change_that_changes_nothing_makes_no_version(author, dossier):
    name = deposit(author, dossier)["id"]
    answer = change(author, name, whole("N"))
    assert (answer.status_code, answer.json()["meta"]["versionId"]) == (200, "1")


def test_by_its_unique_identifier(author, stranger, dossier):
    made = deposit(author, dossier)
    condition = f"?identifier=urn:ietf:rfc:3986|{made['masterIdentifier']['value']}"

    def conditional(client):
        path, body = f"/fhir/DocumentReference{condition}", json.dumps([add("MASQUE_PS")])
        return client.patch(path, body, content_type="application/json-patch+json", headers=HOLDER)

    assert labels(conditional(author)) == ["N", "MASQUE_PS"]
    assert conditional(stranger).status_code == 404  # masked: it does not exist for him


def test_several_of_the_same_name_are_412(api, author, dossier):
    made, doctor = deposit(author, dossier), make.ProfessionalFactory()
    other = make.DossierFactory()
    for each in (dossier, other):
        make.permit(each, doctor)
    unique_id = made["masterIdentifier"]["value"]
    make.DocumentFactory(dossier=other, unique_id=unique_id)
    path = f"/fhir/DocumentReference?identifier=urn:ietf:rfc:3986|{unique_id}"
    body = json.dumps([add("MASQUE_PS")])
    assert api(doctor).patch(path, body, content_type="application/json-patch+json").status_code == 412


def test_a_withdrawn_document_is_gone_for_its_author_and_absent_for_others(api, author, stranger, dossier):
    name = deposit(author, dossier)["id"]
    withdrawn = {"op": "replace", "path": "/status", "value": "entered-in-error"}
    assert change(author, name, withdrawn).json()["status"] == "entered-in-error"
    for kind in ("Binary", "DocumentReference"):
        assert author.get(f"/fhir/{kind}/{name}").status_code == 410
        assert (
            stranger.get(f"/fhir/{kind}/{name}").content
            == stranger.get(f"/fhir/{kind}/{name[:32]}{'0' * 32}").content
        )
    assert change(author, name, withdrawn).status_code == 410
    assert Document.history.count() == 2
