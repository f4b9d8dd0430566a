"""POST [base] (ITI-65) and POST DocumentReference (ITI-105): a lot goes in whole, once."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import Request

from access.gate import Absent, Entry
from documents import deposits, entries
from documents.api import NO_DOSSIER, FhirView, answer, with_number
from documents.models import Document, SubmissionSet
from fhir import ids, problems, read, wire, write
from fhir.problems import issue
from patients.models import Dossier
from patients.replies import Sending

Reply = tuple[int, str, str]  # status, location, body


class DepositView(FhirView, ABC):
    """What both share: file the lot, or give again the answer already given.

    Known again by the header Idempotency-Key (with the same message), or by the documents' own identifiers.
    """

    @abstractmethod
    def reply(self, submission: read.Submission, lot: SubmissionSet, documents: list[Document]) -> Reply:
        """The answer to a lot that was filed."""

    def take(self, submission: read.Submission) -> HttpResponse:
        headers, body = self.request.headers, wire.dumps(self.request.data)
        sending = Sending.of(
            self.caller.author, headers.get("Idempotency-Key", ""), self.request.path.encode() + body
        )
        given: list[Reply] = []
        entered: list[Dossier] = []

        def again(entry: Entry) -> bool:
            entered.append(entry.dossier)
            if (known := sending.reply(entry.dossier.pk)) is not None:
                given.append((known.status, known.location, known.body))
            return bool(given)

        def finish(entry: Entry, lot: SubmissionSet, documents: list[Document]) -> None:
            status, location, text = self.reply(submission, lot, documents)
            sending.keep(entry.dossier.pk, status=status, location=location, body=text)
            given.append((status, location, text))

        try:
            deposits.deposit(self.caller, submission, finish=finish, again=again)
        except Absent as error:
            raise NO_DOSSIER from error
        status, location, text = given[0]
        if entries.MARK in text:  # the kept answer does not hold the number either
            text = with_number(text, entered[0].patient.ins.matricule)
        where = {"Location": f"{self.base}/{location}"} if location else {}
        return answer(text, status, **where)


class Root(DepositView):
    """ITI-65."""

    def post(self, request: Request) -> HttpResponseBase:
        return self.take(read.transaction(request.data))

    def reply(self, submission: read.Submission, lot: SubmissionSet, documents: list[Document]) -> Reply:
        return 200, "", wire.text(write.transaction_response(_slots(submission, lot, documents)))


class Publication(DepositView):
    """ITI-105."""

    def post(self, request: Request) -> HttpResponseBase:
        return self.take(read.publication(request.data))

    def reply(self, submission: read.Submission, lot: SubmissionSet, documents: list[Document]) -> Reply:
        document = documents[0]
        location = f"DocumentReference/{ids.join(document.dossier_id, document.pk)}"
        return 201, location, document.fhir


def _slots(submission: read.Submission, lot: SubmissionSet, documents: list[Document]) -> Iterator[dict[str, Any]]:
    """One answer an entry, in the order of the message; the same when it is sent again."""
    for kind, rank in submission.slots:
        if kind == "List":
            yield _made("List", lot.dossier_id, lot.pk)
        elif kind in ("DocumentReference", "Binary"):
            yield _made(kind, lot.dossier_id, documents[rank].pk)
        elif kind == "Folder":
            text = "Les classeurs (folders) ne sont pas conservés."
            found = issue("not-supported", text, severity="warning", detail="PartialFolderContentNotProcessed")
            yield {"status": "200", "outcome": problems.outcome(found)}
        else:
            yield {"status": "200"}


def _made(kind: str, dossier_id: uuid.UUID, thing: uuid.UUID) -> dict[str, Any]:
    return {"status": "201", "location": f"{kind}/{ids.join(dossier_id, thing)}", "etag": 'W/"1"'}
