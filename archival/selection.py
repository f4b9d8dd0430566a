"""What goes into one copy: the rows that exist for who asked, read at once, and the names their files bear in it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone
from django.utils.text import slugify

from access.gate import Entry
from archival import standing
from archival.copies_models import Copy
from documents import care_shown, shelf
from documents.bodies import EXTENSIONS
from documents.care_lines import CareLine
from documents.models import Document, Result, SubmissionSet
from patients import terms
from patients.models import Patient


@dataclass(frozen=True)
class Piece:
    """One document of a copy. `number`: its rank in it, the latest first, as its files and its pages are numbered."""

    number: int
    document: Document
    older: bool  # replaced since

    @property
    def name(self) -> str:
        """Without extension: rank, day, title; letters that every file system takes."""
        day = timezone.localtime(self.document.created)
        return f"{self.number:03d}-{day:%Y-%m-%d}-{slugify(self.document.title)[:60] or 'document'}"

    @property
    def file(self) -> str:
        return f"documents/{self.name}.{EXTENSIONS.get(self.document.media_type, 'bin')}"

    @property
    def kind(self) -> str:
        return terms.display("types", self.document.type_code)

    @property
    def author(self) -> str:
        return "la personne elle-même" if self.document.origin == Document.Origin.HOLDER else self._professional

    @property
    def _professional(self) -> str:
        return shelf.author_of(self.document)

    @property
    def format(self) -> str:
        return shelf.format_of(self.document)


@dataclass(frozen=True)
class Selection:
    """`left_out`: how many documents of the dossier are not in it, for the operator only."""

    copy: Copy
    entry: Entry
    patient: Patient
    pieces: list[Piece]
    results: list[Result]
    care: list[CareLine]
    sets: list[SubmissionSet]
    left_out: int

    @cached_property
    def by_document(self) -> dict[uuid.UUID, list[Result]]:
        found: dict[uuid.UUID, list[Result]] = {}
        for one in self.results:
            found.setdefault(one.document_id, []).append(one)
        return found

    @property
    def ids(self) -> list[uuid.UUID]:
        return [piece.document.pk for piece in self.pieces]

    def texts(self) -> Iterator[tuple[Document, str]]:
        """The FHIR text of each document, one after the other: it is left out of the rows."""
        for start in range(0, len(self.pieces), 50):
            chunk = [piece.document for piece in self.pieces[start : start + 50]]
            rows = Document.objects.filter(dossier_id=self.copy.dossier_id, pk__in=[one.pk for one in chunk])
            known = dict(rows.values_list("pk", "fhir"))
            for one in chunk:
                yield one, known.get(one.pk, "")


def make(copy: Copy, entry: Entry) -> Selection:
    """In a few queries, whatever the number of documents."""
    rows = list(standing.documents(copy, entry).defer("fhir"))
    kept = [one.pk for one in rows]
    dossier_id = copy.dossier_id
    results = Result.objects.filter(dossier_id=dossier_id, document_id__in=kept)
    lots = {one.submission_set_id for one in rows if one.submission_set_id}
    return Selection(
        copy=copy,
        entry=entry,
        patient=Patient.objects.get(dossier_id=dossier_id),
        pieces=[Piece(number, one, one.state != "current") for number, one in enumerate(rows, 1)],
        results=list(results.order_by("document_id", "rank")),
        care=list(care_shown.lines(entry.scope).latest_first()) if standing.may_care(copy, entry) else [],
        sets=list(SubmissionSet.objects.filter(dossier_id=dossier_id, pk__in=lots).defer("fhir").order_by("date")),
        left_out=standing.left_out(copy, len(rows)),
    )
