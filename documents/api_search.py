"""DocumentReference and List: search (ITI-67, ITI-66; GET and POST _search), and read by id.

A list: account, rights, rows, trace; the number of the patient when it was not given; what is inside lots, or what
was replaced. At most six statements; no COUNT unless asked. Texts are those stored with the rows.
"""

import uuid
from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, QueryDict
from rest_framework.request import Request

from access import gate
from access.facts import Act
from access.gate import Absent, Entry
from audit.trail import Event
from documents import acts, deposits, entries, searches
from documents.api import NO_DOSSIER, FhirView, answer, hidden, matricule_of, opened, served, split
from documents.searches import Row
from fhir import ids, search, write
from fhir.problems import issue
from fhir.search import ALIASES, Search

SUBJECTS = {"patient", "patient.identifier"}
Pairs = list[tuple[str, str]]


def _pairs(params: QueryDict) -> Pairs:
    return [(name, value) for name, values in params.lists() for value in values]


class SearchView(FhirView, ABC):
    """What both searches share: one patient, the gate, a page, its trace."""

    kind = ""
    event = Event.DOCUMENT_LISTED

    @abstractmethod
    def read(self, pairs: Pairs) -> Search:
        """What is asked for. Raises Problem."""

    @abstractmethod
    def find(self, entry: Entry, wanted: Search) -> tuple[list[Row], int | None]:
        """The rows of a page and one more; their number when it was asked for."""

    @abstractmethod
    def texts(self, entry: Entry, wanted: Search, shown: list[Row]) -> list[tuple[str, str]]:
        """Logical id and stored text of each row shown."""

    def get(self, request: Request) -> HttpResponseBase:
        return self.search(_pairs(request.query_params))

    def post(self, request: Request) -> HttpResponseBase:
        """`_search`, form-encoded: the number of the patient stays out of addresses."""
        return self.search(_pairs(request._request.POST) + _pairs(request.query_params))

    def search(self, pairs: Pairs) -> HttpResponse:
        wanted = self.read(pairs)
        number, dossier_id = deposits.resolve(wanted.subject)
        try:
            with gate.enter(self.caller, Act.LIST, self.event, ins=number, dossier_id=dossier_id) as entry:
                found, total = self.find(entry, wanted)
                shown = found[: wanted.count]
                texts = self.texts(entry, wanted, shown)
                entry.trace(detail={"count": len(shown), "query": _said(wanted)})
        except Absent as error:
            raise NO_DOSSIER from error
        after = str(_cursor(shown[-1])) if len(found) > wanted.count else ""
        body = write.searchset(
            self.base,
            self.kind,
            texts,
            self_link=self.link(wanted, entry.dossier.pk, str(wanted.cursor or "")),
            next_link=self.link(wanted, entry.dossier.pk, after) if after else "",
            total=total,
            warnings=_warnings(wanted),
        )
        return answer(body)

    def link(self, wanted: Search, dossier_id: uuid.UUID, cursor: str) -> str:
        """A page's address. It names the patient by our id: his number stands in no address of ours."""
        pairs = [("patient", dossier_id.hex), *_said(wanted).items()]
        if cursor:
            pairs.append(("cursor", cursor))
        return f"{self.base}/{self.kind}?{urlencode(pairs, doseq=True)}"


def _said(wanted: Search) -> dict[str, list[str]]:
    """What was asked, without whom it was about."""
    said: dict[str, list[str]] = {}
    for name, value in wanted.understood:
        if ALIASES.get(name, name) not in SUBJECTS and name != "cursor":
            said.setdefault(name, []).append(value[:200])
    return said


def _cursor(last: Row) -> search.Cursor:
    return search.Cursor(last.key, last.id)


def _warnings(wanted: Search) -> list[dict[str, Any]]:
    ignored = ", ".join(wanted.ignored[:10])
    return [issue("not-supported", f"Paramètres ignorés : {ignored}.", severity="warning")] if ignored else []


# -- DocumentReference ----------------------------------------------------------------------------------------------
class DocumentSearch(SearchView):
    """ITI-67."""

    kind = "DocumentReference"

    def read(self, pairs: Pairs) -> Search:
        return search.documents(pairs)

    def find(self, entry: Entry, wanted: Search) -> tuple[list[Row], int | None]:
        rows = searches.documents(entry.scope, wanted)
        total = rows.count() if wanted.total else None
        return searches.page(rows, wanted), total

    def texts(self, entry: Entry, wanted: Search, shown: list[Row]) -> list[tuple[str, str]]:
        if not shown:
            return []
        dossier_id = entry.dossier.pk
        matricule = wanted.subject.ins or matricule_of(dossier_id)
        replaced = searches.replaced(entry.scope, [row.replaces_id for row in shown])
        return [(ids.join(dossier_id, row.id), served(row, matricule, replaced)) for row in shown]


class DocumentRead(FhirView):
    """GET DocumentReference/<id>: the metadata."""

    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        with opened(self.caller, identifier, Event.DOCUMENT_READ) as (entry, document):
            matricule = matricule_of(document.dossier_id)
            replaced = searches.replaced(entry.scope, [document.replaces_id])
            acts.trace(entry, Event.DOCUMENT_READ, document, metadata=True)
        return answer(served(document, matricule, replaced), ETag=f'W/"{document.version}"')


# -- List -----------------------------------------------------------------------------------------------
class ListSearch(SearchView):
    """ITI-66: lots of which at least one document exists for the reader; their entries name only those."""

    kind = "List"
    event = Event.LISTS_READ

    def read(self, pairs: Pairs) -> Search:
        return search.lists(pairs)

    def find(self, entry: Entry, wanted: Search) -> tuple[list[Row], int | None]:
        rows = searches.lists(entry.scope, wanted)
        total = rows.count() if wanted.total else None
        return searches.page(rows, wanted), total

    def texts(self, entry: Entry, wanted: Search, shown: list[Row]) -> list[tuple[str, str]]:
        dossier_id = entry.dossier.pk
        inside = searches.inside(entry.scope, [row.id for row in shown]) if shown else {}
        return [
            (ids.join(dossier_id, row.id), entries.with_entries(row.fhir, dossier_id, inside[row.id]))
            for row in shown
        ]


class ListRead(FhirView):
    """GET List/<id>."""

    def get(self, request: Request, identifier: str) -> HttpResponseBase:
        dossier_id, lot_id = split(identifier)
        with (
            hidden(),
            gate.enter(self.caller, Act.OPEN, Event.LISTS_READ, dossier_id=dossier_id, object_id=lot_id) as entry,
        ):
            lot = searches.visible_lots(entry.scope).filter(pk=lot_id).first()
            if lot is None:
                raise Absent
            inside = searches.inside(entry.scope, [lot_id])
            entry.trace(object_kind="set", object_id=lot.pk)
        return answer(entries.with_entries(lot.fhir, dossier_id, inside[lot_id]))
