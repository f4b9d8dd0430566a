"""What runs inside the sandbox: opens a content, says what it is, or why it cannot be filed.

No Django, no database, no settings. Limits are set after the imports: no more memory than `MEMORY`, no
file, no socket, no child, no core. Answers are JSON: {"ok": true, …} or {"ok": false, code, message, place}.
"""

import codecs
import io
import json
import os
import re
import resource
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
import pydicom
from PIL import Image
from PIL.ExifTags import Base as _Exif  # noqa: F401  (imported now: no file can be opened later)

from documents import cda, narrative

MEMORY = 700 * 1024 * 1024  # address space, bytes; resident memory stays under 300 MB (measured by a test)
MAX_PIXELS = 60_000_000
MAX_INFLATED = 64 * 1024 * 1024  # bytes a PDF's streams may inflate to, each
MAX_PAGES = 2000
MAX_SIDE = 14_400  # points of a PDF page: 5 metres, the limit Acrobat itself has


class Refuse(Exception):
    """`args`: French sentence; place in the content."""


EXECUTABLE = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"PK\x03\x04",
    b"%PDF",
    b"<",
)
BAD_NAMES = re.compile(
    r"\.(exe|dll|com|bat|cmd|js|jse|vbs|vbe|ps1|sh|scr|msi|jar|hta|lnk|py|html?|svg|docm|xlsm)$", re.I
)


# -- PDF -------------------------------------------------------------------------------------------------
def pdf(content: bytes) -> dict[str, Any]:
    try:
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True, attempt_recovery=False) as document:
            if document.is_encrypted and not document.allow.accessibility:
                raise Refuse("Le PDF est protégé : enlevez la protection et recommencez.")
            pages = len(document.pages)
            if not 0 < pages <= MAX_PAGES:
                raise Refuse("Le PDF n'a pas de page, ou en a trop.")
            _check_pages(document)
            _check_objects(document)
            return {"pages": pages}
    except pikepdf.PasswordError as error:
        raise Refuse("Le PDF est protégé par un mot de passe : personne ne pourrait le lire.") from error
    except (
        pikepdf.PdfError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        NotImplementedError,
    ) as error:
        raise Refuse("Le PDF est abîmé ou incomplet : enregistrez-le à nouveau.") from error


def _check_pages(document: Any) -> None:
    for page in document.pages:
        box = [float(number) for number in page.mediabox]
        if abs(box[2] - box[0]) > MAX_SIDE or abs(box[3] - box[1]) > MAX_SIDE:
            raise Refuse("Une page du PDF a des dimensions impossibles.")


ACTIVE = {"/JavaScript", "/Launch", "/GoToR", "/GoToE", "/ImportData", "/SubmitForm", "/RichMediaExecute"}


def _check_objects(document: Any) -> None:
    for thing in document.objects:
        if isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
            _check_dictionary(thing)
        if isinstance(thing, pikepdf.Stream):
            _check_stream(thing)


def _check_dictionary(thing: Any, depth: int = 0) -> None:
    """Direct values too: an action may stand inside the dictionary that uses it."""
    if depth > 20:
        raise Refuse("Le PDF est imbriqué au-delà du raisonnable.")
    if str(thing.get("/S", "")) in ACTIVE or "/JS" in thing or "/XFA" in thing:
        raise Refuse("Le PDF contient du contenu actif (script, lancement, lien vers un autre fichier).")
    for name in ("/F", "/UF"):
        if BAD_NAMES.search(str(thing.get(name, ""))) and ("/EF" in thing or "/Type" in thing):
            raise Refuse("Le PDF transporte un fichier exécutable.")
    for value in dict(thing.items()).values():
        inner = list(value) if isinstance(value, pikepdf.Array) and not value.is_indirect else [value]
        for one in inner:
            if isinstance(one, pikepdf.Dictionary) and not one.is_indirect:
                _check_dictionary(one, depth + 1)


def _check_stream(stream: Any) -> None:
    filters = stream.get("/Filter", [])
    names = [str(filters)] if isinstance(filters, pikepdf.Name) else [str(name) for name in filters]
    if names.count("/FlateDecode") > 1 or len(names) > 3:
        raise Refuse("Le PDF empile les compressions : c'est le signe d'un piège.")
    if "/FlateDecode" in names:
        _inflate_bounded(stream.read_raw_bytes())


def _inflate_bounded(raw: bytes) -> None:
    inflater, total, waiting = zlib.decompressobj(), 0, raw
    try:
        while waiting and total <= MAX_INFLATED and not inflater.eof:
            total += len(inflater.decompress(waiting, 1 << 20))
            waiting = inflater.unconsumed_tail
    except zlib.error:
        return  # readers tolerate a broken stream; it cannot grow
    if total > MAX_INFLATED:
        raise Refuse("Le PDF se décompresse au-delà du raisonnable.")


# -- images ----------------------------------------------------------------------------------------------
def image(content: bytes, expected: str) -> dict[str, Any]:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "TIFF"]) as picture:
                if picture.format != expected:
                    raise Refuse(f"Le fichier est en réalité une image {picture.format}.")
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise Refuse("L'image est trop grande.")
                if getattr(picture, "n_frames", 1) > 500:
                    raise Refuse("L'image a trop de pages.")
                picture.load()
                if _complaints():
                    raise Refuse("L'image est abîmée : une partie ne se décode pas.")
                return {"width": width, "height": height}
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refuse("L'image est trop grande une fois décompressée.") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        struct.error,
        Warning,
        OverflowError,
    ) as error:
        raise Refuse("L'image est abîmée ou incomplète.") from error


COMPLAINTS = 3  # where libtiff says that it decoded as best it could: Pillow does not pass that on


def _complaints() -> bytes:
    try:
        return os.read(COMPLAINTS, 1 << 16)
    except OSError:
        return b""


# -- text ------------------------------------------------------------------------------------------------
def text(content: bytes) -> dict[str, Any]:
    if b"\0" in content:
        raise Refuse("Le texte contient des octets nuls.")
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<script", b"<svg", b"<?xml", b"<?php", b"#!", b"mz", b"%pdf")):
        raise Refuse("Le fichier n'est pas du texte simple.")
    # The test string every antivirus knows, so that the outcome is the same with and without one.
    if b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$" in content[:256]:
        raise Refuse("Le fichier est la chaîne d'essai des antivirus.", "malware")
    try:
        content.decode()
    except UnicodeDecodeError:
        if any(byte < 32 and byte not in b"\t\n\r\x0c" for byte in content):
            raise Refuse("Le fichier n'est pas du texte lisible.") from None
    return {}


RTF_ACTIVE = re.compile(rb"\\(objdata|object|objupdate|objautlink|field\s*\{[^}]*INCLUDE|\*\\template|ddeauto)", re.I)


def rtf(content: bytes) -> dict[str, Any]:
    if not content.startswith(b"{\\rtf") or not content.rstrip(b"\0\r\n ").endswith(b"}"):
        raise Refuse("Le fichier RTF est abîmé ou incomplet.")
    if RTF_ACTIVE.search(content):
        raise Refuse("Le RTF contient un objet incorporé ou un lien.")
    return {}


# -- DICOM -----------------------------------------------------------------------------------------------
DICOM_FACTS = [
    "Modality",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "PatientName",
    "StudyDate",
    "AccessionNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
]


def dicom(content: bytes) -> dict[str, Any]:
    preamble = content[:128]
    if preamble.startswith(EXECUTABLE):
        raise Refuse("L'en-tête libre du DICOM cache un programme.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True, force=False)
            facts = {name: str(dataset.get(name, "") or "")[:200] for name in DICOM_FACTS}
            facts["TransferSyntaxUID"] = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    except RecursionError as error:
        raise Refuse("Le DICOM est imbriqué au-delà du raisonnable.") from error
    except Exception as error:
        raise Refuse("Le fichier DICOM est abîmé ou incomplet.") from error
    if not facts["SOPInstanceUID"] or not facts["TransferSyntaxUID"]:
        raise Refuse("Le fichier DICOM n'a pas d'identifiant d'instance.")
    rows, columns = int(facts["Rows"] or 0), int(facts["Columns"] or 0)
    if rows * columns > 200_000_000:
        raise Refuse("L'image DICOM annonce des dimensions impossibles.")
    return {"dicom": facts}


# -- CDA -------------------------------------------------------------------------------------------------
BODY_TYPES = {
    "application/pdf": "pdf",
    "image/jpeg": "jpeg",
    "image/tiff": "tiff",
    "image/png": "png",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "text/plain": "text",
}


def cda_document(content: bytes) -> dict[str, Any]:
    try:
        facts, body = cda.read(content)
    except cda.NotCda as error:
        raise Refuse(*error.args) from error
    if body is not None:
        kind = BODY_TYPES.get(facts.body_media_type or "")
        if kind is None:
            raise Refuse("Le corps du document CDA n'a pas un format admis.", "ClinicalDocument.component.nonXMLBody")
        INSPECTORS[kind](body)
    return {"cda": facts.as_dict()}


def cda_body(content: bytes) -> dict[str, Any]:
    """The narrative of a level 3 document as safe HTML; the place of the body of a level 1 one."""
    try:
        root, _ = cda.parse(content)
    except cda.NotCda as error:
        raise Refuse(*error.args) from error
    return {"html": narrative.html_of(root)}


INSPECTORS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "ping": lambda content: {},
    "pdf": pdf,
    "jpeg": lambda content: image(content, "JPEG"),
    "png": lambda content: image(content, "PNG"),
    "tiff": lambda content: image(content, "TIFF"),
    "text": text,
    "rtf": rtf,
    "dicom": dicom,
    "cda": cda_document,
    "narrative": cda_body,
}


def answer(question: str, content: bytes) -> dict[str, Any]:
    try:
        return {"ok": True, **INSPECTORS[question](content)}
    except Refuse as refusal:
        message, place = (*refusal.args, "")[:2]
        return {"ok": False, "message": message, "place": place}
    except Exception:  # noqa: BLE001  (whatever a parser did not foresee: refused, and a fresh child)
        return {"ok": False, "exhausted": True}


# Python loads a codec from a file when it is first used: these are loaded while files can be opened.
ENCODINGS = [
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "iso8859-2",
    "iso8859-3",
    "iso8859-4",
    "iso8859-5",
    "iso8859-6",
    "iso8859-7",
    "iso8859-8",
    "iso8859-9",
    "iso8859-15",
    "cp1252",
    "tis-620",
    "shift_jis",
    "euc_kr",
    "iso2022_jp",
    "iso2022_jp_2",
    "iso2022_kr",
    "gb18030",
    "gbk",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "hex",
    "base64",
]


def confine() -> None:
    """From here on: no file, no socket, no child, bounded memory and processor time."""
    for code in ENCODINGS:
        codecs.lookup(code)
    Image.init()
    pydicom.dcmread(io.BytesIO(_SMALL_DICOM), force=True)
    cda.to_datetime("20240101")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    os.dup2(writer, 2)
    os.close(writer)
    assert reader == COMPLAINTS
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))  # 0 to 3 are open: nothing more can be


_SMALL_DICOM = b"\0" * 128 + b"DICM" + b"\x08\0\x16\0UI\x02\x001\0"


def serve() -> None:
    confine()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(b"!")
    sink.flush()
    while head := source.read(8):
        size, length = struct.unpack(">II", head)
        question = json.loads(source.read(size))
        reply = json.dumps(answer(question["question"], source.read(length))).encode()
        sink.write(struct.pack(">I", len(reply)) + reply)
        sink.flush()
