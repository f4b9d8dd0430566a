"""FHIR endpoints of the professionals (PDSm 3.1.1): thin, every one through the gate.

List: four statements (account, facts, rows, trace). Open: five (and the key). No COUNT unless asked.
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access import gate
from access.gate import Absent, Caller, Entry, Refused
from access.policy import Act, Facts, Ground
from audit.trail import Event, TrailDown
from documents import antivirus, contents, deposits, entries, masking, searches
from documents.models import Document, SubmissionSet
from documents.vault import Unreadable
from fhir import capability, ids, patch, problems, read, rest, search, write
from fhir.problems import Problem, issue
from patients.models import IdempotentReply, Patient, identity_of

WHY = {
    Ground.NOT_AUTHORISED: "Le titulaire ne vous a pas autorisé. Demandez-lui, puis enregistrez son accord.",
    Ground.EXPIRED: "Votre autorisation est finie. Demandez au titulaire s'il la renouvelle.",
    Ground.BLOCKED: "Le titulaire vous a interdit l'accès à son dossier.",
    Ground.CLOSED: "Ce dossier est fermé : il ne se consulte ni ne s'alimente.",
    Ground.NOT_ENTITLED: "La matrice d'habilitation n'ouvre aucun document à votre profession.",
    Ground.NOT_A_PERSON: "Un certificat de structure alimente le dossier, il ne le consulte pas.",
}
NO_DOSSIER = Problem(404, "not-found", "Aucun dossier pour cette identité.", detail="XDSUnknownPatientId")


class FhirView(APIView):
    """Media types and errors of FHIR. `request.auth` is the `gate.Caller`."""

    renderer_classes = [rest.FhirRenderer, rest.PlainJsonRenderer]
    parser_classes = [rest.FhirParser, rest.PlainJsonParser, rest.PatchParser]
    schema = None

    def get_exception_handler(self) -> Any:
        return handle

    @property
    def caller(self) -> Caller:
        assert isinstance(self.request.auth, Caller)
        return self.request.auth

    @property
    def base(self) -> str:
        return self.request.build_absolute_uri("/fhir")


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Whatever goes wrong is an OperationOutcome; what nobody may learn reads like absence."""
    if isinstance(error, Refused):
        text = WHY.get(error.decision.ground, "Cet accès n'est pas permis.")
        error = Problem(403, "forbidden", text, detail=error.decision.ground)
    elif isinstance(error, Absent):
        error = problems.not_found()
    elif isinstance(error, ValidationError):
        error = Problem(422, "business-rule", error.messages[0])
    elif isinstance(error, (TrailDown, antivirus.Unavailable, DatabaseError, OSError, Unreadable)):
        text = "Le service ne peut pas répondre en ce moment : rien n'a été fait. Recommencez."
        error = Problem(503, "transient", text)
    return rest.handle(error, context)


class Metadata(FhirView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response(capability.statement(self.base))


# -- Patient ---------------------------------------------------------------------------------------------
class PatientSearch(FhirView):
    """Does a dossier exist, is it open, may I (TD0.2, D17)."""

    def get(self, request: Request) -> Response:
        subject = read.subject_of({"identifier": _split(request.query_params.get("identifier", ""))})
        if subject is None:
            raise problems.bad_search("Dites identifier=<système de l'INS>|<matricule>.", "identifier")
        number, _ = deposits.resolve(subject)
        found = []
        try:
            with gate.enter(self.caller, Act.EXISTS, Event.DOSSIER_FOUND, ins=number) as entry:
                found.append((entry.dossier.pk.hex, _patient_text(entry, subject.oid, subject.ins)))
                entry.trace()
        except Absent:
            pass
        link = f"{self.base}/Patient"
        return Response(write.searchset(self.base, "Patient", found, self_link=link, total=len(found)))


def _split(text: str) -> dict[str, str]:
    system, _, value = text.rpartition("|")
    return {"system": system, "value": value}


class PatientRead(FhirView):
    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        dossier_id = _dossier_id(identifier)
        with gate.enter(self.caller, Act.EXISTS, Event.DOSSIER_FOUND, dossier_id=dossier_id) as entry:
            patient = Patient.objects.get(dossier_id=dossier_id)
            body = _patient_text(entry, patient.oid, patient.ins.matricule)
            entry.trace()
        return Response(body.encode())


def _dossier_id(identifier: str) -> uuid.UUID:
    try:
        return ids.dossier_of(identifier)
    except ids.UnknownId as error:
        raise problems.not_found() from error


def _patient_text(entry: Entry, oid: str, matricule: str) -> str:
    view = write.PatientView(
        id=entry.dossier.pk.hex,
        oid=oid,
        ins=matricule,
        state=entry.dossier.state,
        closed_at=entry.dossier.closed_at,
        authorisation=status_of(entry.facts),
        treating=entry.facts.treating,
    )
    return rest.wire.text(write.patient(view))


def status_of(facts: Facts) -> str:
    """The four states that the real DMP answers."""
    if facts.blocked:
        return "INTERDIT"
    if facts.treating or facts.authorised:
        return "VALIDE"
    return "EXPIRE" if facts.expired else "NON_EXISTE"


# -- write -----------------------------------------------------------------------------------------------
class Root(FhirView):
    """ITI-65."""

    def post(self, request: Request) -> HttpResponseBase:
        submission = read.transaction(request.data)

        def answer(lot: SubmissionSet, documents: list[Document]) -> tuple[int, str, bytes]:
            body = write.transaction_response(_slots(submission, lot, documents))
            return 200, "", rest.wire.dumps(body)

        return _deposit(self, submission, answer)


def _slots(submission: read.Submission, lot: SubmissionSet, documents: list[Document]) -> Iterator[dict[str, Any]]:
    """One answer an entry, in the order of the message."""
    for kind, rank in submission.slots:
        if kind == "List":
            slot = {"status": "201", "location": f"List/{ids.join(lot.dossier_id, lot.pk)}", "etag": 'W/"1"'}
        elif kind in ("DocumentReference", "Binary"):
            document = documents[rank]
            location = f"{kind}/{ids.join(document.dossier_id, document.pk)}"
            slot = {"status": "201", "location": location, "etag": f'W/"{document.version}"'}
        else:
            slot = {"status": "200"}
        if kind == "Folder":
            text = "Les classeurs (folders) ne sont pas conservés."
            slot["outcome"] = problems.outcome(  # type: ignore[assignment]
                issue("not-supported", text, severity="warning", detail="PartialFolderContentNotProcessed")
            )
        yield slot


def _deposit(view: FhirView, submission: read.Submission, answer: Any) -> HttpResponseBase:
    """Deposit, or give again the answer already given (header Idempotency-Key, or the same uniqueId)."""
    key = view.request.headers.get("Idempotency-Key", "")[:100]
    digest = hashlib.sha256(view.request.path.encode() + rest.wire.dumps(view.request.data)).digest()
    if key and (known := _already_answered(view, submission, key, digest)):
        return known
    made: list[tuple[int, str, bytes]] = []

    def finish(entry: Entry, lot: SubmissionSet, documents: list[Document]) -> None:
        made.append(answer(lot, documents))
        status, location, body = made[0]
        if key:
            IdempotentReply.objects.create(
                dossier=entry.dossier,
                caller=entry.caller.author,
                key=key,
                digest=digest,
                status=status,
                location=location,
                body=body.decode(),
            )

    try:
        deposits.deposit(view.caller, submission, finish=finish)
    except Absent as error:
        raise NO_DOSSIER from error
    except Exception:
        # Twice at once: the other one committed first, and its answer is ours.
        if key and (known := _already_answered(view, submission, key, digest)):
            return known
        raise
    status, location, body = made[0]
    return _written(view, status, location, body)


def _already_answered(
    view: FhirView, submission: read.Submission, key: str, digest: bytes
) -> HttpResponseBase | None:
    number, dossier_id = deposits.place_of(submission)
    replies = IdempotentReply.objects.filter(caller=view.caller.author, key=key)
    if number is not None:
        dossier_id = identity_of(number.lookup)
    reply = replies.filter(dossier_id__in=[dossier_id] if dossier_id else []).first()
    if reply is None:
        return None
    if bytes(reply.digest) != digest:
        text = "Cette clé d'idempotence a servi à une autre demande."
        raise Problem(409, "conflict", text, expression="http.Idempotency-Key")
    return _written(view, reply.status, reply.location, reply.body.encode())


def _written(view: FhirView, status: int, location: str, body: bytes) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type=f"{rest.MEDIA_TYPE}; charset=utf-8")
    if location:
        response["Location"] = f"{view.base}/{location}"
    return response


# -- DocumentReference -----------------------------------------------------------------------------------
class DocumentSearch(FhirView):
    """ITI-67 and ITI-105."""

    def get(self, request: Request) -> HttpResponseBase:
        return _search_documents(self, search.documents(_pairs(request.query_params)))

    def post(self, request: Request) -> HttpResponseBase:
        submission = read.publication(request.data)

        def answer(lot: SubmissionSet, documents: list[Document]) -> tuple[int, str, bytes]:
            document = documents[0]
            number, _ = deposits.place_of(submission)
            matricule = number.matricule if number else _matricule(document.dossier_id)
            location = f"DocumentReference/{ids.join(document.dossier_id, document.pk)}"
            return 201, location, document.fhir.replace(entries.MARK, matricule).encode()

        return _deposit(self, submission, answer)

    def patch(self, request: Request) -> HttpResponseBase:
        """Conditional: `PATCH DocumentReference?identifier=<system>|<value>` (412 when several match)."""
        _, _, unique_id = request.query_params.get("identifier", "").rpartition("|")
        if not unique_id:
            raise problems.bad_search("Dites identifier=urn:ietf:rfc:3986|<uniqueId>.", "identifier")
        mine = Document.objects.filter(author_ids__contains=[self.caller.author], unique_id=unique_id)
        found = list(mine.values_list("dossier_id", "pk")[:2])
        if len(found) > 1:
            raise Problem(412, "multiple-matches", "Plusieurs documents répondent à ce critère.")
        if not found:
            raise problems.not_found()
        return _patch(self, *found[0])


class SearchForm(APIView):
    """POST _search: the same, form-encoded."""

    schema = None
    renderer_classes = FhirView.renderer_classes

    def get_exception_handler(self) -> Any:
        return handle

    def post(self, request: Request, kind: str) -> HttpResponseBase:
        view = FhirView()
        view.request = request
        pairs = _pairs(request.query_params) + _pairs(QueryDict(request.body[:65536]))
        if kind == "List":
            return _search_lists(view, search.lists(pairs))
        return _search_documents(view, search.documents(pairs))

    parser_classes: list[Any] = []


def _pairs(params: QueryDict) -> list[tuple[str, str]]:
    return [(name, value) for name, values in params.lists() for value in values]


def _search_documents(view: FhirView, wanted: search.Search) -> HttpResponseBase:
    number, dossier_id = _place(wanted)
    try:
        with gate.enter(view.caller, Act.LIST, Event.DOCUMENT_LISTED, ins=number, dossier_id=dossier_id) as entry:
            rows = searches.documents(Document.objects.within(entry.scope), wanted)
            total = rows.count() if wanted.total else None
            found = searches.page(rows, wanted, ("pk", "created", "last_updated", "fhir"))
            matricule = wanted.subject.ins or _matricule(entry.dossier.pk)
            entry.trace(detail={"count": min(len(found), wanted.count)})
    except Absent as error:
        raise NO_DOSSIER from error
    return _page(view, "DocumentReference", wanted, found, entry.dossier.pk, matricule, total)


def _place(wanted: search.Search) -> tuple[Any, uuid.UUID | None]:
    return deposits.resolve(wanted.subject)


def _matricule(dossier_id: uuid.UUID) -> str:
    return Patient.objects.get(dossier_id=dossier_id).ins.matricule


def _page(
    view: FhirView,
    kind: str,
    wanted: search.Search,
    found: list[Any],
    dossier_id: uuid.UUID,
    matricule: str,
    total: int | None,
) -> HttpResponse:
    shown, more = found[: wanted.count], len(found) > wanted.count
    # Only what was understood, and the patient by our own id: no number of the person in a link.
    kept = [
        (name, value) for name, value in wanted.understood if not name.startswith(("patient", "subject", "cursor"))
    ]
    self_link = f"{view.base}/{kind}?{urlencode([('patient', dossier_id.hex), *kept])}"
    following = ""
    if more:
        after = search.Cursor(searches.key_of(shown[-1], wanted), shown[-1].pk)
        following = f"{self_link}&cursor={after}"
    ignored = ", ".join(wanted.ignored[:10])
    text = f"Paramètres ignorés : {ignored}."
    warnings = [issue("not-supported", text, severity="warning")] if ignored else []
    body = write.searchset(
        view.base,
        kind,
        ((ids.join(dossier_id, row.pk), row.fhir.replace(entries.MARK, matricule)) for row in shown),
        self_link=self_link,
        next_link=following,
        total=total,
        warnings=warnings,
    )
    return HttpResponse(body, content_type=f"{rest.MEDIA_TYPE}; charset=utf-8")


class DocumentRead(FhirView):
    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        with _opened(self, identifier, Event.DOCUMENT_READ) as (entry, document):
            entry.trace(
                object_kind="document",
                object_id=document.pk,
                object_type=document.type_code,
                object_title=document.title,
                detail={"metadata": True},
            )
            body = document.fhir.replace(entries.MARK, _matricule(document.dossier_id)).encode()
        response = HttpResponse(body, content_type=f"{rest.MEDIA_TYPE}; charset=utf-8")
        response["ETag"] = f'W/"{document.version}"'
        return response

    def patch(self, request: Request, identifier: str) -> HttpResponseBase:
        try:
            return _patch(self, *ids.split(identifier))
        except ids.UnknownId as error:
            raise problems.not_found() from error


@contextmanager
def _opened(view: FhirView, identifier: str, event: Event, *, lock: bool = False) -> Iterator[tuple[Entry, Document]]:
    """The gate, then one document within the scope: hidden, forbidden and absent give the same 404."""
    try:
        dossier_id, document_id = ids.split(identifier)
        with gate.enter(
            view.caller, Act.OPEN, event, dossier_id=dossier_id, lock=lock, object_id=document_id
        ) as entry:
            document = Document.objects.within(entry.scope).filter(pk=document_id).first()
            if document is None:
                raise Absent
            yield entry, document
    except (ids.UnknownId, Refused) as error:
        raise problems.not_found() from error


def _patch(view: FhirView, dossier_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponseBase:
    body = view.request.data
    with _opened(view, ids.join(dossier_id, document_id), Event.DOCUMENT_MASKED, lock=True) as (entry, document):
        if entry.caller.author not in document.author_ids and not entry.facts.treating:
            raise Problem(403, "forbidden", "Seuls l'auteur et le médecin traitant modifient ces métadonnées.")
        change = patch.read(body, [document.confidentiality, *entries.labels_of(document)])
        _apply(entry, document, change, asked=view.request.headers.get("DMP-Holder-Request") == "true")
        if not entry.traced:
            entry.trace(object_kind="document", object_id=document.pk, object_title=document.title)
        answer = document.fhir.replace(entries.MARK, _matricule(dossier_id)).encode()
    response = HttpResponse(answer, content_type=f"{rest.MEDIA_TYPE}; charset=utf-8")
    response["ETag"] = f'W/"{document.version}"'
    return response


def _apply(entry: Entry, document: Document, change: patch.Change, *, asked: bool) -> None:
    """The guide leaves open which status means « supprimé » (interop.md): both are taken as a withdrawal."""
    now = frozenset(entries.labels_of(document))
    wanted = change.only if change.only is not None else (now | change.add) - change.remove
    if change.status in ("superseded", "entered-in-error"):
        masking.withdraw(entry, document)
        return
    for label in sorted(now - wanted):
        if label == "MASQUE_PS":
            masking.unmask(entry, document, asked_by_holder=asked)
        elif label == "INVISIBLE_PATIENT":
            masking.announce(entry, document)
        else:
            masking.show_representatives(entry, document)
    for label in sorted(wanted - now):
        if label != "MASQUE_PS":
            text = "Cette étiquette se pose au dépôt seulement."
            raise Problem(422, "business-rule", text, expression="DocumentReference.securityLabel")
        masking.mask(entry, document)
    if change.archived is not None and change.archived != document.archived:
        masking.archive(entry, document, change.archived)


# -- List ------------------------------------------------------------------------------------------------
class ListSearch(FhirView):
    """ITI-66: lots of which the caller may see every document."""

    def get(self, request: Request) -> HttpResponseBase:
        return _search_lists(self, search.lists(_pairs(request.query_params)))


def _search_lists(view: FhirView, wanted: search.Search) -> HttpResponseBase:
    number, dossier_id = _place(wanted)
    try:
        with gate.enter(view.caller, Act.LIST, Event.LISTS_READ, ins=number, dossier_id=dossier_id) as entry:
            rows = searches.lists(entry.scope, wanted)
            total = rows.count() if wanted.total else None
            found = searches.page(rows, wanted, ("pk", "date", "fhir"))
            matricule = wanted.subject.ins or ""
            entry.trace(detail={"count": min(len(found), wanted.count)})
    except Absent as error:
        raise NO_DOSSIER from error
    return _page(view, "List", wanted, found, entry.dossier.pk, matricule, total)


class ListRead(FhirView):
    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        try:
            dossier_id, lot_id = ids.split(identifier)
        except ids.UnknownId as error:
            raise problems.not_found() from error
        with gate.enter(self.caller, Act.LIST, Event.LISTS_READ, dossier_id=dossier_id, object_id=lot_id) as entry:
            lot = searches.visible_lots(entry.scope).filter(pk=lot_id).first()
            if lot is None:
                raise Absent
            entry.trace(object_kind="set", object_id=lot.pk)
        return HttpResponse(lot.fhir, content_type=f"{rest.MEDIA_TYPE}; charset=utf-8")


# -- Binary ----------------------------------------------------------------------------------------------
class BinaryRead(FhirView):
    """ITI-68: the bytes as they were deposited, or the Binary resource when FHIR is asked for."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        # Any type may be asked for: the content has its own; errors are in FHIR.
        return rest.FhirRenderer(), rest.MEDIA_TYPE

    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        with _opened(self, identifier, Event.DOCUMENT_READ) as (entry, document):
            accepted = request.headers.get("Accept", "*/*")
            as_resource = "fhir+json" in accepted
            if not as_resource and not _accepts(accepted, document.media_type):
                raise Problem(406, "not-supported", "Ce document n'est pas dans le format demandé.")
            start, stop = _range(request.headers.get("Range", ""), document.size)
            entry.trace(
                object_kind="document",
                object_id=document.pk,
                object_type=document.type_code,
                object_title=document.title,
                detail={"range": [start, stop]} if (start, stop) != (0, document.size) else None,
            )
        if as_resource:
            return Response(write.binary(identifier, document.media_type, contents.read(document)))
        return bytes_of(document, start, stop)


def _accepts(accepted: str, media_type: str) -> bool:
    wanted = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    family = media_type.split("/")[0] + "/*"
    return bool(wanted & {"*/*", media_type, family, "application/octet-stream", "application/json", ""})


def _range(header: str, size: int) -> tuple[int, int]:
    """One byte range (RFC 9110, 14.1.2) as [start, stop); anything else is the whole. Raises 416."""
    unit, _, wanted = header.partition("=")
    first, dash, last = wanted.partition("-")
    if unit != "bytes" or not dash or "," in wanted or not (first + last).isdigit() or len(wanted) > 40:
        return 0, size
    start, stop = (int(first), int(last) + 1 if last else size) if first else (max(0, size - int(last)), size)
    if start >= min(stop, size):
        raise Problem(416, "invalid", "Cette plage est hors du document.", expression="http.Range")
    return start, min(stop, size)


def bytes_of(document: Document, start: int = 0, stop: int | None = None) -> HttpResponseBase:
    """The content, inert: a download of its exact type, which no browser may sniff or run."""
    stop = document.size if stop is None else stop
    pieces = contents.pieces(document, start, stop)
    first = next(pieces, b"")  # what cannot be opened is said before the answer begins
    body: Any = _chain(first, pieces) if stop - start > len(first) else [first]
    response = StreamingHttpResponse(body, status=206 if stop - start < document.size else 200)
    response["Content-Type"] = document.media_type + (
        "; charset=utf-8" if document.media_type == "text/plain" else ""
    )
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    response["Content-Disposition"] = f'attachment; filename="{file_name(document)}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    if response.status_code == 206:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{document.size}"
    return response


def _chain(first: bytes, rest_of: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest_of


SUFFIXES = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "text/rtf": "rtf",
    "text/plain": "txt",
    "application/dicom": "dcm",
    "text/xml": "xml",
}


def file_name(document: Document) -> str:
    """By date and type: a title is somebody's text, and says what the document is about."""
    return f"document-{document.created:%Y-%m-%d}.{SUFFIXES.get(document.media_type, 'bin')}"
