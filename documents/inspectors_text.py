"""Plain text and RTF, inside the sandbox."""

import re
from typing import Any

from documents.inspectors_signatures import WEB_START, Broken, Refuse

CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# The string every antivirus knows, in two halves so that ours does not refuse this very file.
TEST_STRING = b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$"


def text(content: bytes) -> dict[str, Any]:
    """UTF-8, or the Windows and Western European tables, where every byte but the controls is a letter."""
    if TEST_STRING in content[:256]:
        raise Refuse("Le fichier est la chaîne d'essai des antivirus.", "malware")
    if b"\0" in content:
        raise Refuse("Le texte contient des octets nuls : enregistrez-le en UTF-8.")
    if WEB_START.match(content[:256]) or content.lstrip().startswith((b"<?", b"#!", b"%PDF")):
        raise Refuse("Le fichier n'est pas du texte simple : déposez-le en PDF.")
    if CONTROLS.search(content):
        raise Refuse("Le fichier n'est pas du texte lisible : enregistrez-le à nouveau, en UTF-8.")
    return {}


# Objects, remote templates, programs run at opening (Word's RTF 1.9.1).
RTF_ACTIVE = re.compile(rb"\\(?:object|objdata|objupdate|objautlink|objlink|objocx|objhtml|template)", re.I)
# The word that a field obeys, through braces and control words.
FIELD = re.compile(rb"\\fldinst(?:[{}\s\"]|\\[a-z]+-?\d* ?|\\\*)*([A-Za-z=]*)", re.I)
FIELDS = {
    b"",
    b"HYPERLINK",
    b"PAGE",
    b"NUMPAGES",
    b"SECTIONPAGES",
    b"PAGEREF",
    b"REF",
    b"TOC",
    b"SEQ",
    b"DATE",
    b"TIME",
    b"CREATEDATE",
    b"SAVEDATE",
    b"PRINTDATE",
    b"TITLE",
    b"AUTHOR",
    b"FILENAME",
    b"SYMBOL",
    b"MERGEFIELD",
    b"FORMTEXT",
    b"FORMCHECKBOX",
    b"FORMDROPDOWN",
}


ESCAPED = re.compile(rb"\\[\\{}]")


def _is_cut(content: bytes) -> bool:
    """A group stays open at the end; not told when raw data (`\\bin`) may hold braces of its own."""
    bare = ESCAPED.sub(b"", content)
    return b"\\bin" not in bare and bare.count(b"{") > bare.count(b"}")


def rtf(content: bytes) -> dict[str, Any]:
    closed = content.rstrip(b"\0\r\n ").endswith(b"}")
    if not content.startswith(b"{\\rtf") or not closed or _is_cut(content):
        raise Broken("Le fichier RTF est abîmé ou incomplet : enregistrez-le à nouveau, puis recommencez.")
    fields = {match[1].upper() for match in FIELD.finditer(content)}
    if RTF_ACTIVE.search(content) or not fields <= FIELDS:
        raise Refuse("Le RTF contient un objet incorporé ou un lien vers un autre fichier : déposez-le en PDF.")
    return {}
