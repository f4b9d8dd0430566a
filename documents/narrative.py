"""The narrative of a CDA body as safe HTML: about fifteen tags, rebuilt one by one, everything escaped.

The document's own stylesheet is never applied; links, scripts, handlers and styles do not survive.
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
SPANS = {"colspan", "rowspan"}
MAX_HTML = 2_000_000  # characters
HEADINGS = ("h2", "h3", "h4", "h5")


def html_of(document: Any) -> str:
    """HTML of every section, in order; headings start at h2."""
    parts: list[str] = []
    for section in document.findall(f"{H}component/{H}structuredBody/{H}component/{H}section"):
        _section(section, parts, 0)
    html = "".join(parts)
    return html if len(html) <= MAX_HTML else html[: html.rindex("<section>", 0, MAX_HTML)]


def _section(section: Any, parts: list[str], depth: int) -> None:
    heading = HEADINGS[min(depth, len(HEADINGS) - 1)]
    parts.append("<section>")
    title = section.find(f"{H}title")
    if title is not None:
        parts.append(f"<{heading}>{escape(' '.join(''.join(title.itertext()).split()))}</{heading}>")
    text = section.find(f"{H}text")
    if text is not None:
        _children(text, parts, 0)
    for inner in section.findall(f"{H}component/{H}section"):
        _section(inner, parts, depth + 1)
    parts.append("</section>")


def _children(node: Any, parts: list[str], depth: int) -> None:
    parts.append(escape(node.text or ""))
    for child in node:
        if isinstance(child.tag, str):
            _element(child, parts, depth + 1)
        parts.append(escape(child.tail or ""))


def _element(node: Any, parts: list[str], depth: int) -> None:
    name = node.tag.removeprefix(H)
    if depth > 60:
        return
    if name == "br":
        parts.append("<br>")
    elif name == "renderMultiMedia":
        parts.append("<em>[image jointe au document d'origine]</em>")
    elif name in TAGS:
        tag = "ol" if name == "list" and node.get("listType") == "ordered" else TAGS[name]
        spans = "".join(
            f' {key}="{int(value)}"'
            for key, value in node.attrib.items()
            if key in SPANS and value.isascii() and value.isdigit() and int(value) <= 100
        )
        emphasis = "strong" if name == "content" and "Bold" in node.get("styleCode", "") else ""
        parts.append(f"<{tag}{spans}>" + (f"<{emphasis}>" if emphasis else ""))
        _children(node, parts, depth)
        parts.append((f"</{emphasis}>" if emphasis else "") + f"</{tag}>")
    elif name not in {"script", "style"}:
        _children(node, parts, depth)
