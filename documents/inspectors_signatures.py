"""What the first and the last bytes of a content say. Pure: used on both sides of the sandbox."""

import re

# Where each format says what it is: offset, bytes, kind (ISO 32000-1 7.5.2, JPEG B.1.1.3, PNG 5.2, TIFF 6 2)
SIGNATURES = (
    (128, b"DICM", "dicom"),  # first: its preamble may rightly be that of a TIFF (DICOM PS3.10, 7.1)
    (0, b"%PDF-", "pdf"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"{\\rtf", "rtf"),
)
XML_START = re.compile(rb"\A(\xef\xbb\xbf)?\s*<[?!/A-Za-z_]|\A\xff\xfe\s?<\0|\A\xfe\xff\0<")
WEB_START = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script|iframe|svg|style|title|table|div|a|p|br|b"
    rb"|!--|\?php)\b",
    re.I,
)
# Formats that are not admitted, so that a refusal can name what was sent.
OTHERS = (
    (b"PK\x03\x04", "une archive ZIP ou un fichier bureautique"),
    (b"\xd0\xcf\x11\xe0", "un ancien fichier bureautique"),
    (b"GIF8", "une image GIF"),
    (b"\0\0\0\x0cjP  ", "une image JPEG 2000"),
    (b"\xff\x4f\xff\x51", "une image JPEG 2000"),
    (b"BM", "une image BMP"),
    (b"Rar!", "une archive RAR"),
    (b"7z\xbc\xaf", "une archive 7z"),
    (b"\x1f\x8b", "une archive GZIP"),
)
# Windows (MZ, LNK, OLE, CAB), Unix (ELF, #!), macOS (Mach-O), Java; archives hide the same.
EXECUTABLE = (
    b"MZ",
    b"L\0\0\0\x01\x14\x02\0",
    b"\xd0\xcf\x11\xe0",
    b"MSCF",
    b"\x7fELF",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"PK\x03\x04",
    b"Rar!",
    b"7z\xbc\xaf",
)
# At least six bytes: shorter marks happen by chance in the megabytes of a compressed picture.
MARKUP = re.compile(rb"<(?:!doctype\s+html|html[\s>]|script|iframe)", re.I)


def sniff(content: bytes) -> str:
    """What the first bytes say; `text` when they say nothing."""
    for offset, signature, kind in SIGNATURES:
        if content[offset : offset + len(signature)] == signature:
            return kind
    return "cda" if XML_START.match(content[:64]) else "text"


def other(content: bytes) -> str | None:
    """The French name of a format that is not admitted, when the first bytes tell one."""
    for signature, name in OTHERS:
        if content.startswith(signature):
            return name
    if content.startswith(EXECUTABLE):
        return "un programme"
    if WEB_START.match(content[:256]):
        return "une page web"
    return "un fichier d'un format non reconnu" if b"\0" in content[:1024] else None


def ends_as_archive(content: bytes) -> bool:
    """The content is also a ZIP: its last record ends exactly with it (APPNOTE 4.3.16)."""
    tail = content[-65_557:]
    return any(
        match.start() + 22 + int.from_bytes(tail[match.start() + 20 : match.start() + 22], "little") == len(tail)
        for match in re.finditer(rb"PK\x05\x06", tail)
    )


class Refuse(Exception):
    """`args`: French sentence; place in the content."""


class Broken(Refuse):
    """Damaged rather than hostile: refused alone, a flag when it is a picture inside another document."""
