"""What runs in the child that makes the pages of a paper copy: draws what was deposited, lays out the book.

No Django, no database. After `confine`: no network, no other program, no writing to a file, bounded memory. Two
questions draw (`open`, then `page` for each), three lay out (`Book`); pictures stay outside of the book, which has
small ones in their place until `archival.appending` puts them in: a copy of any size is laid out in the same memory.
"""

import base64
import ctypes
import io
import json
import os
import platform
import re
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any

import pikepdf
import pypdfium2
from PIL import Image, ImageChops
from weasyprint import HTML
from weasyprint.urls import URLFetcher, URLFetcherResponse

from archival import joining

MEMORY = 700 * 1024 * 1024  # bytes of address space: libraries and fonts are mapped in it, resident is a third
PROCESSOR = 120  # seconds for one question
PIXELS = 1754  # long side of a drawn page: A4 at 150 dots an inch
QUALITY = 78
FIRST = 100  # width, in pixels, of the first picture that stands for another: number = width - FIRST
VARIANT = "pdf/a-3a"

Image.MAX_IMAGE_PIXELS = 120_000_000


# -- drawing ---------------------------------------------------------------------------------------------------
class Opened:
    """One deposited file: how many pages it has, and each of them as a picture."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self.pdf = pypdfium2.PdfDocument(content) if media_type == "application/pdf" else None
        self.image = None if self.pdf else Image.open(io.BytesIO(content))
        if self.pdf is not None:
            self.pdf.init_forms()
        self.pages = len(self.pdf) if self.pdf is not None else getattr(self.image, "n_frames", 1)

    def page(self, number: int) -> Image.Image:
        if self.pdf is not None:
            page = self.pdf[number]
            scale = min(150 / 72, PIXELS / max(page.get_size()))
            drawn = page.render(scale=scale).to_pil()
            page.close()
            return drawn
        assert self.image is not None
        self.image.seek(number)
        frame = self.image.convert("RGB") if self.image.mode not in ("L", "RGB") else self.image.copy()
        frame.thumbnail((PIXELS, PIXELS))
        return frame


_opened: list[Opened] = []


def opened(content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    _opened[:] = [Opened(content, options["media_type"])]
    return {"pages": _opened[0].pages}


def page(content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """One page as JPEG, grey when it has no colour."""
    drawn = _opened[0].page(options["number"]).convert("RGB")
    grey = drawn.convert("L")
    apart: Any = ImageChops.difference(drawn, grey.convert("RGB")).getextrema()
    coloured = max(high for _, high in apart) > 24
    target = io.BytesIO()
    (drawn if coloured else grey).save(target, "JPEG", quality=QUALITY)
    width, height = drawn.size
    jpeg = base64.b64encode(target.getvalue()).decode()
    return {"jpeg": jpeg, "width": width, "height": height, "coloured": coloured}


# -- laying out ------------------------------------------------------------------------------------------------
class Placeholders(URLFetcher):
    """`page:N` is the N-th drawn page: a line of grey of its own width. Every other address is refused."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        scheme, _, number = url.partition(":")
        if scheme != "page" or not number.isdigit():
            raise ValueError("refused")
        target = io.BytesIO()
        Image.new("L", (FIRST + int(number), 1), 240).save(target, "JPEG")
        return URLFetcherResponse(url, target.getvalue(), {"Content-Type": "image/jpeg"})


class Book:
    """What is laid out at once is held in memory: parts are laid out one after the other, then joined to the front.

    `token`, which no document can know: followed by `start` it becomes the number of the first page, by `pages` how
    many there are, by the number of a document the page where that one begins. A link to `doc:12` leads there.
    """

    def __init__(self, front: str, token: str) -> None:
        self.front, self.token = front, token
        self.parts: list[bytes] = []
        self.places: dict[int, int] = {}
        self.pages = len(self._laid(front, 0).pages)

    def _laid(self, html: str, start: int) -> Any:
        """`start`: how many pages stand before it."""
        html = html.replace(f"{self.token}start", str(start + 1))
        return HTML(string=html, url_fetcher=Placeholders()).render(pdf_variant=VARIANT)

    def add(self, html: str) -> None:
        laid = self._laid(html, self.pages)
        for place, one in enumerate(laid.pages):
            named = {int(name[1:]): self.pages + place for name in one.anchors if re.fullmatch("d[0-9]+", name)}
            self.places = named | self.places
        self.parts.append(laid.write_pdf(pdf_variant=VARIANT))
        self.pages += len(laid.pages)

    def bound(self, titles: list[tuple[int, str]]) -> bytes:
        front = self.front.replace(f"{self.token}pages", str(self.pages))
        front = re.sub(f"{self.token}([0-9]+)", lambda one: str(self.places.get(int(one[1]), 0) + 1), front)
        laid = self._laid(front, 0).write_pdf(pdf_variant=VARIANT)
        return joining.join(laid, self.parts, self.places, titles)


_books: list[Book] = []


def front(content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    _books[:] = [Book(content.decode(), options["token"])]
    return {}


def part(content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    _books[0].add(content.decode())
    return {}


def bind(content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """A tagged PDF/A-3, and what must be known to add to it without reading it again. `content`: titles, in JSON."""
    made = _books[0].bound(json.loads(content))
    return {"pdf": base64.b64encode(made).decode(), "tail": tail(made), "pages": _books[0].pages}


def tail(made: bytes) -> dict[str, Any]:
    """Of the PDF: its catalogue, its last cross-reference table, and which object is which placeholder."""
    with pikepdf.open(io.BytesIO(made)) as pdf:
        names = pdf.Root.get("/Names", pikepdf.Dictionary())
        return {
            "size": int(pdf.trailer["/Size"]),
            "previous": int(made.rstrip().rsplit(b"startxref", 1)[1].split()[0]),
            "root": pdf.Root.objgen[0],
            "info": pdf.trailer["/Info"].objgen[0] if "/Info" in pdf.trailer else 0,
            "id": [bytes(one).hex() for one in pdf.trailer["/ID"]] if "/ID" in pdf.trailer else [],
            "catalogue": {key: _text(value) for key, value in pdf.Root.items() if key not in ("/Names", "/AF")},
            "names": {key: _text(value) for key, value in names.items()},
            "pictures": {
                str(int(one["/Width"]) - FIRST): one.objgen[0]
                for one in pdf.objects
                if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image" and int(one["/Height"]) == 1
            },
        }


def _text(value: Any) -> str:
    if isinstance(value, pikepdf.Object):
        number, generation = value.objgen
        return f"{number} {generation} R" if number else value.unparse().decode("latin-1")
    return "true" if value is True else "false" if value is False else str(value)


# -- confinement -----------------------------------------------------------------------------------------------
# Refused by the kernel, by machine: socket, connect, bind, sendto, execve, execveat, ptrace, io_uring_setup.
CALLS = {
    "x86_64": (0xC000003E, (41, 42, 49, 44, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 203, 200, 206, 221, 281, 117, 425)),
}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def no_network() -> None:
    """A filter of the kernel, never taken off again: what is refused answers EPERM. Raises OSError."""
    architecture, calls = CALLS[platform.machine()]
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    lines += [(_EQUAL, len(calls) - place, 0, number) for place, number in enumerate(calls)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = _Program(len(lines), ctypes.cast(packed, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def confine() -> None:
    """Fonts are found and the layout engine is warm before; from here on nothing is started, written or called."""
    HTML(string="<p>é <b>b</b> <i>i</i>", url_fetcher=Placeholders()).write_pdf(pdf_variant=VARIANT)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    no_network()


QUESTIONS: dict[str, Callable[[bytes, dict[str, Any]], dict[str, Any]]] = {
    "open": opened,
    "page": page,
    "front": front,
    "part": part,
    "bind": bind,
}


def answer(question: dict[str, Any], content: bytes) -> dict[str, Any]:
    try:
        return {"ok": True, **QUESTIONS[question["question"]](content, question)}
    except MemoryError:
        return {"ok": False, "exhausted": True}
    except Exception as error:  # noqa: BLE001  (whatever a parser did not foresee: this one is not drawn)
        return {"ok": False, "message": type(error).__name__}


def serve() -> None:
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints does not speak to the parent
    confine()
    sink.write(b"!")
    sink.flush()
    while head := source.read(8):
        size, length = struct.unpack(">II", head)
        question = json.loads(source.read(size))
        spent = resource.getrusage(resource.RUSAGE_SELF)
        until = int(spent.ru_utime + spent.ru_stime) + PROCESSOR
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        reply = json.dumps(answer(question, source.read(length))).encode()
        sink.write(struct.pack(">I", len(reply)) + reply)
        sink.flush()
    sys.exit(0)
