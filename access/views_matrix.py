"""The habilitation matrix, for whoever wants to read it: what each profession may see, by type of document."""

from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access import matrix
from access.models import MatrixVersion
from patients import terms


@login_not_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """By profession (`?profession=` its code). It names nobody: the same for everybody, signed in or not."""
    version = matrix.in_force()
    rows = {row.profession: row.readable for row in version.rows.all()} if version else {}
    names = {code: term.display for name in _PROFESSIONS for code, term in terms.table(name).items()}
    professions = sorted(((code, names[code]) for code in rows if code in names), key=lambda one: one[1])
    chosen = request.GET.get("profession", "")
    return render(
        request,
        "access/matrix.html",
        {
            "version": version,
            "next": MatrixVersion.objects.filter(effective_from__gt=timezone.now()).last(),
            "professions": professions,
            "chosen": chosen if chosen in dict(professions) else "",
            "name": dict(professions).get(chosen, ""),
            "families": _families(set(rows[chosen])) if chosen in dict(professions) else [],
        },
    )


_PROFESSIONS = ("other_professions", "professions")


def _families(readable: set[str]) -> list[dict[str, Any]]:
    """Every type of document, by family as the list of documents shows them, and whether it is read."""
    families = terms.table("families")

    def rank(term: Any) -> tuple[int, str]:
        return int(families[term.extra["family"]].extra["rank"]), term.display

    types = sorted(terms.table("types").values(), key=rank)
    found = []
    for code, group in groupby(types, key=lambda term: term.extra["family"]):
        lines = [(term.display, term.code in readable) for term in group]
        found.append({"name": families[code].display, "types": lines, "count": sum(read for _, read in lines)})
    return found
