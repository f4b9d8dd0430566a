"""PDF, inside the sandbox: opened by qpdf without recovery, so that what is examined is what a reader shows.

Refused: what runs, what reaches out, what carries a program, what grows without measure.
"""

import base64
import io
import re
import zlib
from collections.abc import Iterable
from typing import Any

import pikepdf

from documents.inspectors_signatures import EXECUTABLE, WEB_START, Broken, Refuse, ends_as_archive

MAX_PAGES = 2000
MAX_SIDE = 14_400  # points: 5 metres, the limit of Acrobat (ISO 32000-1, annex C)
MAX_NESTING = 50
MAX_STREAM = 128 * 1024 * 1024  # bytes a stream may inflate to: an A4 page scanned at 600 dpi makes 104 MB
MAX_STREAMS = 512 * 1024 * 1024  # bytes all of them may
DEFLATE_RATIO = 1032  # no deflate stream grows more (zlib, "Maximum Compression Factor")

# ISO 32000-1, table 198. URI and GoTo stay: a letter may name the hospital's site.
ACTIONS = {
    "/JavaScript",
    "/Launch",
    "/GoToR",
    "/GoToE",
    "/ImportData",
    "/SubmitForm",
    "/Rendition",
    "/RichMediaExecute",
    "/GoTo3DView",
}
MEDIA = {"/RichMedia", "/3D", "/Movie", "/Screen", "/Sound"}
SCHEMES = {"http", "https", "mailto", "tel"}
SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
FILE_NAMES = ("/F", "/UF", "/DOS", "/Mac", "/Unix")
DATA_NAME = re.compile(r"\.(xml|csv|txt|json|hl7)$", re.I)
FLATE, LZW, RUN_LENGTH = {"/FlateDecode", "/Fl"}, {"/LZWDecode", "/LZW"}, {"/RunLengthDecode", "/RL"}
HEX, ASCII85 = {"/ASCIIHexDecode", "/AHx"}, {"/ASCII85Decode", "/A85"}

DAMAGED = "Le PDF est abîmé ou incomplet : enregistrez-le à nouveau, puis recommencez."
BOMB = "Le PDF se décompresse au-delà du raisonnable : enregistrez-le à nouveau, avec des images réduites."


def pdf(content: bytes) -> dict[str, Any]:
    if not content.startswith(b"%PDF-"):
        raise Broken("Le fichier n'est pas un PDF.")
    if ends_as_archive(content):
        raise Refuse("Le PDF est aussi une archive ZIP : déposez le PDF seul.")
    try:
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True, attempt_recovery=False) as document:
            pages = len(document.pages)
            if not 0 < pages <= MAX_PAGES:
                raise Refuse(f"Le PDF n'a pas de page, ou en a plus de {MAX_PAGES}.")
            _check_pages(document)
            _check_objects(document)
            return {"pages": pages}
    except pikepdf.PasswordError as error:
        raise Refuse("Le PDF est protégé par un mot de passe : enlevez la protection, puis recommencez.") from error
    except (
        pikepdf.PdfError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        NotImplementedError,
    ) as error:
        raise Broken(DAMAGED) from error


def _check_pages(document: Any) -> None:
    for page in document.pages:
        box = [float(number) for number in page.mediabox]
        unit = float(page.obj.get("/UserUnit", 1))
        if max(abs(box[2] - box[0]), abs(box[3] - box[1])) * unit > MAX_SIDE:
            raise Refuse("Une page du PDF a des dimensions impossibles.")


def _check_objects(document: Any) -> None:
    streams = []
    for thing in [document.trailer, *document.objects]:
        if isinstance(thing, (pikepdf.Dictionary, pikepdf.Array, pikepdf.Stream)):
            _check_container(thing)
        if isinstance(thing, pikepdf.Stream):
            streams.append(thing)
    _check_streams(streams)


def _check_container(thing: Any, depth: int = 0) -> None:
    """With what stands directly in it: an action may be written where it is used, or in an array."""
    if depth > MAX_NESTING:
        raise Refuse("Le PDF est imbriqué au-delà du raisonnable.")
    if isinstance(thing, pikepdf.Array):
        values: Iterable[Any] = thing
    else:
        entries = dict(thing.items())
        _check_entries(entries, is_stream=isinstance(thing, pikepdf.Stream))
        values = entries.values()
    for value in values:
        if isinstance(value, (pikepdf.Dictionary, pikepdf.Array)) and not value.is_indirect:
            _check_container(value, depth + 1)


def _check_entries(entries: dict[str, Any], *, is_stream: bool) -> None:
    if "/JS" in entries or "/XFA" in entries or str(entries.get("/S", "")) in ACTIONS:
        raise Refuse(
            "Le PDF contient du contenu actif (script, lancement d'un programme, lien vers un autre fichier) : "
            "imprimez-le en PDF, puis déposez la copie."
        )
    if "/Subtype" in entries and str(entries["/Subtype"]) in MEDIA:
        raise Refuse("Le PDF contient une vidéo, un son ou un objet animé : déposez un PDF sans cet élément.")
    if "/URI" in entries and isinstance(entries["/URI"], pikepdf.String):
        _check_link(str(entries["/URI"]))
    if "/EF" in entries:
        _check_attachment(entries)
    elif is_stream and "/F" in entries:
        raise Refuse("Le PDF prend une partie de son contenu dans un autre fichier.")


def _check_link(target: str) -> None:
    scheme = SCHEME.match(target)
    if (scheme and scheme[1].lower() not in SCHEMES) or target.lstrip().startswith(("//", "\\\\")):
        raise Refuse("Le PDF contient un lien vers un fichier ou un programme : enlevez ce lien.")


def _check_attachment(entries: dict[str, Any]) -> None:
    """Data may be attached (a CDA, a table), nothing that a double click runs or opens."""
    names = [str(entries[name]).rstrip(" .\0") for name in FILE_NAMES if name in entries]
    streams = [stream for stream in dict(entries["/EF"].items()).values() if isinstance(stream, pikepdf.Stream)]
    beginnings = [_beginning(stream) for stream in streams]
    if not all(DATA_NAME.search(name) for name in names) or any(
        start.startswith((*EXECUTABLE, b"%PDF")) or WEB_START.match(start) for start in beginnings
    ):
        raise Refuse("Le PDF transporte un fichier joint qui n'est pas de simples données : enlevez-le.")


def _beginning(stream: Any) -> bytes:
    filters, raw = _filters(stream), stream.read_raw_bytes()
    if not filters:
        return bytes(raw[:1024])
    if len(filters) > 1 or filters[0] not in FLATE:
        raise Refuse("Le PDF transporte un fichier joint qu'on ne peut pas examiner : enlevez-le.")
    try:
        return zlib.decompressobj().decompress(raw, 1024)
    except zlib.error as error:
        raise Broken(DAMAGED) from error


def _filters(stream: Any) -> list[str]:
    filters = stream.get("/Filter", [])
    return [str(filters)] if isinstance(filters, pikepdf.Name) else [str(name) for name in filters]


def _check_streams(streams: list[Any]) -> None:
    """Streams too small to matter, by the ratio of deflate, are counted at their worst and not inflated."""
    worst = real = 0
    for stream in streams:
        filters = _filters(stream)
        growing = [name for name in filters if name in FLATE | LZW | RUN_LENGTH]
        if len(growing) > 1 or len(filters) > 3:
            raise Refuse("Le PDF empile les compressions : enregistrez-le à nouveau.")
        if not growing:
            continue
        raw = stream.read_raw_bytes()
        bound = len(raw) * DEFLATE_RATIO
        if worst + bound <= MAX_STREAMS // 4 and growing[0] in FLATE:
            worst += bound
            continue
        real += _inflated(stream, raw, filters)
        if real > MAX_STREAMS:
            raise Refuse(BOMB)


def _inflated(stream: Any, raw: bytes, filters: list[str]) -> int:
    """The size once inflated, never held in memory. Raises `Refuse` above MAX_STREAM."""
    for name in filters:
        if name in HEX:
            raw = bytes.fromhex(raw.split(b">")[0].decode("ascii"))
        elif name in ASCII85:
            raw = base64.a85decode(raw.strip().removeprefix(b"<~").split(b"~>")[0])
        elif name in FLATE:
            return _inflate_bounded(raw)
        else:
            break
    # LZW and run lengths, of last century's files: qpdf inflates them, within the memory of the sandbox.
    return len(stream.read_bytes())


def _inflate_bounded(raw: bytes) -> int:
    inflater, total, waiting = zlib.decompressobj(), 0, raw
    try:
        while waiting and not inflater.eof:
            total += len(inflater.decompress(waiting, 1 << 20))
            waiting = inflater.unconsumed_tail
            if total > MAX_STREAM:
                raise Refuse(BOMB)
    except zlib.error:
        pass  # readers show what came before the fault; it cannot grow
    return total
