"""/fhir as a professional's software uses it: deposit, search, read, change."""

import base64
import datetime as dt
import json

import pytest
from django.conf import settings
from django.utils import timezone

from audit.models import Trace
from documents.models import Document, SubmissionSet
from patients.models import Notice
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db

FHIR = "application/fhir+json"
SAVEPOINTS = 2  # the gate's transaction is a savepoint inside the test's own: set, released


def post(client, path, body, **headers):
    return client.post(path, body, content_type=FHIR, headers=headers)


def deposit(client, dossier, content=None, **more):
    """Deposit by ITI-105; the id of the document."""
    content = content or messages.pdf()
    answer = post(
        client, "/fhir/DocumentReference", encoded(messages.simplified(messages.subject(dossier), content, **more))
    )
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def encoded(body):
    return json.dumps(body)


def listed(client, dossier, **more):
    query = {"patient.identifier": messages.subject(dossier), "status": "current"} | more
    return client.get("/fhir/DocumentReference", query)


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [
        entry["fullUrl"].rpartition("/")[2]
        for entry in answer.json().get("entry", [])
        if entry["search"]["mode"] == "match"
    ]


def test_metadata_needs_no_sign_in(client):
    answer = client.get("/fhir/metadata")
    assert (answer.status_code, answer.json()["fhirVersion"]) == (200, "4.0.1")


@pytest.mark.parametrize(
    "path", ["/fhir/DocumentReference?patient=x&status=current", "/fhir/Patient?identifier=x", "/fhir/Binary/x"]
)
def test_everything_else_needs_a_token(client, path):
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.json()["issue"][0]["code"] == "login"
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("base", ["/fhir", "/fhir/"])
def test_a_lot_goes_in_whole_and_answers_in_order(api, dossier, doctor, base):
    patient = messages.subject(dossier)
    lot = messages.bundle(
        patient, *[(messages.reference(patient, content), content) for content in (messages.pdf(), messages.pdf())]
    )
    answer = post(api(doctor), base, encoded(lot))
    assert answer.status_code == 200, answer.content
    slots = [entry["response"]["location"].split("/")[0] for entry in answer.json()["entry"]]
    assert slots == ["List", "DocumentReference", "Binary", "DocumentReference", "Binary"]
    assert Document.objects.count() == 2
    assert SubmissionSet.objects.count() == 1
    assert Trace.objects.filter(event="document_deposited", allowed=True).count() == 2
    assert Notice.objects.get().kind == "document_added"


def test_one_bad_document_and_nothing_of_the_lot_is_kept(api, dossier, doctor):
    patient = messages.subject(dossier)
    good, bad = messages.pdf(), b"<html>"
    lot = messages.bundle(patient, (messages.reference(patient, good), good), (messages.reference(patient, bad), bad))
    answer = post(api(doctor), "/fhir", encoded(lot))
    assert answer.status_code == 422
    issue = answer.json()["issue"][0]
    assert issue["expression"] == ["Bundle.entry[3].resource.content[0].attachment"]
    assert not Document.objects.exists()
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []


def test_what_went_in_comes_out_byte_for_byte(api, dossier, doctor):
    content = messages.pdf()
    client = api(doctor)
    name = deposit(client, dossier, content)
    raw = client.get(f"/fhir/Binary/{name}", headers={"Accept": "application/pdf"})
    assert (raw.status_code, b"".join(raw), raw["Content-Type"]) == (200, content, "application/pdf")
    assert raw["X-Content-Type-Options"] == "nosniff"
    assert raw["Content-Disposition"].startswith("attachment")
    resource = client.get(f"/fhir/Binary/{name}", headers={"Accept": FHIR}).json()
    assert base64.b64decode(resource["data"]) == content
    part = client.get(f"/fhir/Binary/{name}", headers={"Range": "bytes=2-9"})
    assert (part.status_code, b"".join(part), part["Content-Range"]) == (
        206,
        content[2:10],
        f"bytes 2-9/{len(content)}",
    )
    beyond = client.get(f"/fhir/Binary/{name}", headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416
    stored = next((settings.MEDIA_ROOT / "contents").rglob("??/*"))
    assert content[:40] not in stored.read_bytes()


def test_feeding_needs_no_authorisation_and_reading_does(api, dossier, doctor):
    """D4; and D3: his own document stays readable to him."""
    client = api(doctor)
    name = deposit(client, dossier)
    refused = listed(client, dossier)
    assert refused.status_code == 403
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "not_authorised"
    assert client.get(f"/fhir/DocumentReference/{name}").status_code == 200


def test_masked_reads_as_absent_to_the_letter(api, dossier, doctor):
    other = make.ProfessionalFactory()
    make.permit(dossier, other)
    name = deposit(api(doctor), dossier, labels=("MASQUE_PS",))
    absent = name[:-1] + ("0" if name[-1] != "0" else "1")
    client = api(other)
    assert ids(listed(client, dossier)) == []
    for kind in ("Binary", "DocumentReference"):
        hidden, missing = client.get(f"/fhir/{kind}/{name}"), client.get(f"/fhir/{kind}/{absent}")
        assert (
            (hidden.status_code, hidden.content) == (404, missing.content) == (missing.status_code, missing.content)
        )
    make.treat(dossier, other)
    assert ids(listed(client, dossier)) == [name]


def test_a_list_costs_four_statements_however_long(api, dossier, doctor, django_assert_num_queries):
    make.permit(dossier, doctor)
    client = api(doctor)
    deposit(client, dossier)
    query = {"patient.identifier": messages.subject(dossier), "status": "current"}
    for count in (1, 300):
        if count > 1:
            make.DocumentFactory.create_batch(count, dossier=dossier)
        with django_assert_num_queries(4 + SAVEPOINTS):  # account, dossier and rights, documents, trace
            answer = client.get("/fhir/DocumentReference", query)
    assert len(ids(answer)) == 50


def test_an_open_costs_four_statements_and_its_key(api, dossier, doctor, django_assert_num_queries):
    client = api(doctor)
    name = deposit(client, dossier)
    with django_assert_num_queries(4 + SAVEPOINTS):  # account, dossier and rights, document, trace
        client.get(f"/fhir/Binary/{name}")


def test_pages_follow_one_another_without_a_count(api, dossier, doctor):
    make.permit(dossier, doctor)
    make.DocumentFactory.create_batch(5, dossier=dossier)
    client, seen = api(doctor), []
    answer = listed(client, dossier, _count=2)
    while True:
        seen += ids(answer)
        following = [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]
        if not following:
            break
        assert messages.subject(dossier).split("|")[1] not in following[0]
        answer = client.get(following[0])
    assert len(seen) == len(set(seen)) == 5
    assert "total" not in answer.json()
    assert listed(client, dossier, _total="accurate").json()["total"] == 5


def test_sending_again_gives_the_first_answer(api, dossier, doctor):
    client, patient = api(doctor), messages.subject(dossier)
    body = encoded(messages.simplified(patient, messages.pdf()))
    first = post(client, "/fhir/DocumentReference", body, **{"Idempotency-Key": "a1"})
    again = post(client, "/fhir/DocumentReference", body, **{"Idempotency-Key": "a1"})
    by_unique_id = post(client, "/fhir/DocumentReference", body)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert by_unique_id.json()["id"] == first.json()["id"]
    other = post(
        client,
        "/fhir/DocumentReference",
        encoded(messages.simplified(patient, messages.pdf())),
        **{"Idempotency-Key": "a1"},
    )
    assert other.status_code == 409
    assert Document.objects.count() == 1


def test_the_same_name_for_another_content_is_refused(api, dossier, doctor):
    client, patient = api(doctor), messages.subject(dossier)
    first = messages.simplified(patient, messages.pdf())
    second = messages.simplified(patient, messages.pdf(), masterIdentifier=first["masterIdentifier"])
    post(client, "/fhir/DocumentReference", encoded(first))
    answer = post(client, "/fhir/DocumentReference", encoded(second))
    assert answer.status_code == 409
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "XDSNonIdenticalHash"


def test_a_taken_identifier_is_said_alike_whatever_hides_the_document_that_has_it(api, dossier, doctor):
    body = messages.simplified(messages.subject(dossier), messages.pdf("un autre"))
    held = make.DocumentFactory(dossier=dossier, unique_id=body["masterIdentifier"]["value"])
    answers = set()
    week = timezone.now() + dt.timedelta(days=7)
    for hidden in ({}, {"masked": True}, {"masked": False, "secret": True}, {"state": "deleted"}):
        Document.objects.filter(dossier=dossier, pk=held.pk).update(**hidden)
        answer = post(api(doctor), "/fhir/DocumentReference", encoded(body))
        answers.add((answer.status_code, answer.content))
    Document.objects.filter(dossier=dossier, pk=held.pk).update(withheld=True, visible_from=week, state="current")
    answer = post(api(doctor), "/fhir/DocumentReference", encoded(body))
    answers.add((answer.status_code, answer.content))
    assert [status for status, _ in answers] == [409]
    assert Trace.objects.about(dossier.pk).filter(event="document_deposited", allowed=False).count() == 5


def test_a_wrong_digest_is_refused(api, dossier, doctor):
    body = messages.simplified(messages.subject(dossier), messages.pdf())
    body["content"][0]["attachment"]["hash"] = base64.b64encode(b"0" * 20).decode()
    answer = post(api(doctor), "/fhir/DocumentReference", encoded(body))
    assert answer.json()["issue"][0]["expression"] == ["DocumentReference.content[0].attachment.hash"]


def test_only_an_author_replaces_and_the_old_one_is_superseded(api, dossier, doctor):
    make.permit(dossier, doctor)
    client, patient = api(doctor), messages.subject(dossier)
    old = deposit(client, dossier)
    link = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}]
    content = messages.pdf()
    lot = messages.bundle(patient, (messages.reference(patient, content, relatesTo=link), content))
    lot["entry"].append(
        {
            "resource": {"resourceType": "Parameters", "parameter": []},
            "request": {"method": "PATCH", "url": f"DocumentReference/{old}"},
        }
    )
    stranger = post(api(make.ProfessionalFactory()), "/fhir", encoded(lot))
    assert stranger.json()["issue"][0]["details"]["coding"][0]["code"] == "XDSReplaceFailed"
    answer = post(client, "/fhir", encoded(lot))
    assert answer.status_code == 200, answer.content
    assert old not in ids(listed(client, dossier))
    assert ids(listed(client, dossier, status="superseded")) == [old]


def patched(client, name, *operations, **headers):
    return client.patch(
        f"/fhir/DocumentReference/{name}",
        encoded(list(operations)),
        content_type="application/json-patch+json",
        headers=headers,
    )


MASK = {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}


def test_an_author_masks_and_unmasks_at_the_holder_s_request(api, dossier, doctor):
    client = api(doctor)
    name = deposit(client, dossier)
    assert patched(client, name, MASK).status_code == 403
    answer = patched(client, name, MASK, **{"DMP-Holder-Request": "true"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["meta"]["versionId"] == "2"
    assert [label["coding"][0]["code"] for label in answer.json()["securityLabel"]] == ["N", "MASQUE_PS"]
    unmask = {"op": "remove", "path": "/securityLabel/1"}
    assert patched(client, name, unmask).status_code == 403
    assert not Trace.objects.latest_first()[0].allowed
    assert patched(client, name, unmask, **{"DMP-Holder-Request": "true"}).status_code == 200
    assert Document.objects.get().masked is False
    assert Document.history.count() == 3


def test_an_author_withdraws_and_nobody_sees_it_any_more(api, dossier, doctor):
    treating = make.ProfessionalFactory()
    make.treat(dossier, treating)
    name = deposit(api(doctor), dossier)
    replace = {"op": "replace", "path": "/status", "value": "entered-in-error"}
    assert patched(api(treating), name, replace).status_code == 403
    assert patched(api(doctor), name, replace).status_code == 200
    assert ids(listed(api(treating), dossier)) == []
    assert api(treating).get(f"/fhir/Binary/{name}").status_code == 404
    assert api(doctor).get(f"/fhir/Binary/{name}").status_code == 410


def test_nothing_else_is_patched(api, dossier, doctor):
    client = api(doctor)
    name = deposit(client, dossier)
    assert patched(client, name, {"op": "replace", "path": "/subject", "value": {}}).status_code == 405


def test_masked_and_withheld_together_is_refused(api, dossier, doctor):
    body = messages.simplified(messages.subject(dossier), messages.pdf(), labels=("MASQUE_PS", "INVISIBLE_PATIENT"))
    assert post(api(doctor), "/fhir/DocumentReference", encoded(body)).status_code == 422


def test_the_four_states_of_an_authorisation(api, dossier, doctor):
    def status():
        answer = api(doctor).get("/fhir/Patient", {"identifier": messages.subject(dossier)})
        resource = answer.json()["entry"][0]["resource"]
        return {one["url"].rpartition(":")[2]: one.get("valueCode") for one in resource["extension"]}["autorisation"]

    assert status() == "NON_EXISTE"
    grant = make.permit(dossier, doctor)
    assert status() == "VALIDE"
    grant.until = grant.since
    grant.save()
    assert status() == "EXPIRE"
    make.forbid(dossier, doctor)
    assert status() == "INTERDIT"


def test_an_unknown_identity_is_said_and_traced(api, doctor):
    client, unknown = api(doctor), "urn:oid:1.2.250.1.213.1.4.10|284037599099912"
    assert client.get("/fhir/Patient", {"identifier": unknown}).json()["total"] == 0
    answer = client.get("/fhir/DocumentReference", {"patient.identifier": unknown, "status": "current"})
    assert answer.status_code == 404
    assert "284037599099912" not in answer.content.decode() + str(list(Trace.objects.values()))


def test_without_the_trail_nothing_is_shown(api, dossier, doctor, monkeypatch):
    from audit import trail

    client = api(doctor)
    name = deposit(client, dossier)
    monkeypatch.setattr(trail, "_INSERT", "INSERT INTO audit_nowhere VALUES (1)")
    monkeypatch.setattr(trail, "_INSERT_ALONE", "INSERT INTO audit_nowhere VALUES (1)")
    for path in (f"/fhir/Binary/{name}", f"/fhir/DocumentReference/{name}"):
        assert client.get(path).status_code == 503
    assert listed(client, dossier).status_code == 503
