"""The eight families in which a holder finds her documents: word, icon and colour (never colour alone)."""

from dataclasses import dataclass

from patients import terms

OTHERS = "autres"


@dataclass(frozen=True)
class Family:
    """`slug` names the icon and the colour as well."""

    slug: str
    name: str
    count: int = 0


def all_families(counts: dict[str, int] | None = None) -> list[Family]:
    """In the order of the table `families`."""
    rows = sorted(terms.table("families").values(), key=lambda term: int(term.extra["rank"]))
    return [Family(row.code, row.display, (counts or {}).get(row.code, 0)) for row in rows]


def family_of(slug: str) -> Family:
    known = terms.table("families")
    slug = slug if slug in known else OTHERS
    return Family(slug, terms.display("families", slug))
