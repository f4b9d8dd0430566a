"""« Mes copies »: asked for, followed, fetched behind a second factor, destroyed. Works without JavaScript."""

import uuid
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import holder
from access.facts import Act
from access.gate import Absent, Entry
from access.models import User
from archival import copies, proof, sealing
from archival.copies_models import Copy
from audit.trail import Event
from documents.vault import Unreadable
from patients.models import Channel

WORDS = {
    Copy.Kind.PAPER: ("Un PDF à lire ou à imprimer", "Tout le dossier en un fichier, page après page."),
    Copy.Kind.DIGITAL: ("Les fichiers d'origine, dans un ZIP", "Pour les ranger, ou les donner à un autre logiciel."),
    Copy.Kind.SEALED: (
        "Un fichier protégé par une phrase secrète",
        "Il s'ouvre dans un navigateur, sans connexion. À choisir pour une clé USB ou un e-mail.",
    ),
}
NAMES = {
    Copy.Kind.PAPER: ("dossier-{day}.pdf", "application/pdf"),
    Copy.Kind.DIGITAL: ("dossier-{day}.zip", "application/zip"),
    Copy.Kind.SEALED: ("dossier-{day}.html", "application/octet-stream"),
}


class Ask(forms.Form):
    kind = forms.ChoiceField(label="Sous quelle forme ?", choices=Copy.Kind.choices, widget=forms.RadioSelect)


class Fetch(proof.Proof):
    passphrase = forms.CharField(
        label="Phrase secrète",
        min_length=sealing.SHORTEST,
        max_length=200,
        help_text="Au moins 14 caractères : quatre ou cinq mots. Notez-la : personne ne pourra la retrouver.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="La même phrase, encore une fois",
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, copy: Copy, user: User, *args: Any) -> None:
        super().__init__(user, *args)
        if copy.kind != Copy.Kind.SEALED:
            del self.fields["passphrase"], self.fields["again"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if "passphrase" in data and data["passphrase"].strip() != str(data.get("again", "")).strip():
            self.add_error("again", "Ce n'est pas la même phrase.")
        return data


def _user(entry: Entry) -> User:
    assert entry.caller.user is not None
    return entry.caller.user


@holder.page
@require_http_methods(["GET", "POST"])
def show_all(request: HttpRequest) -> HttpResponse:
    form = Ask(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with holder.enter(request, Act.MANAGE, Event.COPY_ASKED, lock=True) as entry:
                kind = Copy.Kind(form.cleaned_data["kind"])
                row = copies.ask(entry.dossier.pk, kind=kind, by=entry.actor, channel=Channel.WEB, asker=_user(entry))
                entry.traced = True  # by the action itself
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("profile_copy", row.pk)
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ) as entry:
        rows = copies.hers(entry.dossier.pk, _user(entry))
        entry.trace(detail={"page": "copies"})
    offered = [(kind.value, *words) for kind, words in WORDS.items()]
    context = {"rows": rows, "form": form, "offered": offered, "is_open": entry.dossier.is_open, "days": copies.DAYS}
    return render(request, "copies/copies.html", context, status=422 if form.errors else 200)


def _hers(entry: Entry, copy_id: uuid.UUID) -> Copy:
    try:
        return copies.one_of(entry.dossier.pk, _user(entry), copy_id)
    except copies.Gone as error:
        raise Absent from error


def _seen(request: HttpRequest, copy_id: uuid.UUID) -> tuple[Copy, Entry]:
    with holder.enter(request, Act.MANAGE, Event.TRAIL_READ, object_id=copy_id) as entry:
        row = _hers(entry, copy_id)
        entry.trace(detail={"page": "copies"})
    return row, entry


@holder.page
@require_safe
def show(request: HttpRequest, copy_id: uuid.UUID) -> HttpResponse:
    """How far it is; the page asks again by itself while it is in the making."""
    row, entry = _seen(request, copy_id)
    words = WORDS[Copy.Kind(row.kind)][0]
    return render(request, "copies/copy.html", {"row": row, "words": words, "is_open": entry.dossier.is_open})


@holder.page
@require_http_methods(["GET", "POST"])
def fetch(request: HttpRequest, copy_id: uuid.UUID) -> HttpResponseBase:
    """Behind a second factor proven minutes ago: the application or the key, else the password and a mailed code."""
    row, entry = _seen(request, copy_id)
    user = _user(entry)
    if not row.is_ready:
        return redirect("profile_copy", row.pk)
    if (page := proof.page(request, user)) is not None:
        return page
    form = Fetch(row, user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_given(request, user):
        return _given(request, row, entry, form.cleaned_data.get("passphrase", ""))
    form.mail(request, user)
    context = {"row": row, "form": form, "words": WORDS[Copy.Kind(row.kind)][0]}
    return render(request, "copies/fetch.html", context, status=422 if form.errors else 200)


def _given(request: HttpRequest, row: Copy, entry: Entry, passphrase: str) -> HttpResponseBase:
    try:
        pieces = copies.give(row, by=entry.actor)
        first = next(pieces, b"")  # an unreadable file is known before the answer begins
    except copies.Gone:
        messages.error(request, "Cette copie n'est plus à jour, ou n'est plus là. Demandez-en une autre.")
        return redirect("profile_copies")
    except (Unreadable, OSError):
        return render(request, "documents/unreadable.html", status=500)
    name, media_type = NAMES[Copy.Kind(row.kind)]
    body: Iterator[bytes] = chain([first], pieces)
    if row.kind == Copy.Kind.SEALED:
        body = sealing.html(body, passphrase, "Copie d'un dossier médical partagé")
    response = StreamingHttpResponse(body, content_type=media_type)
    if row.kind != Copy.Kind.SEALED:
        response["Content-Length"] = str(row.size)
    day = timezone.localtime(row.ready_at)
    response["Content-Disposition"] = f'attachment; filename="{name.format(day=f"{day:%Y-%m-%d}")}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "no-store"
    return response


@holder.page
@require_POST
def destroy(request: HttpRequest, copy_id: uuid.UUID) -> HttpResponse:
    row, entry = _seen(request, copy_id)
    copies.destroy(row, by=entry.actor, why="asked")
    messages.success(request, "Cette copie est détruite.")
    return redirect("profile_copies")
