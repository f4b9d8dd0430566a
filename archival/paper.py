"""The paper copy: one tagged PDF/A-3, to be read on a screen or printed, with every original joined whole.

A child without network draws the pages of what was deposited and lays the book out (`archival.press`). The drawn
pages wait in a sealed file, and go from it into the PDF: no page is ever readable on the disk, none stays in memory.
"""

import base64
import json
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from access import overview
from archival import copies, latest
from archival.appending import Attachment, Picture, Update
from archival.progress import Progress
from archival.selection import Piece, Selection
from documents import bodies, content, contents, keys, sandbox, trends, vault
from documents.families import family_of
from documents.sandbox import Child
from patients import addresses, envelopes
from patients.typography import set_in_type

MODULE, TIMEOUT, LAYOUT = "archival.press", 30.0, 120.0  # seconds a question
DRAWN = frozenset({"application/pdf", "image/jpeg", "image/png", "image/tiff"})
MOST_PAGES, MOST_HTML = 300, 4_000_000  # of one document drawn; characters of narrative of the whole copy
LARGEST = 250_000  # characters laid out at once; a document weighs 3,000, a drawn page 1,000
SHORT, TOO_LONG = 20_000, "trop long pour être imprimé ici"
WIDTH, HEIGHT, UNDER_TITLE = 174.0, 240.0, 202.0  # millimetres of a page left for a drawn page


@dataclass(frozen=True)
class Drawn:
    """A page that waits in the spool. `start`, `size`: bytes; `across`, `down`: millimetres on paper."""

    number: int
    width: int
    height: int
    coloured: bool
    start: int
    size: int
    first: bool  # it stands under the title of its document

    @property
    def across(self) -> float:
        """As large as the page takes."""
        return round(min(WIDTH, (UNDER_TITLE if self.first else HEIGHT) * self.width / self.height), 1)

    @property
    def down(self) -> float:
        return round(self.across * self.height / self.width, 1)


@dataclass
class Chapter:
    """What is printed of one document."""

    piece: Piece
    family: Any
    pages: list[Drawn] = field(default_factory=list)
    narrative: SafeString | str = ""
    text: str = ""
    note: str = ""


class Press:
    """The child; a new one when it dies of what it was given."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def ask(self, question: str, content: bytes = b"", timeout: float = TIMEOUT, **options: Any) -> dict[str, Any]:
        """Raises `sandbox.Unanswered`, `sandbox.NotStarted`."""
        if self._child is None:
            self._child = Child(MODULE)
        self._child.timeout = timeout
        try:
            answer = self._child.ask({"question": question, **options}, content)
        except BaseException:
            self.end()
            raise
        if not answer["ok"]:
            self.end()  # whatever it holds of this file goes with it
            raise sandbox.Unanswered(answer.get("message", "memory"))
        return answer

    def end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


def pieces(selection: Selection, progress: Progress) -> Iterator[bytes]:
    """The PDF, as a stream. Raises `vault.Unreadable`, `sandbox.Unanswered`, `sandbox.NotStarted`."""
    spool, key = uuid.uuid4(), keys.make(selection.copy.dossier_id)
    chapters: list[Chapter] = []
    press = Press()
    progress.total = 3 * len(selection.pieces) + 1
    try:
        store = copies.store()
        store.put(spool, vault.seal(key, spool, _drawn(selection, chapters, press, progress)))
        press.end()  # the book is laid out by a child that never saw a deposited file
        made = _made(selection, chapters, press, progress)
        yield from _put_together(selection, chapters, made, _Spool(store, spool, key), progress)
    finally:
        press.end()
        copies.store().delete(spool)


# -- what is printed of each document ----------------------------------------------------------------------------
def _drawn(selection: Selection, chapters: list[Chapter], press: Press, progress: Progress) -> Iterator[bytes]:
    """The drawn pages one after the other; fills `chapters` on the way."""
    start, number, html = 0, 0, 0
    for piece in selection.pieces:
        progress(piece.number, f"document {piece.number} sur {len(selection.pieces)}")
        chapter = Chapter(piece, family_of(piece.document.family))
        chapters.append(chapter)
        body = _body(piece)
        if piece.document.level == "N3":
            chapter.narrative = mark_safe(content.narrative_of(body.content))  # noqa: S308 (rebuilt and escaped)
            html += len(chapter.narrative)
            if not chapter.narrative or len(chapter.narrative) > LARGEST or html > MOST_HTML:
                chapter.narrative, chapter.note = "", TOO_LONG
        elif body.media_type == "text/plain":
            chapter.text = bodies.text_of(body)
        elif body.media_type in DRAWN:
            for jpeg, told in _pages(press, body, chapter):
                page = Drawn(
                    number, told["width"], told["height"], told["coloured"], start, len(jpeg), not chapter.pages
                )
                chapter.pages.append(page)
                start, number = start + len(jpeg), number + 1
                yield jpeg
        else:
            chapter.note = f"{bodies.NAMES.get(body.media_type, 'fichier')}, qui ne s'imprime pas"


def _body(piece: Piece) -> bodies.Body:
    """Out of its envelope when it has one. Raises `vault.Unreadable`."""
    return bodies.body_of(piece.document) or bodies.Body(contents.read(piece.document), piece.document.media_type)


def _pages(press: Press, body: bodies.Body, chapter: Chapter) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """As far as they can be drawn: the original is joined whatever happens."""
    try:
        count = press.ask("open", body.content, media_type=body.media_type)["pages"]
        for number in range(min(count, MOST_PAGES)):
            told = press.ask("page", number=number)
            yield base64.b64decode(told["jpeg"]), told
        if count > MOST_PAGES:
            chapter.note = f"{MOST_PAGES} pages imprimées sur {count}"
    except sandbox.Unanswered:
        chapter.note = "pages qui n'ont pas pu être imprimées"


# -- the book ------------------------------------------------------------------------------------------------------
def _made(selection: Selection, chapters: list[Chapter], press: Press, progress: Progress) -> dict[str, Any]:
    """What cannot be laid out in time is left to the original, which is joined: once more without the longest."""
    try:
        return _laid(selection, chapters, press, progress)
    except sandbox.Unanswered:
        for chapter in chapters:
            if len(chapter.narrative) + len(chapter.text) > SHORT:
                chapter.narrative, chapter.text, chapter.note = "", "", TOO_LONG
        return _laid(selection, chapters, press, progress)
    finally:
        press.end()


def _laid(selection: Selection, chapters: list[Chapter], press: Press, progress: Progress) -> dict[str, Any]:
    """Part by part (`archival.press.Book`): each is as large as what is laid out at once may be."""
    token = secrets.token_hex(8)
    press.ask("front", _front(selection, chapters, token).encode(), LAYOUT, token=token)
    done = 0
    for part in _parts(chapters):
        progress(len(chapters) + done, "mise en pages")
        context = {"patient": selection.patient, "chapters": part, "first": not done, "token": token}
        press.ask("part", render_to_string("pdf/copy_part.html", context).encode(), LAYOUT)
        done += len(part)
    titles = [(chapter.piece.number, chapter.piece.document.title) for chapter in chapters]
    bound = press.ask("bind", json.dumps(titles).encode(), LAYOUT)
    progress.pages = bound["pages"]
    return bound


def _parts(chapters: list[Chapter]) -> list[list[Chapter]]:
    parts: list[list[Chapter]] = []
    weight = LARGEST
    for chapter in chapters:
        if weight >= LARGEST:
            parts.append([])
            weight = 0
        parts[-1].append(chapter)
        weight += 3000 + 1000 * len(chapter.pages) + len(chapter.narrative) + len(chapter.text)
    return parts


def _front(selection: Selection, chapters: list[Chapter], token: str) -> str:
    legal = selection.copy.legal_id is not None
    families: dict[str, list[Chapter]] = {}
    for chapter in chapters:
        families.setdefault(chapter.family.slug, []).append(chapter)
    context = {
        "token": token,
        "envelope": envelopes.around(selection.copy.dossier_id, selection.copy.pk),
        "to": addresses.of(selection.copy.dossier_id, selection.copy.request_id),
        "selection": selection,
        "patient": selection.patient,
        "dossier": selection.entry.dossier,
        "chapters": chapters,
        "families": [(found[0].family, found) for found in families.values()],
        "legal": legal,
        "made": timezone.localtime(),
        "treating": None if legal else overview.of(selection.copy.dossier_id).treating,
        "care": [(row, row.reimbursed / 100) for row in selection.care],
        "latest": latest.rows(selection.results),
        "curves": [] if legal else trends.curves_of(selection.results, selection.entry.scope),
    }
    return set_in_type(render_to_string("pdf/copy.html", context))


# -- put together --------------------------------------------------------------------------------------------------
class _Spool:
    """The sealed file of the drawn pages, read from any byte."""

    def __init__(self, store: vault.BlobStore, name: uuid.UUID, key: bytes) -> None:
        self.store, self.name, self.key = store, name, key

    def read(self, start: int, size: int) -> Iterator[bytes]:
        with self.store.open(self.name) as file:
            yield from vault.unseal(self.key, self.name, file, start, start + size)


def _put_together(
    selection: Selection, chapters: list[Chapter], made: dict[str, Any], spool: _Spool, progress: Progress
) -> Iterator[bytes]:
    base = base64.b64decode(made["pdf"]).rstrip() + b"\n"
    update = Update(len(base), made["tail"])
    yield base
    for chapter in chapters:
        for page in chapter.pages:
            read = spool.read(page.start, page.size)
            yield from update.picture(page.number, Picture(page.width, page.height, page.coloured, page.size, read))
    yield from update.attach(_originals(selection, progress))
    yield update.close()


def _originals(selection: Selection, progress: Progress) -> Iterator[Attachment]:
    for piece in selection.pieces:
        progress(2 * len(selection.pieces) + piece.number, "pièces jointes")
        row = piece.document
        yield Attachment(
            name=piece.file.partition("/")[2],
            description=f"Document {piece.number}, original",
            media_type=row.media_type,
            size=row.size,
            modified=row.deposited_at,
            pieces=contents.pieces(row),
        )
