"""CDA R2 as untrusted XML: no DTD, no entity, no network, bounded depth; then the ways to look into it.

Runs in the sandbox: no Django here.
"""

import re
from functools import lru_cache
from typing import Any

from lxml import etree

NS = {"h": "urn:hl7-org:v3", "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2"}
DOCTYPE = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')""")
# ANS's samples all name their sheet so, and software copies them: a file beside the document, or above it.
ORDINARY_SHEET = re.compile(r"(\.\./)*([\w-]+/)*[\w-]+\.xslt?", re.ASCII)


class NotCda(Exception):
    """Not a CDA document this service can file. `args`: French sentence, XPath-like place."""


def parse(content: bytes) -> tuple[Any, bool]:
    """The ClinicalDocument element, and whether it came inside its own stylesheet (auto-présentable)."""
    if any(mark in content for mark in DOCTYPE):
        raise NotCda(WITH_DTD, "/")
    # Without huge_tree libxml2 itself bounds the depth (256 elements) and a text (10 million characters).
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        if error.code in (etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_NO_MEMORY):
            raise NotCda(TOO_MUCH, "/") from error
        raise NotCda("Le document n'est pas du XML bien formé : exportez-le à nouveau.", "/") from error
    except ValueError as error:
        raise NotCda("Le document n'est pas du XML bien formé : exportez-le à nouveau.", "/") from error
    if root.getroottree().docinfo.doctype:
        raise NotCda(WITH_DTD, "/")
    if root.tag == "{urn:hl7-org:v3}ClinicalDocument":
        _check_sheets(root, wrapped=False)
        return root, False
    if root.tag == "{http://www.w3.org/1999/XSL/Transform}stylesheet":
        inside = root.findall(".//{urn:asip-sante:ci-sis}Contenu//h:ClinicalDocument", NS)
        if len(inside) == 1:
            _check_sheets(root, wrapped=True)
            return inside[0], True
    raise NotCda("Le document n'est pas un CDA R2 (ClinicalDocument).", "/")


WITH_DTD = "Le document contient une DTD (DOCTYPE), ce qui n'est pas admis : exportez-le sans elle."
TOO_MUCH = (
    "Le document est trop gros ou trop imbriqué pour être lu (un élément de plus de 10 millions de caractères, par "
    "exemple) : déposez le PDF seul, sans l'enveloppe CDA."
)


def _check_sheets(root: Any, *, wrapped: bool) -> None:
    """An `xml-stylesheet` may name an ordinary sheet by a relative path; a wrapped document, itself (`#`).

    Anything else could make a browser apply a sheet from elsewhere, or one hidden in the document: a scheme,
    a host, an absolute path, a fragment, a second `href`, a character reference that hides one of them.
    """
    for node in find(root, "preceding-sibling::processing-instruction('xml-stylesheet')"):
        hrefs = ["".join(found) for found in HREF.findall(node.text or "")]
        ordinary = len(hrefs) == 1 and ORDINARY_SHEET.fullmatch(hrefs[0])
        if not ordinary and not (wrapped and hrefs == ["#"]):
            raise NotCda(
                "Le document appelle une feuille de style extérieure : enlevez cet appel.",
                "/processing-instruction()",
            )


@lru_cache(maxsize=256)
def _compiled(path: str) -> etree.XPath:
    return etree.XPath(path, namespaces=NS, smart_strings=False)


def find(node: Any, path: str) -> list[Any]:
    found: list[Any] = _compiled(path)(node)
    return found


def attribute(node: Any, path: str) -> str | None:
    found = [] if node is None else find(node, path)
    return str(found[0]) if found else None


def text_of(node: Any) -> str | None:
    return None if node is None else " ".join("".join(node.itertext()).split()) or None


def identifier(node: Any) -> str | None:
    if node is None or not node.get("root"):
        return None
    extension = node.get("extension")
    return f"{node.get('root')}^{extension}" if extension else str(node.get("root"))
