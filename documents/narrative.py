"""The narrative of a CDA body as safe HTML: about fifteen tags, rebuilt one by one, everything escaped.

The document's own stylesheet is never applied; links, scripts, handlers and styles do not survive. No text
is lost: what has no place among the tags is kept as plain text. Runs in the sandbox.
"""

from html import escape
from typing import Any

H = "{urn:hl7-org:v3}"
# CDA tag -> HTML tag (CDA R2, 4.3.5: narrative block)
TAGS = {
    "paragraph": "p",
    "list": "ul",
    "item": "li",
    "table": "table",
    "caption": "caption",
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "th": "th",
    "td": "td",
    "sub": "sub",
    "sup": "sup",
    "content": "span",
    "linkHtml": "span",
    "footnote": "small",
}
DROPPED = {"script", "style", "object", "embed", "iframe"}  # no CDA narrative has them; their text is code
SPANS = {"colspan", "rowspan"}
MAX_SPAN = 100
MAX_DEPTH = 60  # tags in tags; below, only the text
MAX_HTML = 2_000_000  # characters
HEADINGS = ("h2", "h3", "h4", "h5")
CUT_SHORT = "<p><em>La suite est dans le document d'origine : ouvrez le fichier.</em></p>"


def html_of(document: Any) -> str:
    """HTML of every section, in order; headings start at h2."""
    media = {
        node.get("ID"): node.findtext(f"{H}value") is not None and node.find(f"{H}value").get("mediaType")
        for node in document.iter(f"{H}observationMedia")
    }
    html, total = [], 0
    for section in document.findall(f"{H}component/{H}structuredBody/{H}component/{H}section"):
        writer = _Writer(media)
        writer.section(section, 0)
        html.append("".join(writer.parts))
        total += len(html[-1])
        if total > MAX_HTML:
            return "".join(html[:-1]) + CUT_SHORT
    return "".join(html)


class _Writer:
    """`media`: type of each embedded image or file, by its ID in the document."""

    def __init__(self, media: dict[str, Any]) -> None:
        self.parts: list[str] = []
        self.media = media

    def section(self, section: Any, depth: int) -> None:
        heading = HEADINGS[min(depth, len(HEADINGS) - 1)]
        self.parts.append("<section>")
        title = section.find(f"{H}title")
        if title is not None:
            self.parts.append(f"<{heading}>{escape(_flat(title))}</{heading}>")
        text = section.find(f"{H}text")
        if text is not None:
            self._children(text, 0)
        for inner in section.findall(f"{H}component/{H}section"):
            self.section(inner, depth + 1)
        self.parts.append("</section>")

    def _children(self, node: Any, depth: int) -> None:
        self.parts.append(escape(node.text or ""))
        for child in node:
            if isinstance(child.tag, str):
                self._element(child, depth + 1)
            self.parts.append(escape(child.tail or ""))

    def _element(self, node: Any, depth: int) -> None:
        space, _, name = node.tag.rpartition("}")
        if name in DROPPED:
            return
        if depth > MAX_DEPTH:
            self.parts.append(escape(_flat(node)))
        elif name == "br":
            self.parts.append("<br>")
        elif name == "renderMultiMedia":
            self.parts.append(f"<em>{escape(self._placeholder(node))}</em>")
        elif name in TAGS and space == H[:-1]:
            self._tag(node, name, depth)
        else:
            self._children(node, depth)

    def _tag(self, node: Any, name: str, depth: int) -> None:
        tag = "ol" if name == "list" and node.get("listType") == "ordered" else TAGS[name]
        bold = name == "content" and "Bold" in node.get("styleCode", "")
        self.parts.append(f"<{tag}{_spans(node)}>" + ("<strong>" if bold else ""))
        self._children(node, depth)
        self.parts.append(("</strong>" if bold else "") + f"</{tag}>")

    def _placeholder(self, node: Any) -> str:
        known = self.media.get(node.get("referencedObject"))
        return f"[{f'fichier {known}, ' if known else ''}dans le document d'origine]"


def _flat(node: Any) -> str:
    return " ".join("".join(node.itertext()).split())


def _spans(node: Any) -> str:
    return "".join(
        f' {key}="{int(value)}"'
        for key, value in node.attrib.items()
        if key in SPANS and value.isascii() and value.isdigit() and int(value) <= MAX_SPAN
    )
