"""PATCH DocumentReference (flux 03): status, securityLabel and isArchived, nothing else (405).

The guide leaves open which status means « supprimé » (interop.md, TD3.3c): `entered-in-error` and
`superseded` are both taken as a withdrawal, by an author alone.
"""

from django.http import HttpResponseBase
from rest_framework.request import Request

from access import gate
from access.facts import Act, Purpose
from access.gate import Entry
from access.policy import decide
from audit import trail
from audit.trail import Event
from documents import acts, entries, masking, searches
from documents.api import FhirView, answer, matricule_of, opened, served, split
from documents.masking import Forbidden
from documents.models import Document
from fhir import ids, patch, problems, systems
from fhir.problems import Problem

CANDIDATES = 20


class Change(FhirView):
    """PATCH DocumentReference/<id>: 200, the resource as it became; each element changed is one version."""

    def patch(self, request: Request, identifier: str) -> HttpResponseBase:
        body, event = request.data, Event.DOCUMENT_MASKED
        try:
            with opened(self.caller, identifier, event, lock=True) as (entry, document):
                wanted = patch.read(body, [document.confidentiality, *entries.labels_of(document)])
                _same_version(request, document)
                apply(entry, document, wanted, asked=request.headers.get("DMP-Holder-Request") == "true")
                if not entry.traced:
                    acts.trace(entry, event, document, what="sans effet")
                matricule = matricule_of(document.dossier_id)
                replaced = searches.replaced(entry.scope, [document.replaces_id])
        except Forbidden:
            self.trace_refusal(identifier, event)
            raise
        return answer(served(document, matricule, replaced), ETag=f'W/"{document.version}"')

    def trace_refusal(self, identifier: str, event: Event) -> None:
        dossier_id, document_id = split(identifier)
        trail.record_now(
            event,
            by=self.caller.actor,
            dossier_id=dossier_id,
            allowed=False,
            ground="not_author",
            mode=gate.SECRET if self.caller.purpose is Purpose.SECRET else "normal",  # admitted: with a minor
            object_kind="document",
            object_id=document_id,
        )


class ConditionalChange(Change):
    """PATCH DocumentReference?identifier=<system>|<value>: the one of that name that he may open."""

    def patch(self, request: Request) -> HttpResponseBase:  # type: ignore[override]
        system, _, unique_id = request.query_params.get("identifier", "").rpartition("|")
        if not unique_id or system not in ("", systems.URI):
            raise problems.bad_search("Dites identifier=urn:ietf:rfc:3986|<uniqueId>.", "identifier")
        found = self.visible(unique_id)
        if not found:
            raise problems.not_found()
        if len(found) > 1:
            raise Problem(412, "multiple-matches", "Plusieurs documents répondent à ce critère : dites lequel.")
        return super().patch(request, found[0])

    def visible(self, unique_id: str) -> list[str]:
        """Across dossiers, as the guide's condition names none: the policy says which exist for the caller."""
        found = []
        for document in Document.objects.filter(unique_id=unique_id)[:CANDIDATES]:
            _, facts = gate.look(self.caller, dossier_id=document.dossier_id)
            scope = decide(Act.OPEN, facts).scope
            if scope is not None and scope.covers(document):
                found.append(ids.join(document.dossier_id, document.pk))
        return found


def _same_version(request: Request, document: Document) -> None:
    wanted = request.headers.get("If-Match", "").strip()
    if wanted and wanted not in (f'W/"{document.version}"', f'"{document.version}"', "*"):
        raise Problem(412, "conflict", "Le document a changé entre-temps : relisez-le, puis recommencez.")


def apply(entry: Entry, document: Document, change: patch.Change, *, asked: bool) -> None:
    """Each element is an act with its own rule, version and trace. Raises `Forbidden`."""
    if change.status in ("superseded", "entered-in-error"):
        masking.withdraw(entry, document)
        return
    if change.status == "current" and document.state != Document.State.CURRENT:
        raise Forbidden("Un document remplacé ne redevient pas en vigueur : déposez-le de nouveau.")
    if change.archived is not None and change.archived != document.archived:
        masking.archive(entry, document, change.archived)
    if change.confidentiality and change.confidentiality != document.confidentiality:
        masking.classify(entry, document, change.confidentiality)
    now = frozenset(entries.labels_of(document))
    wanted = change.only if change.only is not None else (now | change.add) - change.remove
    _labels(entry, document, now, wanted, asked=asked)


def _labels(entry: Entry, document: Document, now: frozenset[str], wanted: frozenset[str], *, asked: bool) -> None:
    if (wanted - now) & {systems.WITHHELD, systems.SECRET}:
        raise Forbidden("Cette étiquette se pose au dépôt seulement : ce qui a été montré ne se cache plus.")
    if systems.WITHHELD in now - wanted:
        masking.announce(entry, document)
    if systems.SECRET in now - wanted:
        masking.show_representatives(entry, document, asked_by_holder=asked)
    if systems.MASKED in wanted - now:
        masking.mask(entry, document, asked_by_holder=asked)
    if systems.MASKED in now - wanted:
        masking.unmask(entry, document, asked_by_holder=asked)
