"""A paper copy: one tagged PDF/A that names everything, prints what can be, and holds each original whole.

veraPDF is not among the tools of this project: the structure is checked with pikepdf, key by key (ISO 19005-3).
"""

import hashlib
import io
import subprocess
import sys
import tempfile

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from archival import paper, press
from documents import sandbox
from tests.archival import laid

pytestmark = pytest.mark.django_db


def photograph() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (900, 600), (200, 30, 30)).save(target, "JPEG")
    return target.getvalue()


@pytest.fixture
def book(code_tables):
    """A dossier with one document of each sort, its copy, and its documents."""
    dossier = laid.dossier()
    rows = [
        laid.lay(
            dossier, "antoine/biologie-20251218.xml", type_code="11502-2", family="biologie", title="Biologie <b>"
        ),
        laid.lay(dossier, "antoine/biologie-20241203.xml", type_code="11502-2", family="biologie", title="Biologie"),
        laid.lay(dossier, title="Une note"),
        laid.lay(dossier, title="Image", content=photograph(), kind="image/jpeg", family="imagerie"),
        laid.lay(dossier, title="Notice", content=_pdf(3), kind="application/pdf"),
    ]
    row = laid.made(laid.ask(dossier, "paper"))
    assert row.state == "ready"
    return laid.given(row), rows


def _pdf(pages: int) -> bytes:
    target = io.BytesIO()
    with pikepdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page(page_size=(595, 842))
        pdf.save(target)
    return target.getvalue()


def test_the_paper_copy(book):
    """One copy, made once: the child takes seconds to start on a busy machine."""
    content, rows = book
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert pdf.check_pdf_syntax() == []
        _is_tagged_pdf_a(pdf)
        _names_its_parts(pdf)
        _holds_the_originals(pdf, rows)
        _prints_what_was_deposited(pdf)
    _says_how_to_cite_each(content, rows)


def _is_tagged_pdf_a(pdf: pikepdf.Pdf) -> None:
    root = pdf.Root
    assert root.MarkInfo.Marked and "/StructTreeRoot" in root and str(root.Lang) == "fr"
    assert root.OutputIntents[0].S == "/GTS_PDFA1" and not pdf.is_encrypted
    with pdf.open_metadata() as said:
        assert (said["pdfaid:part"], said["pdfaid:conformance"]) == ("3", "A")
        assert said["dc:title"] == "Copie du dossier médical partagé de Antoine MARCHAND"
    figures = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and one.get("/S") == "/Figure"]
    assert figures and all("/Alt" in one for one in figures)
    for one in pdf.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/Font" and one.get("/Subtype") != "/Type0":
            assert "/ToUnicode" in one or "/FontDescriptor" in one
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor":
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(one.keys())  # embedded
        if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image" and int(one.Height) > 1:
            assert not one.get("/Interpolate", False)
        assert not (isinstance(one, pikepdf.Dictionary) and one.get("/S") in ("/JavaScript", "/Launch", "/URI"))


def _names_its_parts(pdf: pikepdf.Pdf) -> None:
    with pdf.open_outline() as outline:
        chapters = [one.title for one in outline.root]
        documents = [one.title for one in outline.root[-1].children]
        places = {one.destination[0].objgen for one in outline.root[-1].children}
    linked = {one.Dest[0].objgen for one in pdf.pages[1].Annots if isinstance(one.get("/Dest"), pikepdf.Array)}
    assert places == linked and len(places) == 5
    assert chapters[-4:] == ["Sommaire", "Identité et choix", "Résultats d'analyses", "Documents"]
    assert sorted(documents) == ["Biologie", "Biologie <b>", "Image", "Notice", "Une note"]


def _holds_the_originals(pdf: pikepdf.Pdf, rows: list) -> None:
    held = {hashlib.sha256(one.get_file().read_bytes()).digest() for one in pdf.attachments.values()}
    assert held == {bytes(row.sha256) for row in rows} and len(pdf.Root.AF) == len(rows)
    assert all(one.AFRelationship == "/Source" and "/UF" in one for one in pdf.Root.AF)


def _says_how_to_cite_each(content: bytes, rows: list) -> None:
    with pypdfium2.PdfDocument(content) as pdf:
        said = " ".join(" ".join(one.get_textpage().get_text_bounded() for one in pdf).split())
    assert all(said.count(row.on_paper) == 1 for row in rows)


def _prints_what_was_deposited(pdf: pikepdf.Pdf) -> None:
    drawn = [one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"]
    sizes = sorted((int(one.Width), int(one.Height)) for one in drawn if int(one.Height) > 1)
    assert sizes == [(900, 600), (1240, 1754), (1240, 1754), (1240, 1754)]
    red = next(pikepdf.PdfImage(one).as_pil_image() for one in drawn if int(one.Width) == 900)
    assert red.getpixel((450, 300))[0] > 180
    assert not [one for one in drawn if int(one.Height) == 1 and one.objgen[0] in _shown(pdf)]


def _shown(pdf: pikepdf.Pdf) -> set[int]:
    return {one.objgen[0] for page in pdf.pages for one in page.get("/Resources", {}).get("/XObject", {}).values()}


def test_the_child_that_makes_it_calls_nobody_and_writes_nothing():
    """Whatever runs in it: the kernel refuses a socket, another program, a file (`press.confine`)."""
    hostile = """
import os, socket, subprocess, sys
from archival import press
press.confine()
def refused(act):
    try:
        act()
    except (OSError, MemoryError):
        return True
acts = (
    lambda: socket.socket(),
    lambda: socket.socket(socket.AF_UNIX),
    lambda: subprocess.run(["/bin/true"]),
    lambda: os.execv("/bin/true", ["true"]),
    lambda: open(sys.argv[1], "wb", buffering=0).write(b"x"),
    lambda: bytearray(press.MEMORY),
)
print(*[bool(refused(act)) for act in acts])
"""
    with tempfile.NamedTemporaryFile() as target:
        command = [sys.executable, "-W", "ignore", "-c", hostile, target.name]
        told = subprocess.run(command, capture_output=True, text=True, cwd=sandbox.ROOT, check=False, timeout=60)
    assert told.stdout.split() == ["True"] * 6, told.stderr[-500:]


def test_a_book_fetches_nothing_but_its_own_pages():
    class Watched(press.Placeholders):
        asked: list[str] = []

        def fetch(self, url, headers=None):
            self.asked.append(url)
            return super().fetch(url, headers)

    fetcher = Watched()
    for address in ("http://127.0.0.1/x", "file:///etc/passwd", "data:image/png;base64,AA", "page:x", "page:"):
        with pytest.raises(ValueError, match="refused"):
            fetcher.fetch(address)
    assert fetcher.fetch("page:3").read().startswith(b"\xff\xd8")


@pytest.fixture
def press_child():
    tool = paper.Press()
    yield tool
    tool.end()


@pytest.mark.parametrize("content", [b"%PDF-1.7 nothing", b"%PDF-1.4\n" + b"\0" * 5000, b""])
def test_what_cannot_be_drawn_is_said_so(press_child, content):
    """The child answers that it cannot, or dies: the copy goes on without those pages."""

    with pytest.raises(sandbox.Unanswered):
        press_child.ask("open", content, media_type="application/pdf")


def test_a_document_that_cannot_be_laid_out_in_time_is_left_to_its_original(code_tables, monkeypatch):
    """And a title that looks like what the layout replaces is printed as it is."""
    dossier = laid.dossier()
    long = laid.lay(dossier, title="Long", content=b"mot " * 20_000)
    short = laid.lay(dossier, title="@1@ doc:1 start")
    asked: list[bytes] = []

    def ask(self: paper.Press, question: str, content: bytes = b"", *args: object, **options: object) -> dict:
        asked.append(content)
        if question == "part" and b"mot mot" in content:
            raise sandbox.Unanswered("late")
        tail = {
            "size": 1,
            "previous": 0,
            "root": 1,
            "info": 0,
            "id": [],
            "catalogue": {},
            "names": {},
            "pictures": {},
        }
        return {"pdf": "", "pages": 1, "tail": tail}

    monkeypatch.setattr(paper.Press, "ask", ask)
    row = laid.made(laid.ask(dossier, "paper"))
    assert row.state == "ready" and set(row.contains) == {long.pk, short.pk}
    assert "Trop long pour être imprimé ici".encode() in asked[-2] and b"@1@ doc:1 start" in asked[-2]
