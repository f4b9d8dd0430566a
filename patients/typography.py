"""The spaces of French printing: none of what is set in type starts a line with « : », « ? » or « » »."""

import re

NARROW, FULL = "\u202f", "\u00a0"
_TEXT = re.compile(r"<(style|pre)\b.*?</\1>|<[^>]*>|[^<]+", re.S)
_BEFORE = re.compile(r"\s+(?=[;!?](?:\s|$))")
_COLON = re.compile(r"\s+(?=:(?:\s|$))")
_GUILLEMETS = re.compile(r"(?<=«)\s+|\s+(?=»)")
_UNIT = re.compile(r"(?<=\d)\s+(?=(?:mm|Mo|ko|€|%|ans|heures|jours)\b|[€%])|(?<=\bn°)\s+|(?<=\bDr)\s+|(?<=\b1er)\s+")
_DAY = re.compile(
    r"(?<=\d)\s+(?=(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)\b)"
)


def set_in_type(html: str) -> str:
    """The same HTML, its text in French spaces; what stands in tags, styles and `pre` is left as it is."""
    return _TEXT.sub(lambda found: found[0] if found[0].startswith("<") else _spaced(found[0]), html)


def _spaced(text: str) -> str:
    text = _BEFORE.sub(NARROW, text)
    for rule in (_COLON, _GUILLEMETS, _UNIT, _DAY):
        text = rule.sub(FULL, text)
    return text
