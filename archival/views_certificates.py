"""Certificates of destruction, for who has their reference; and the public key that verifies them. Open to everybody.

A certificate bears no identity, and its reference (128 random bits) is known to who was told it. It stands in no
address: it is posted.
"""

import re

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from archival import certificates
from archival.models import Certificate


class Ask(forms.Form):
    reference = forms.CharField(label="Référence du certificat (32 chiffres et lettres)", max_length=80)

    def clean_reference(self) -> str:
        typed = re.sub(r"[\s-]", "", self.cleaned_data["reference"]).lower()
        if not re.fullmatch("[0-9a-f]{32}", typed):
            raise ValidationError("Une référence a 32 chiffres et lettres, de 0 à 9 et de a à f : recopiez-la.")
        return typed


@login_not_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    form = Ask(request.POST if request.method == "POST" else None)
    if form.is_valid():
        row = Certificate.objects.filter(pk=form.cleaned_data["reference"]).first()
        if row is not None:
            return _file(row)
        form.add_error(
            "reference",
            "Aucun certificat ne porte cette référence. Le vôtre est fait au plus un jour après notre dernier mot.",
        )
    context = {"form": form, "key": certificates.public_key()}
    return render(request, "lifecycle/certificates.html", context, status=422 if form.errors else 200)


def _file(row: Certificate) -> HttpResponse:
    response = HttpResponse(
        certificates.written(row.statement, bytes(row.signature)), content_type="application/json; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="certificat-de-destruction.json"'
    response["Cache-Control"] = "no-store"
    return response
