"""Names as the INS traits are written."""

import unicodedata


def plain(text: str) -> str:
    """Capitals without accents; hyphens and apostrophes as spaces."""
    letters = unicodedata.normalize("NFKD", text).upper()
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())
