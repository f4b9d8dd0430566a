"""A holder's own document: a file, what it is, its title."""

import datetime as dt
import uuid
from typing import Any

from dateutil.relativedelta import relativedelta
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from access import durations
from access.forms import Form
from documents import own
from documents.content import SERVED, sniff

LABELS = {  # shorter and plainer than the national table's; the code is what is kept
    "DOCPAT05": "Résultat d'analyses",
    "DOCPAT02": "Ordonnance, traitement ou soins",
    "DOCPAT03": "Compte rendu (consultation, hospitalisation, opération)",
    "DOCPAT04": "Radio, échographie, scanner ou IRM",
    "DOCPAT06": "Vaccination ou prévention",
    "DOCPAT07": "Certificat",
    "DOCPAT01": "Résumé de ma santé",
    "DOCPAT08": "Profil médical de Mon espace santé",
    "DOCPAT09": "Document administratif",
    "EXPPAT_3": "Directives anticipées (fin de vie)",
    "EXPPAT_1": "Mes volontés et mes droits",
    "EXPPAT_2": "Autre document",
}
ADULTS_ONLY = "EXPPAT_3"  # article L1111-11
ACCEPTED = ".pdf,.txt,.rtf,.jpg,.jpeg,.png,.tif,.tiff"


class OwnDocument(Form):
    """`sending` names this form: sent twice by a nervous finger, it files one document."""

    file = forms.FileField(
        label="Le fichier",
        help_text="PDF, photo (JPEG, PNG, TIFF), texte ou RTF. 5 Mo au plus.",
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={
            "required": "Choisissez un fichier de 5 Mo au plus.",
            "empty": "Ce fichier est vide : choisissez-en un autre.",
        },
    )
    title = forms.CharField(
        label="Son titre",
        max_length=200,
        help_text="Celui que vous et vos soignants lirez dans la liste. Exemple : « Carnet de vaccination ».",
        error_messages={"required": "Donnez un titre au document."},
    )
    type_code = forms.ChoiceField(
        label="Ce que c'est",
        error_messages={"required": "Choisissez ce que c'est dans la liste."},
    )
    sending = forms.UUIDField(widget=forms.HiddenInput)
    media_type = ""

    def __init__(self, *args: Any, adult: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [(code, label) for code, label in LABELS.items() if adult or code != ADULTS_ONLY]
        self.fields["type_code"].choices = [("", "Choisissez…"), *offered]  # type: ignore[attr-defined]
        if not self.is_bound:
            self.initial["sending"] = uuid.uuid4()

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > own.LARGEST:
            raise ValidationError("Ce fichier dépasse 5 Mo : réduisez-le, ou découpez-le en plusieurs.")
        start = file.read(1024)
        file.seek(0)
        kind = sniff(start)
        if kind not in own.KINDS:
            raise ValidationError(
                "Ce format n'est pas accepté. Enregistrez le document en PDF, ou prenez-le en photo."
            )
        self.media_type = SERVED[kind]  # neither the name nor the browser is believed
        return file


class Mask(Form):
    """For how long a document is masked: without an end, or until a last day, a year at most."""

    limit = forms.ChoiceField(
        label="Pendant combien de temps ?",
        choices=[
            ("always", "Sans limite, jusqu'à ce que je change d'avis"),
            ("date", "Jusqu'au jour que je choisis"),
        ],
        initial="always",
        required=False,
        widget=forms.RadioSelect,
    )
    last_day = forms.DateField(
        label="Dernier jour (si vous choisissez un jour)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages={"invalid": "Écrivez la date comme ceci : 31/12/2027."},
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("limit") != "date" or "last_day" in self.errors:
            return data
        day, today = data.get("last_day"), timezone.localdate()
        if day is None:
            self.add_error("last_day", "Indiquez le dernier jour.")
        elif not today + dt.timedelta(days=1) <= day <= today + relativedelta(years=1):
            self.add_error("last_day", "Choisissez un jour entre demain et dans un an au plus.")
        return data

    @property
    def until(self) -> dt.datetime | None:
        return (
            durations.midnight_after(self.cleaned_data["last_day"]) if self.cleaned_data["limit"] == "date" else None
        )


class Search(Form):
    text = forms.CharField(
        label="Chercher dans les titres",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
