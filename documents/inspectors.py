"""What runs inside the sandbox: opens a content, says what it is, or why it cannot be filed.

No Django, no database, no settings. Limits are set after the imports: no more memory than `MEMORY`, no
file, no socket, no child, no core. Answers are JSON: {"ok": true, …} or {"ok": false, message, place}.
"""

import base64
import codecs
import io
import json
import os
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any

import pydicom
from PIL import Image

from documents import cda, narrative
from documents.inspectors_dicom import dicom
from documents.inspectors_image import image, listen
from documents.inspectors_pdf import pdf
from documents.inspectors_signatures import EXECUTABLE, Broken, Refuse, sniff
from documents.inspectors_text import rtf, text

MEMORY = 290 * 1024 * 1024  # bytes of address space: resident memory is part of it, hence under 300 MB
PROCESSOR = 10  # seconds for one question: the end of a child whose parent died while it was working

BODY_TYPES = {
    "application/pdf": "pdf",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/tiff": "tiff",
    "image/png": "png",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "text/plain": "text",
}
BODY = "ClinicalDocument.component.nonXMLBody"
MEDIA = "ClinicalDocument.component.structuredBody…observationMedia"


def cda_document(content: bytes) -> dict[str, Any]:
    """Header and results; the body of a level 1 and the media of a level 3 are examined like files."""
    facts, body, media = cda.read(content)
    if body is not None:
        kind = BODY_TYPES.get((facts.body_media_type or "").split(";")[0].strip().lower())
        if kind is None:
            raise Refuse("Le corps du document CDA n'a pas un format admis : mettez-y un PDF.", BODY)
        _examine(kind, body, BODY)
    flags = {flag for media_type, piece in media for flag in _media_flags(media_type, piece)}
    if not facts.patient["ins_key_valid"]:
        flags.add("ins-key")
    return {"cda": facts.as_dict() | {"flags": sorted(flags)}}


def _examine(kind: str, content: bytes, place: str) -> None:
    try:
        INSPECTORS[kind](content)
    except Refuse as refusal:
        message, cause = (*refusal.args, "")[:2]
        raise type(refusal)(message, cause or place) from refusal


def _media_flags(media_type: str, content: bytes) -> set[str]:
    """What runs is refused; what is only mislabelled or damaged (official samples have both) is flagged."""
    kind = sniff(content)
    if content.startswith(EXECUTABLE):
        raise Refuse("Le document CDA transporte un programme ou une archive.", MEDIA)
    flags = set() if BODY_TYPES.get(media_type.split(";")[0].strip().lower()) == kind else {"media-type"}
    if kind in BODY_TYPES.values() and (kind != "text" or not flags):
        try:
            _examine(kind, content, MEDIA)
        except Broken:
            flags.add("media-broken")
    return flags


def cda_narrative(content: bytes) -> dict[str, Any]:
    """The narrative of a level 3 document as safe HTML; empty for a level 1."""
    return {"html": narrative.html_of(cda.parse(content)[0])}


def cda_contents(content: bytes) -> dict[str, Any]:
    """The body of a level 1, or the media of a level 3, out of their base64: type as declared, bytes."""
    facts, body, media = cda.read(content)
    if body is not None:
        media = [(facts.body_media_type or "", body)]
    contents = [(media_type, base64.b64encode(piece).decode()) for media_type, piece in media]
    return {"level": facts.body_level, "contents": contents}


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
    "narrative": cda_narrative,
    "contents": cda_contents,
}


def answer(question: str, content: bytes) -> dict[str, Any]:
    try:
        return {"ok": True, **INSPECTORS[question](content)}
    except (Refuse, cda.NotCda) as refusal:
        message, place = (*refusal.args, "")[:2]
        return {"ok": False, "message": message, "place": place}
    except Exception:  # noqa: BLE001  (whatever a parser did not foresee: refused, and a fresh child)
        return {"ok": False, "exhausted": True}


# Python loads a codec from a file when it is first used: these are loaded while files can be opened.
ENCODINGS = (
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "tis-620", "shift_jis", "euc_kr"),
    *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 15)),
    *("iso2022_jp", "iso2022_jp_2", "iso2022_kr", "gb18030", "gbk", "idna", "punycode", "unicode_escape"),
    *("raw_unicode_escape", "hex", "base64"),
)
_SMALL_DICOM = b"\0" * 128 + b"DICM" + b"\x08\0\x16\0UI\x02\x001\0"


def confine() -> None:
    """From here on: no file, no socket, no child, bounded memory and processor time."""
    for code in ENCODINGS:
        codecs.lookup(code)
    Image.init()
    pydicom.dcmread(io.BytesIO(_SMALL_DICOM), force=True)
    cda.to_datetime("20240101")
    last = listen()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    os.closerange(last + 1, 256)
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, last + 1))  # all are open: nothing more can be


def _grant_time() -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    until = int(spent.ru_utime + spent.ru_stime) + PROCESSOR
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def serve() -> None:
    confine()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(b"!")
    sink.flush()
    while head := source.read(8):
        size, length = struct.unpack(">II", head)
        question = json.loads(source.read(size))
        _grant_time()
        reply = json.dumps(answer(question["question"], source.read(length))).encode()
        sink.write(struct.pack(">I", len(reply)) + reply)
        sink.flush()
