"""For who has no internet: the letter that explains, and the grid of single-use codes (S37), printed at the counter.

The grid is made for paper alone: digests stay, the codes are in the PDF and nowhere else. A new one voids the former.
"""

import secrets
import uuid

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from access import consents
from access.counter import CounterForm, agent_of, dossier_of, limited_to, page, person_of, show
from access.counter_access import PAPERS
from access.models import ConsentMeans
from audit import trail
from audit.scoped import uuid7
from audit.trail import Actor, Event
from patients import codes, letters

PRINTED_A_MINUTE = 5


class Print(CounterForm):
    evidence = forms.ChoiceField(
        label="Pièce d'identité vue", choices=[("", "—"), *((paper, paper.capitalize()) for paper in PAPERS)]
    )
    checked = forms.BooleanField(
        label="Le titulaire, ou son représentant légal, est devant moi, et c'est bien lui sur la pièce d'identité",
        error_messages={"required": "Sans voir la personne et sa pièce, rien n'est imprimé."},
    )


@page
@require_http_methods(["GET", "POST"])
def print_letter(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    dossier = dossier_of(person) if person else None
    if person is None or dossier is None or not dossier.is_open:
        return redirect("counter_sheet" if person else "counter_find")
    form = Print(request.POST or None)
    if request.method == "POST" and form.is_valid() and _may_print(request, form):
        made = _new_grid(dossier.pk, by=agent_of(request).actor(), evidence=form.cleaned_data["evidence"])
        width = len(consents.COLUMNS)
        lines = [(start // width + 1, made[start : start + width]) for start in range(0, len(made), width)]
        context = {"person": person, "dossier": dossier, "columns": consents.COLUMNS, "lines": lines}
        content = letters.render("pdf/welcome_letter.html", context | {"today": timezone.localdate()})
        headers = {"Content-Disposition": 'attachment; filename="lettre.pdf"', "Cache-Control": "no-store"}
        return HttpResponse(content, content_type="application/pdf", headers=headers)
    return show(request, "counter/letter.html", form=form, person=person, title="Lettre et grille de codes")


def _may_print(request: HttpRequest, form: Print) -> bool:
    return limited_to(request, form, Event.MEANS_CHANGED, PRINTED_A_MINUTE, "Trop de lettres en une minute")


def _new_grid(dossier_id: uuid.UUID, *, by: Actor, evidence: str) -> list[str]:
    """Written without reading the row back: the role of this process may not see the PIN beside it."""
    with transaction.atomic():
        known = ConsentMeans.objects.filter(dossier_id=dossier_id)
        name = known.values_list("pk", flat=True).first()
        row = ConsentMeans(pk=name or uuid7(), dossier_id=dossier_id, grid_made_at=timezone.now())
        made = [
            "".join(secrets.choice(codes.ALPHABET) for _ in range(consents.LENGTH)) for _ in range(consents.SQUARES)
        ]
        row.grid = [consents.digest(row, n, code) for n, code in enumerate(made)]
        if name:
            known.update(grid=row.grid, used=[], grid_made_at=row.grid_made_at)
        else:
            row.save(force_insert=True)
        detail: dict[str, object] = {"means": consents.Means.GRID.value, "evidence": evidence}
        trail.record(Event.MEANS_CHANGED, by=by, dossier_id=dossier_id, detail=detail)
    return made
