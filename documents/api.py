"""/fhir for professionals (PDSm 3.1.1): what its doors share. Thin, every one through the gate.

Every error is an OperationOutcome without personal data; what nobody may learn reads like absence.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.response import Response

from access import gate
from access import problems as words
from access.door import ProfessionalView
from access.facts import Act, Ground
from access.gate import Absent, Caller, Entry, Refused
from audit.trail import Event, TrailDown
from documents import antivirus, entries
from documents.masking import Forbidden
from documents.models import Document
from documents.vault import Unreadable
from fhir import ids, problems, rest
from fhir.problems import Problem
from patients.models import Patient
from patients.replies import KeyReused

NO_DOSSIER = Problem(404, "not-found", words.NO_SUCH_DOSSIER, detail="XDSUnknownPatientId")


class Withdrawn(Absent):
    """Deleted, and asked for by its author, who is told so; for everybody else it is absent."""


class Negotiation(DefaultContentNegotiation):
    """By `Accept` alone: `format` is a search parameter of ITI-67, not a choice of renderer."""

    class settings:
        URL_FORMAT_OVERRIDE = None


class FhirView(ProfessionalView):
    """Media types and errors of FHIR."""

    renderer_classes = [rest.FhirRenderer, rest.PlainJsonRenderer]
    content_negotiation_class = Negotiation
    parser_classes = [rest.FhirParser, rest.PlainJsonParser, rest.PatchParser]
    schema = None  # said by the CapabilityStatement

    @property
    def limit(self) -> int:
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def get_exception_handler(self) -> Any:
        return handle

    @property
    def base(self) -> str:
        return self.request.build_absolute_uri("/fhir")


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    return rest.handle(as_problem(error), context)


def as_problem(error: Exception) -> Exception:
    """What went wrong, as FHIR says it; anything else as it came."""
    if isinstance(error, Refused):
        ground = error.decision.ground
        return Problem(403, "forbidden", words.refusal(ground), detail=ground)
    if isinstance(error, Withdrawn):
        return Problem(410, "deleted", "Vous avez supprimé ce document.")
    if isinstance(error, Absent | Http404):
        return problems.not_found()
    if isinstance(error, Forbidden):
        return Problem(403, "forbidden", error.messages[0])
    if isinstance(error, KeyReused):
        return Problem(409, "conflict", error.messages[0], expression="http.Idempotency-Key")
    if isinstance(error, ValidationError):
        return Problem(422, "business-rule", error.messages[0])
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "too-long", "Le message est trop gros : déposez moins de documents à la fois.")
    if isinstance(error, SuspiciousOperation):
        return Problem(400, "structure", "La requête est mal formée.")
    return _outage(error)


def _outage(error: Exception) -> Exception:
    """Nothing was done, and it may be asked again; but a lost content is somebody's to repair."""
    if isinstance(error, TrailDown):
        return Problem(503, "transient", words.TRAIL_DOWN)
    if isinstance(error, OperationalError | InterfaceError | IntegrityError):
        return Problem(503, "transient", words.DATABASE_DOWN)
    if isinstance(error, antivirus.Unavailable):
        return Problem(503, "transient", "L'antivirus ne répond pas : rien n'a été déposé. Réessayez plus tard.")
    if isinstance(error, OSError):
        return Problem(503, "no-store", "Le stockage ne répond pas : rien n'a été fait. Réessayez plus tard.")
    if isinstance(error, Unreadable):
        return Problem(500, "incomplete", "Le contenu ne peut pas être relu. L'exploitant doit être prévenu.")
    return error


def answer(body: str | bytes, status: int = 200, **headers: str) -> HttpResponse:
    """A resource already written as text, sent as it stands."""
    return HttpResponse(body, status=status, content_type=f"{rest.MEDIA_TYPE}; charset=utf-8", headers=headers)


def split(identifier: str) -> tuple[uuid.UUID, uuid.UUID]:
    """Dossier and object of a logical id. Raises Problem: the 404 of what is absent."""
    try:
        return ids.split(identifier)
    except ids.UnknownId as error:
        raise problems.not_found() from error


@contextmanager
def hidden() -> Iterator[None]:
    """Refused, masked, of another dossier, absent: one answer. That a dossier is closed is said (D13, D17)."""
    try:
        yield
    except Refused as error:
        if error.decision.ground == Ground.CLOSED:
            raise
        raise problems.not_found() from error


@contextmanager
def opened(caller: Caller, identifier: str, event: Event, *, lock: bool = False) -> Iterator[tuple[Entry, Document]]:
    """The gate, then one document that exists for the caller."""
    dossier_id, document_id = split(identifier)
    with (
        hidden(),
        gate.enter(caller, Act.OPEN, event, dossier_id=dossier_id, lock=lock, object_id=document_id) as entry,
    ):
        document = Document.objects.one_within(entry.scope, document_id)
        if document is None:
            raise Withdrawn if _withdrawn_by(caller, dossier_id, document_id) else Absent
        yield entry, document


def _withdrawn_by(caller: Caller, dossier_id: uuid.UUID, document_id: uuid.UUID) -> bool:
    rows = Document.objects.filter(dossier_id=dossier_id, pk=document_id, state=Document.State.DELETED)
    return rows.filter(author_ids__contains=[caller.author]).exists()


def matricule_of(dossier_id: uuid.UUID) -> str:
    return Patient.objects.get(dossier_id=dossier_id).ins.matricule


class Stored(Protocol):
    """A document, or what a search read of it."""

    @property
    def fhir(self) -> str: ...

    @property
    def masked_until(self) -> dt.datetime | None: ...

    @property
    def visible_from(self) -> dt.datetime | None: ...

    @property
    def replaces_id(self) -> uuid.UUID | None: ...


def served(document: Stored, matricule: str, replaced: Collection[uuid.UUID | None]) -> str:
    """The stored text as it is given out: labels in force now, and the number that no table holds in clear.

    `replaced`: of the documents named as replaced, those that exist for the reader (`searches.replaced`).
    """
    text = entries.in_force(document.fhir, document.masked_until, document.visible_from)
    if document.replaces_id is not None and document.replaces_id not in replaced:
        text = entries.without_link(text)
    return with_number(text, matricule)


def with_number(text: str, matricule: str) -> str:
    return text.replace(entries.MARK, matricule)
