"""metadata, Patient (existence, state and own authorisation: D17) and Binary (ITI-68)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.http.request import MediaType
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from access import gate
from access.api import status_of
from access.facts import Act
from access.gate import Absent, Entry
from access.policy import is_treating
from audit.trail import Event
from documents import acts, contents, deposits, leaving
from documents.api import FhirView, answer, hidden, opened
from documents.bodies import EXTENSIONS
from documents.models import Document
from fhir import capability, ids, problems, read, rest, wire, write
from fhir.problems import Problem
from patients.models import Patient


class Metadata(FhirView):
    """No sign-in, no dossier, no trace."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response(capability.statement(self.base))


# -- Patient ----------------------------------------------------------------------------------------------------
class PatientRead(FhirView):
    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        try:
            dossier_id = ids.dossier_of(identifier)
        except ids.UnknownId as error:
            raise problems.not_found() from error
        with hidden(), self.known(dossier_id=dossier_id) as entry:
            patient = Patient.objects.get(dossier_id=dossier_id)
            body = _text(entry, patient.oid, patient.ins.matricule)
        return answer(body)

    @contextmanager
    def known(self, **where: Any) -> Iterator[Entry]:
        with gate.enter(self.caller, Act.EXISTS, Event.DOSSIER_FOUND, **where) as entry:
            yield entry
            entry.trace()


class PatientSearch(PatientRead):
    """Does a dossier exist, is it open, may I (TD0.2). None is an answer, not an error (D17)."""

    def get(self, request: Request) -> HttpResponseBase:  # type: ignore[override]
        return self.answer(request.query_params.get("identifier", ""))

    def post(self, request: Request) -> HttpResponseBase:
        """`_search`, form-encoded: the number of the patient stays out of addresses."""
        return self.answer(request._request.POST.get("identifier", ""))

    def answer(self, identifier: str) -> HttpResponseBase:
        system, _, value = identifier.rpartition("|")
        subject = read.subject_of({"identifier": {"system": system, "value": value}})
        if subject is None:
            raise problems.bad_search("Dites identifier=<système de l'INS>|<matricule>.", "identifier")
        number, _ = deposits.resolve(subject)
        found = []
        try:
            with self.known(ins=number) as entry:
                found.append((entry.dossier.pk.hex, _text(entry, subject.oid, subject.ins)))
        except Absent:
            pass  # traced by the gate
        link = f"{self.base}/Patient"
        return answer(write.searchset(self.base, "Patient", found, self_link=link, total=len(found)))


def _text(entry: Entry, oid: str, matricule: str) -> str:
    view = write.PatientView(
        id=entry.dossier.pk.hex,
        oid=oid,
        ins=matricule,
        state=entry.dossier.state,
        closed_at=entry.dossier.closed_at,
        authorisation=status_of(entry.facts),
        treating=is_treating(entry.facts),
    )
    return wire.text(write.patient(view))


# -- Binary ------------------------------------------------------------------------------------------------------
class BinaryRead(FhirView):
    """ITI-68: the bytes as they were deposited, or the Binary resource when FHIR is asked for.

    A superseded document stays readable to whom it is open: what was decided on it can be understood later
    (R1111-43). A deleted one is absent; its author is told 410. The trace is committed before the first byte.
    """

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        # Any type may be asked for: the content has its own; errors are in FHIR.
        return rest.FhirRenderer(), rest.MEDIA_TYPE

    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        with opened(self.caller, identifier, Event.DOCUMENT_READ) as (entry, document):
            as_resource = _as_resource(request.headers.get("Accept", "*/*"), document.media_type)
            start, stop = byte_range(request.headers.get("Range", ""), document.size)
            part = {"range": [start, stop]} if (start, stop) != (0, document.size) else {}
            acts.trace(entry, Event.DOCUMENT_READ, document, **part)
        if as_resource:
            return Response(write.binary(identifier, document.media_type, contents.read(document)))
        return bytes_of(entry, document, start, stop)


def _as_resource(accepted: str, media_type: str) -> bool:
    """Whether the resource is wanted rather than the bytes. Raises 406 when neither is."""
    wanted = [MediaType(one) for one in accepted.split(",") if one.strip()] or [MediaType("*/*")]
    if any(f"{one.main_type}/{one.sub_type}" == rest.MEDIA_TYPE for one in wanted):
        return True
    octets = ("application/octet-stream", "application/json")
    if any(one.match(media_type) or f"{one.main_type}/{one.sub_type}" in octets for one in wanted):
        return False
    raise Problem(406, "not-supported", "Ce document n'est pas dans le format demandé.")


def byte_range(header: str, size: int) -> tuple[int, int]:
    """One byte range (RFC 9110, 14.1.2) as [start, stop); anything else is the whole. Raises 416."""
    unit, _, wanted = header.partition("=")
    first, dash, last = wanted.partition("-")
    figures = (first + last).isascii() and (first + last).isdigit()
    if unit != "bytes" or not dash or not figures or len(wanted) > 40:
        return 0, size
    start, stop = (int(first), int(last) + 1 if last else size) if first else (max(0, size - int(last)), size)
    if start >= min(stop, size):
        raise Problem(416, "invalid", "Cette plage est hors du document.", expression="http.Range")
    return start, min(stop, size)


def bytes_of(entry: Entry, document: Document, start: int, stop: int) -> HttpResponseBase:
    """The content, inert: a download of its exact type, which no browser may sniff or run."""
    whole = (start, stop) == (0, document.size)
    charset = "; charset=utf-8" if document.media_type == "text/plain" else ""
    headers = {
        "Content-Type": document.media_type + charset,
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{file_name(document)}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{document.size}"
    pieces = leaving.guarded(contents.pieces(document, start, stop), entry, document)
    return StreamingHttpResponse(pieces, status=200 if whole else 206, headers=headers)


def file_name(document: Document) -> str:
    """By date and type: a title is somebody's text, and says what the document is about."""
    return f"document-{document.created:%Y-%m-%d}.{EXTENSIONS.get(document.media_type, 'bin')}"
