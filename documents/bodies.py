"""What a person downloads and looks at: the document itself, out of its CDA envelope when it has one.

A level 1 CDA is an XML file around a PDF or an image: the person wants the PDF. The sandbox takes it out, and
it is served as what its own first bytes say, never as what the envelope says.
"""

from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.text import slugify

from access.gate import Entry
from documents import content, contents, leaving
from documents.content import SERVED, sniff
from documents.models import Document

R = TypeVar("R", bound=HttpResponseBase)
EXTENSIONS = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "text/rtf": "rtf",
    "text/plain": "txt",
    "application/dicom": "dcm",
    "text/xml": "xml",
}
NAMES = {
    "application/pdf": "PDF",
    "image/jpeg": "image JPEG",
    "image/png": "image PNG",
    "image/tiff": "image TIFF",
    "text/rtf": "texte RTF",
    "text/plain": "texte",
    "application/dicom": "image médicale DICOM",
    "text/xml": "document structuré CDA",
}
SHOWN = frozenset({"image/jpeg", "image/png"})  # what a browser may draw in place
TEXT_SHOWN = 100_000  # bytes of plain text shown in the page
# Whatever a file holds, a browser given it runs nothing and fetches nothing.
LOCKED = "sandbox; default-src 'none'"


@dataclass(frozen=True)
class Body:
    """A content and its true type."""

    content: bytes
    media_type: str


def body_of(document: Document) -> Body | None:
    """What stands in the envelope of a level 1 CDA; None for any other document. Raises `vault.Unreadable`."""
    if document.level != "N1":
        return None
    found = content.enclosed(contents.read(document))
    return Body(found[1], found[0]) if found else None


def text_of(body: Body) -> str:
    """A plain text to show in the page, escaped there."""
    return body.content[:TEXT_SHOWN].decode("utf-8", "replace")


def original(entry: Entry, document: Document) -> StreamingHttpResponse:
    """The file as it was deposited, byte for byte, to be kept. Raises `vault.Unreadable`, OSError."""
    pieces = leaving.guarded(contents.pieces(document), entry, document)
    first = next(pieces, b"")  # an unreadable file is known before the answer begins
    response = StreamingHttpResponse(chain([first], pieces), content_type=document.media_type)
    response["Content-Length"] = str(document.size)
    return _locked(response, _disposition(document.title, document.media_type))


def extracted(document: Document, body: Body) -> HttpResponse:
    response = HttpResponse(body.content, content_type=body.media_type)
    return _locked(response, _disposition(document.title, body.media_type))


def picture(body: Body) -> HttpResponse | None:
    """To be drawn in the page; None when the bytes are not those of an image a browser draws safely."""
    media_type = SERVED[sniff(body.content)]
    if media_type not in SHOWN:
        return None
    return _locked(HttpResponse(body.content, content_type=media_type), "inline")


def _disposition(title: str, media_type: str) -> str:
    name = f"{slugify(title)[:80] or 'document'}.{EXTENSIONS[media_type]}"
    return str(content_disposition_header(True, name))


def _locked(response: R, disposition: str) -> R:
    response["Content-Disposition"] = disposition
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = LOCKED
    return response
