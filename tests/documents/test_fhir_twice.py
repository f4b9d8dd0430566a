"""Sent again, at once or later: one document, the same answer. Refused: nothing is left, and it is traced."""

import json
import threading

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from audit.models import Trace
from documents import contents, deposits, rows
from documents.models import Document, SubmissionSet
from patients.models import IdempotentReply, Notice
from tests import factories as make
from tests import messages

FHIR = "application/fhir+json"


def post(client, path, body, **headers):
    return client.post(path, json.dumps(body), content_type=FHIR, headers=headers)


def publication(dossier, **more):
    return messages.simplified(messages.subject(dossier), messages.pdf(), **more)


def files():
    return [name for name, _ in contents.store().names()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "même envoi"}], ids=["uniqueId", "key"])
def test_two_at_once_one_wins_and_the_other_gets_its_answer(api, dossier, doctor, headers):
    patient, content = messages.subject(dossier), messages.pdf()
    body = messages.bundle(patient, (messages.reference(patient, content), content))
    clients, answers, together = [api(doctor) for _ in range(4)], [], threading.Barrier(4)

    def send(client):
        together.wait()
        answer = post(client, "/fhir", body, **headers)
        answers.append((answer.status_code, answer.content))
        connections.close_all()

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    assert len({content for _, content in answers}) == 1
    assert [document.pk for document in Document.objects.all()] == files()
    assert SubmissionSet.objects.count() == 1
    assert Trace.objects.filter(event="document_deposited", allowed=True).count() == 4


@pytest.mark.django_db
def test_a_lot_sent_again_answers_the_same_entries(api, dossier, doctor):
    patient, contents_ = messages.subject(dossier), [messages.pdf(), messages.pdf()]
    body = messages.bundle(patient, *[(messages.reference(patient, one), one) for one in contents_])
    client = api(doctor)
    assert post(client, "/fhir", body).content == post(client, "/fhir", body).content
    assert len(files()) == Document.objects.count() == 2


@pytest.mark.django_db
def test_another_sender_does_not_learn_what_is_there(api, dossier, doctor):
    body = publication(dossier, labels=("MASQUE_PS",))
    assert post(api(doctor), "/fhir/DocumentReference", body).status_code == 201
    answer = post(api(make.ProfessionalFactory()), "/fhir/DocumentReference", body)
    assert answer.status_code == 409
    assert "id" not in answer.json()
    assert len(files()) == 1


@pytest.mark.django_db
def test_the_same_identifier_twice_in_a_lot_is_refused(api, dossier, doctor):
    patient, content = messages.subject(dossier), messages.pdf()
    one = messages.reference(patient, content)
    answer = post(api(doctor), "/fhir", messages.bundle(patient, (one, content), (one, content)))
    assert answer.status_code == 409
    assert (files(), Document.objects.count()) == ([], 0)


@pytest.mark.django_db
def test_a_key_is_its_caller_s_own(api, dossier, doctor):
    key = {"Idempotency-Key": "1"}
    first = post(api(doctor), "/fhir/DocumentReference", publication(dossier), **key)
    other = post(api(make.ProfessionalFactory()), "/fhir/DocumentReference", publication(dossier), **key)
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["id"] != other.json()["id"]


@pytest.mark.django_db
def test_a_kept_answer_is_given_through_the_gate(api, dossier, doctor):
    """Blocked since: the answer of yesterday is not given today, and the refusal is traced."""
    client, body, key = api(doctor), publication(dossier), {"Idempotency-Key": "1"}
    post(client, "/fhir/DocumentReference", body, **key)
    make.forbid(dossier, doctor)
    assert post(client, "/fhir/DocumentReference", body, **key).status_code == 403
    assert Trace.objects.latest_first()[0].ground == "blocked"


@pytest.mark.django_db
def test_no_table_holds_the_number_in_clear(api, dossier, doctor):
    client, number = api(doctor), messages.subject(dossier).rpartition("|")[2]
    answer = post(client, "/fhir/DocumentReference", publication(dossier), **{"Idempotency-Key": "1"})
    assert number in answer.content.decode()
    kept = [IdempotentReply.objects.get().body, Document.objects.get().fhir, SubmissionSet.objects.get().fhir]
    assert not any(number in text for text in [*kept, str(list(Trace.objects.values()))])


REFUSALS = {
    "unknown type": ({"type_code": "00000-0"}, {}),
    "an insurer's type": ({"type_code": "REMB"}, {}),
    "a holder's type": ({"type_code": "DOCPAT01"}, {}),
    "masked and withheld": ({"labels": ("MASQUE_PS", "INVISIBLE_PATIENT")}, {}),
    "unknown label": ({"labels": ("SECRET_DEFENSE",)}, None),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_deposit_leaves_nothing_but_its_trace(api, dossier, doctor, case):
    more, traced = REFUSALS[case]
    answer = post(api(doctor), "/fhir/DocumentReference", publication(dossier, **more))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"]
    assert (files(), Document.objects.count(), Notice.objects.count()) == ([], 0, 0)
    if traced is not None:
        trace = Trace.objects.about(dossier.pk).get()
        assert (trace.allowed, trace.ground, trace.actor_id) == (False, "inadmissible", doctor.idnat)


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["blocked", "closed"])
def test_who_may_not_feed_is_refused_before_his_content_is_looked_at(api, code_tables, doctor, state, monkeypatch):
    dossier = make.DossierFactory(closed=state == "closed")
    if state == "blocked":
        make.forbid(dossier, doctor)
    monkeypatch.setattr(deposits, "examine", lambda submission: pytest.fail("looked at"))
    answer = post(api(doctor), "/fhir/DocumentReference", publication(dossier))
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == state
    assert [trace.allowed for trace in Trace.objects.about(dossier.pk)] == [False]


@pytest.mark.django_db
def test_a_commit_of_unknown_outcome_keeps_the_file_for_the_sweep(api, dossier, doctor, monkeypatch):
    """The connection may break after the commit: a file taken away then would be a lost document."""

    def broken(*args, **kwargs):
        raise OperationalError

    monkeypatch.setattr(deposits.notices, "tell", broken)
    assert post(api(doctor), "/fhir/DocumentReference", publication(dossier)).status_code == 503
    assert len(files()) == 1


@pytest.mark.django_db
def test_without_a_trace_nothing_is_deposited(api, dossier, doctor, monkeypatch):
    from audit import trail

    monkeypatch.setattr(trail, "_INSERT", "INSERT INTO audit_nowhere VALUES (1)")
    assert post(api(doctor), "/fhir/DocumentReference", publication(dossier)).status_code == 503
    assert (files(), Document.objects.count()) == ([], 0)


@pytest.mark.django_db
def test_a_full_disk_is_said(api, dossier, doctor, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(contents, "put", full)
    answer = post(api(doctor), "/fhir/DocumentReference", publication(dossier))
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "no-store")
    assert Document.objects.count() == 0


@pytest.mark.django_db
def test_a_message_beyond_the_limit_is_413(api, dossier, doctor, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = post(api(doctor), "/fhir/DocumentReference", publication(dossier))
    assert (answer.status_code, answer.json()["resourceType"]) == (413, "OperationOutcome")


@pytest.mark.django_db
@pytest.mark.parametrize("labels", [("INVISIBLE_PATIENT",), ("INVISIBLE_REPRESENTANTS_LEGAUX",)])
def test_the_holder_is_told_of_nothing_that_is_kept_from_somebody(api, dossier, doctor, labels):
    assert post(api(doctor), "/fhir/DocumentReference", publication(dossier, labels=labels)).status_code == 201
    assert not Notice.objects.filter(created_at__lte=timezone.now()).exists()


@pytest.mark.django_db
def test_one_notice_waits_however_many_documents_come(api, dossier, doctor):
    for _ in range(3):
        post(api(doctor), "/fhir/DocumentReference", publication(dossier))
    assert Notice.objects.get().kind == "document_added"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("deposited", "shown"),
    [
        ("2026-01-31T10:00:00+01:00", "2026-02-28T10:00:00+01:00"),
        ("2028-01-31T10:00:00+01:00", "2028-02-29T10:00:00+01:00"),
        ("2026-09-30T10:00:00+02:00", "2026-10-30T10:00:00+01:00"),
        ("2026-12-15T00:30:00+01:00", "2027-01-15T00:30:00+01:00"),
    ],
)
def test_a_withheld_document_shows_by_itself_after_one_calendar_month(deposited, shown):
    import datetime as dt

    moment = rows.visible_from(dt.datetime.fromisoformat(deposited).astimezone(dt.UTC))
    assert moment == dt.datetime.fromisoformat(shown)
