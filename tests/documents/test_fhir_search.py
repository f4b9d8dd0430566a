"""ITI-66 and ITI-67: each parameter narrows, GET and POST alike; what is masked leaves no mark anywhere."""

import datetime as dt
import json

import pytest

from audit.models import Trace
from documents.models import Document, SubmissionSet
from fhir import ids
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db

PARIS = dt.timezone(dt.timedelta(hours=1))


@pytest.fixture
def doctor(dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    return doctor


def found(client, dossier, kind="DocumentReference", form=False, **query):
    query = {"patient": dossier.pk.hex, "status": "current"} | query
    answer = client.post(f"/fhir/{kind}/_search", query) if form else client.get(f"/fhir/{kind}", query)
    assert answer.status_code == 200, answer.content
    entries = answer.json().get("entry", [])
    return [entry["fullUrl"].rpartition("/")[2] for entry in entries if entry["search"]["mode"] == "match"]


@pytest.fixture
def rich(dossier):
    """One document with everything said of it, and a plain one."""
    make.DocumentFactory(
        dossier=dossier,
        created=dt.datetime(2020, 1, 1, tzinfo=PARIS),
        type_code="57833-6",
        class_code="42",
        author_family="PETIT",
    )
    old = make.DocumentFactory(dossier=dossier, state="superseded")
    return make.DocumentFactory(
        dossier=dossier,
        unique_id="urn:oid:1.2.3.4",
        replaces=old,
        created=dt.datetime(2026, 3, 15, 10, tzinfo=PARIS),
        last_updated=dt.datetime(2026, 4, 1, tzinfo=PARIS),
        type_code="11488-4",
        class_code="10",
        author_family="Lefèvre",
        author_given="Marie",
        event_codes=["18719-5"],
        facility_type="SA07",
        practice_setting="AMBULATOIRE",
        format_code="urn:ihe:lab:xd-lab:2008",
        confidentiality="R",
        reference_ids=["urn:oid:1.9|ACC-1"],
        service_start=dt.datetime(2026, 3, 14, 9, tzinfo=PARIS),
        service_stop=dt.datetime(2026, 3, 16, 9, tzinfo=PARIS),
        archived=True,
    )


PARAMETERS = [
    ("type", "11488-4"),
    ("type", "http://loinc.org|11488-4"),
    ("category", "10"),
    ("event", "18719-5"),
    ("facility", "SA07"),
    ("setting", "AMBULATOIRE"),
    ("format", "urn:ihe:lab:xd-lab:2008"),
    ("security-label", "R"),
    ("identifier", "urn:ietf:rfc:3986|urn:oid:1.2.3.4"),
    ("identifier", "urn:oid:1.2.3.4"),
    ("related", "urn:oid:1.9|ACC-1"),
    ("author.family", "lef"),
    ("author.given", "Marie"),
    ("date", "2026-03-15"),
    ("date", "ge2026"),
    ("date", "gt2025-12-31"),
    ("creation", "2026-03"),
    ("period", "2026-03-15"),
    ("period", "ge2026-03-16"),
    ("period", "le2026-03-14"),
    ("period-start", "2026-03-14"),
    ("period-end", "lt2026-03-17"),
    ("isArchived", "true"),
]


@pytest.mark.parametrize("form", [False, True], ids=["GET", "POST"])
@pytest.mark.parametrize(("name", "value"), PARAMETERS)
def test_each_parameter_finds_the_one_it_describes(api, dossier, doctor, rich, name, value, form):
    assert found(api(doctor), dossier, form=form, **{name: value}) == [ids.join(dossier.pk, rich.pk)]


MISSES = [
    ("type", "60591-5"),
    ("type", "urn:oid:1.2.3|11488-4"),
    ("date", "lt2020"),
    ("date", "eb2019"),
    ("period", "gt2026-03-17"),
    ("period", "lt2026-03-13"),
    ("related", "urn:oid:1.9|ACC-2"),
    ("security-label", "MASQUE_PS"),
    ("security-label", "V"),
    ("author.family", "_"),
    ("author.family", "%"),
    ("_id", "x"),
    ("relatesto", "DocumentReference/x"),
    ("identifier", "urn:uuid:rien"),
]


@pytest.mark.parametrize(("name", "value"), MISSES)
def test_and_nothing_else(api, dossier, doctor, rich, name, value):
    assert found(api(doctor), dossier, **{name: value}) == []


def test_by_own_id_by_replaced_document_by_change(api, dossier, doctor, rich):
    client, name = api(doctor), ids.join(dossier.pk, rich.pk)
    assert found(client, dossier, _id=name) == [name]
    assert found(client, dossier, identifier=f"urn:uuid:{rich.pk}") == [name]
    replaced = ids.join(dossier.pk, rich.replaces_id)
    assert found(client, dossier, relatesto=f"DocumentReference/{replaced}") == [name]
    assert found(client, dossier, status="superseded") == [replaced]
    assert name in found(client, dossier, _lastUpdated="le2026-04-01")
    assert found(client, dossier, status="entered-in-error") == []


@pytest.mark.parametrize("sort", ["date", "-date", "_lastUpdated", "-_lastUpdated"])
def test_pages_in_every_order_show_each_document_once(api, dossier, doctor, sort):
    same = dt.datetime(2026, 1, 1, tzinfo=PARIS)
    for number in range(7):
        moment = same + dt.timedelta(days=number // 3)  # equal dates: the id decides
        make.DocumentFactory(dossier=dossier, created=moment, last_updated=moment)
    client, seen = api(doctor), []
    address = f"/fhir/DocumentReference?patient={dossier.pk.hex}&status=current&_count=2&_sort={sort}"
    while address:
        answer = client.get(address).json()
        seen += [entry["fullUrl"].rpartition("/")[2] for entry in answer["entry"]]
        address = next((link["url"] for link in answer["link"] if link["relation"] == "next"), "")
    column = "last_updated" if "_last" in sort else "created"
    sign = "-" if sort.startswith("-") else ""
    rows = Document.objects.filter(dossier=dossier).order_by(f"{sign}{column}", f"{sign}id")
    assert seen == [ids.join(dossier.pk, row.pk) for row in rows]


def test_an_unknown_parameter_is_ignored_and_said(api, dossier, doctor, rich):
    query = {"patient": dossier.pk.hex, "status": "current", "couleur": "bleu"}
    answer = api(doctor).get("/fhir/DocumentReference", query).json()
    (outcome,) = [entry for entry in answer["entry"] if entry["search"]["mode"] == "outcome"]
    assert "couleur" in outcome["resource"]["issue"][0]["details"]["text"]
    assert "couleur" not in answer["link"][0]["url"]
    assert len(answer["entry"]) == 3


@pytest.mark.parametrize(
    "query",
    [
        {"status": "current"},
        {"patient": "x"},
        {"patient": "0" * 32, "status": "current", "date": "hier"},
        {"patient": "0" * 32, "status": "current", "_count": "tout"},
        {"patient": "0" * 32, "status": "current", "_sort": "author__ins"},
        {"patient": "0" * 32, "status": "current", "cursor": "rien"},
        {"patient": "0" * 32, "status": "current", "type:not": "x"},
    ],
    ids=str,
)
def test_a_search_that_cannot_be_understood_is_400(api, dossier, doctor, query):
    answer = api(doctor).get("/fhir/DocumentReference", query)
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


def test_the_number_of_the_patient_stands_in_no_link(api, dossier, doctor, rich):
    number = messages.subject(dossier)
    answer = api(doctor).post(
        "/fhir/DocumentReference/_search", {"patient.identifier": number, "status": "current", "_count": "1"}
    )
    assert answer.json()["entry"]
    assert number.rpartition("|")[2] not in json.dumps(answer.json()["link"])


@pytest.mark.parametrize("number", ["", "|", "urn:oid:1.2.250.1.213.1.4.10|", "urn:oid:9|123456789012345", "12"])
def test_a_patient_search_needs_an_ins(api, doctor, number):
    assert api(doctor).get("/fhir/Patient", {"identifier": number}).status_code in (400, 422)


def test_a_patient_is_found_by_form_too(api, dossier, doctor):
    client, number = api(doctor), messages.subject(dossier)
    by_form = client.post("/fhir/Patient/_search", {"identifier": number})
    assert by_form.content == client.get("/fhir/Patient", {"identifier": number}).content
    assert by_form.json()["total"] == 1


# -- what is hidden --------------------------------------------------------------------------------------
def deposit(client, dossier, *labels):
    patient = messages.subject(dossier)
    documents = []
    for own in labels:
        content = messages.pdf("a" * 10)
        documents.append((messages.reference(patient, content, labels=own), content))
    answer = client.post(
        "/fhir", json.dumps(messages.bundle(patient, *documents)), content_type="application/fhir+json"
    )
    assert answer.status_code == 200, answer.content
    return [entry["response"]["location"] for entry in answer.json()["entry"]]


def test_a_lot_names_only_the_documents_that_exist_for_the_reader(api, dossier, doctor):
    author, treating = make.ProfessionalFactory(), make.ProfessionalFactory()
    make.treat(dossier, treating)
    lot, shown, _, masked, _ = deposit(api(author), dossier, (), ("MASQUE_PS",))
    query = {"patient": dossier.pk.hex, "code": "submissionset", "status": "current"}

    def items(client):
        entries = client.get("/fhir/List", query).json()["entry"]
        alone = client.get(f"/fhir/{lot}").json()
        assert [entry["resource"] for entry in entries] == [alone]
        return [item["item"]["reference"] for item in alone["entry"]]

    assert items(api(doctor)) == [shown]
    assert items(api(treating)) == [shown, masked]


def test_a_lot_of_hidden_documents_does_not_exist(api, dossier, doctor):
    author = make.ProfessionalFactory()
    (lot, *_) = deposit(api(author), dossier, ("MASQUE_PS",))
    client = api(doctor)
    query = {"patient": dossier.pk.hex, "code": "submissionset", "status": "current", "_total": "accurate"}
    answer = client.get("/fhir/List", query).json()
    assert (answer["total"], "entry" in answer) == (0, False)
    absent = f"List/{dossier.pk.hex}{'0' * 32}"
    assert client.get(f"/fhir/{lot}").content == client.get(f"/fhir/{absent}").content
    assert api(author).get(f"/fhir/{lot}").status_code == 200  # his own, without any right to read (D3)


def test_a_hidden_document_changes_no_byte_of_any_answer(api, dossier, doctor):
    """Two worlds: with and without it, whoever may not see it gets the same answers."""
    visible = make.DocumentFactory.create_batch(3, dossier=dossier)
    client, name = api(doctor), ids.join(dossier.pk, visible[0].pk)
    base = f"?patient={dossier.pk.hex}&status=current"
    addresses = [
        f"/fhir/DocumentReference{base}&_count=2",
        f"/fhir/DocumentReference{base}&_count=3",
        f"/fhir/DocumentReference{base}&_total=accurate",
        f"/fhir/DocumentReference{base}&security-label=MASQUE_PS",
        f"/fhir/DocumentReference{base}&_sort=_lastUpdated",
        f"/fhir/DocumentReference/{name}",
        f"/fhir/List{base}&code=submissionset&_total=accurate",
        f"/fhir/Patient/{dossier.pk.hex}",
    ]

    def world():
        return [(answer.status_code, answer.content) for answer in map(client.get, addresses)]

    before = world()
    deposit(api(make.ProfessionalFactory()), dossier, ("MASQUE_PS",))
    make.DocumentFactory(dossier=dossier, type_code="ATTEST-RESID")  # closed to doctors by the matrix
    assert world() == before
    assert SubmissionSet.objects.count() == 1


# -- costs -----------------------------------------------------------------------------------------------
# In tests the transaction of the gate is a savepoint: two statements more than in production.
SAVEPOINT = 2


@pytest.mark.parametrize("count", [1, 120])
def test_a_list_costs_the_same_however_long(api, dossier, doctor, count, django_assert_num_queries):
    make.DocumentFactory.create_batch(count, dossier=dossier)
    client, query, number = api(doctor), {"status": "current"}, messages.subject(dossier)
    client.get("/fhir/metadata")
    with django_assert_num_queries(4 + SAVEPOINT):  # account, rights, rows, trace
        client.get("/fhir/DocumentReference", query | {"patient.identifier": number})
    with django_assert_num_queries(5 + SAVEPOINT):  # … and the number of the patient, not given
        client.get("/fhir/DocumentReference", query | {"patient": dossier.pk.hex})


def test_a_list_of_lots_costs_five_statements(api, dossier, doctor, django_assert_num_queries):
    for _ in range(3):
        deposit(api(doctor), dossier, (), ())
    query = {"patient": dossier.pk.hex, "code": "submissionset", "status": "current"}
    client = api(doctor)
    with django_assert_num_queries(5 + SAVEPOINT):  # account, rights, lots, what is inside, trace
        assert len(client.get("/fhir/List", query).json()["entry"]) == 3


def test_every_read_is_traced_with_what_was_asked(api, dossier, doctor, rich):
    client = api(doctor)
    found(client, dossier, type="11488-4")
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.event, trace.allowed, trace.ground) == ("document_listed", True, "authorised")
    assert trace.detail == {"count": 1, "query": {"status": ["current"], "type": ["11488-4"]}}
