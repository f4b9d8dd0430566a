"""Whether a content may be filed: size, what it really is, what it carries, what the antivirus says.

The declared type must be the true one. Parsing happens in the sandbox; what it cannot finish is refused.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from documents import antivirus
from documents.inspectors_signatures import other, sniff
from documents.sandbox import Unanswered, sandbox

# declared type -> inspector; the served type is that of SERVED
ADMITTED = {
    "application/pdf": "pdf",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/png": "png",
    "image/tiff": "tiff",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "text/plain": "text",
    "application/dicom": "dicom",
    "text/xml": "cda",
    "application/xml": "cda",
    "application/hl7-v3+xml": "cda",
}
SERVED = {
    "pdf": "application/pdf",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "tiff": "image/tiff",
    "rtf": "text/rtf",
    "text": "text/plain",
    "dicom": "application/dicom",
    "cda": "text/xml",
}
NAMES = {
    "pdf": "un PDF",
    "jpeg": "une image JPEG",
    "png": "une image PNG",
    "tiff": "une image TIFF",
    "rtf": "un texte RTF",
    "text": "un texte simple",
    "dicom": "un objet DICOM",
    "cda": "un document XML",
}
DEFAULT_LIMIT = 25 * 1024 * 1024  # bytes


class Inadmissible(Exception):
    """This content is refused. `code`: XDS error code (ITI TF-3 4.2.4.1); `message`: what to do, in French."""

    def __init__(self, code: str, message: str, expression: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.expression = code, message, expression


@dataclass(frozen=True)
class Inspection:
    """What an admitted content is. `size` in bytes, `sha1` 20 bytes, `sha256` 32 bytes."""

    media_type: str
    size: int
    sha1: bytes
    sha256: bytes
    scan: str
    cda: dict[str, Any] | None = None
    dicom: dict[str, str] | None = None
    pages: int | None = None

    @property
    def level(self) -> str:
        return self.cda["body_level"] if self.cda else ""


def inspect(content: bytes, declared_type: str) -> Inspection:
    """Raises `Inadmissible`, `antivirus.Unavailable`, `sandbox.NotStarted`."""
    if not content:
        raise Inadmissible("InvalidDocumentContent", "Le fichier est vide : choisissez-en un autre.")
    limit = getattr(settings, "MAX_DEPOSIT", DEFAULT_LIMIT)
    if len(content) > limit:
        raise Inadmissible("TooLarge", f"Le fichier dépasse {limit // 1024 // 1024} Mo : réduisez-le ou découpez-le.")
    kind = ADMITTED.get(declared_type.split(";")[0].strip().lower())
    if kind is None:
        raise Inadmissible(
            "Unsupported",
            "Ce format n'est pas admis. Sont admis : CDA R2, PDF, JPEG, PNG, TIFF, RTF, texte, DICOM.",
        )
    true_kind = sniff(content)
    found = other(content) if true_kind in ("text", "cda") else None
    if true_kind != kind or (found and kind == "cda"):
        raise Inadmissible(
            "TypeMismatch",
            f"Le fichier est annoncé comme {NAMES[kind]}, mais c'est {found or NAMES[true_kind]}. "
            "Corrigez le type annoncé, ou convertissez le fichier en PDF.",
        )
    answer = _asked(kind, content)
    return Inspection(
        media_type=SERVED[kind],
        size=len(content),
        sha1=hashlib.sha1(content, usedforsecurity=False).digest(),
        sha256=hashlib.sha256(content).digest(),
        scan=_scanned(kind, content),
        cda=answer.get("cda"),
        dicom=answer.get("dicom"),
        pages=answer.get("pages"),
    )


def _asked(question: str, content: bytes) -> dict[str, Any]:
    try:
        answer = sandbox.ask(question, content)
    except Unanswered as error:
        raise Inadmissible(
            "InvalidDocumentContent",
            "Le fichier n'a pas pu être examiné en entier : enregistrez-le à nouveau ou convertissez-le en PDF.",
        ) from error
    if not answer["ok"]:
        code = "Malware" if answer["place"] == "malware" else "InvalidDocumentContent"
        raise Inadmissible(code, answer["message"], "" if code == "Malware" else answer["place"])
    return answer


def _scanned(kind: str, content: bytes) -> str:
    """An antivirus does not see through the base64 of a CDA: what it carries is shown to it apart."""
    pieces = [content]
    if kind == "cda" and antivirus.configured():
        pieces += [base64.b64decode(piece) for _, piece in _asked("contents", content)["contents"]]
    try:
        scans = [antivirus.scan(piece) for piece in pieces]
    except antivirus.Infected as error:
        raise Inadmissible("Malware", str(error)) from error
    return scans[0]


def verify_claims(inspection: Inspection, size: int | None, sha1_base64: str | None) -> None:
    """Size and SHA-1 said in the metadata are those of the content. Raises `Inadmissible`."""
    if size is not None and size != inspection.size:
        raise Inadmissible(
            "XDSNonIdenticalHash",
            "La taille annoncée n'est pas celle du contenu reçu.",
            "content[0].attachment.size",
        )
    if sha1_base64:
        try:
            claimed = base64.b64decode(sha1_base64, validate=True)
        except (binascii.Error, ValueError):
            claimed = b""
        if claimed != inspection.sha1:
            raise Inadmissible(
                "XDSNonIdenticalHash",
                "L'empreinte annoncée (SHA-1) n'est pas celle du contenu reçu.",
                "content[0].attachment.hash",
            )


@lru_cache
def _formats() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "cda_formats.json").read_text())
    return loaded


def format_of(inspection: Inspection) -> str:
    """The XDS format code: by CDA template (ASS_A11), by the type of a level 1 body (ASS_A12)."""
    tables = _formats()
    if inspection.cda is None:
        return str(tables["by_media_type"].get(inspection.media_type, tables["fallback"]))
    if inspection.level == "N1":
        body = SERVED[ADMITTED[str(inspection.cda["body_media_type"]).split(";")[0].strip().lower()]]
        return str(tables["by_media_type"].get(body, tables["fallback"]))
    for template in reversed(inspection.cda["templates"]):
        if template in tables["by_template"]:
            return str(tables["by_template"][template])
    return str(tables["fallback"])


def narrative_of(content: bytes) -> str:
    """The body of a level 3 CDA as safe HTML; empty when it cannot be had."""
    try:
        return str(_asked("narrative", content)["html"])
    except Inadmissible:
        return ""


def enclosed(content: bytes) -> tuple[str, bytes] | None:
    """What a level 1 CDA carries, as read by the parser that examined it: its true type and its bytes.

    None for a level 3, and for what cannot be read.
    """
    try:
        answer = _asked("contents", content)
    except Inadmissible:
        return None
    if answer["level"] != "N1":
        return None
    body = base64.b64decode(answer["contents"][0][1])
    return SERVED[sniff(body)], body
