"""What a holder fills in: a professional to look for, until when, contacts, emergency switches."""

import datetime as dt
from typing import Any

from dateutil.relativedelta import relativedelta
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone

from access.directory import SHORTEST


class Form(forms.Form):
    """A form whose widgets wear the theme's classes (templates/_field.html sets the rest)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.Select) and not isinstance(field.widget, forms.RadioSelect):
                field.widget.attrs["class"] = "form-select"
            elif not isinstance(field.widget, forms.RadioSelect | forms.CheckboxInput | forms.HiddenInput):
                field.widget.attrs["class"] = "form-control"


class ProfessionalSearch(Form):
    name = forms.CharField(
        label="Nom de famille, ou numéro RPPS",
        help_text="Trois lettres suffisent. Le numéro RPPS (11 chiffres) est imprimé sur les ordonnances.",
        max_length=100,
        error_messages={"required": "Écrivez un nom, ou un numéro RPPS."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    given = forms.CharField(
        label="Prénom",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        number = name.replace(" ", "")
        if number.isdigit():
            if len(number) != 11:
                raise ValidationError("Un numéro RPPS a 11 chiffres : relisez-le.")
            return number
        if sum(letter.isalpha() for letter in name) < SHORTEST:
            raise ValidationError("Écrivez au moins trois lettres du nom.")
        return name


class Authorisation(Form):
    """Until when. The day chosen is included: the right ends at the midnight that follows it (Paris)."""

    VISIT, MONTH, QUARTER, YEAR, DATE = "visite", "1mois", "3mois", "1an", "date"

    duration = forms.ChoiceField(
        label="Jusqu'à quand ?",
        choices=[
            (VISIT, "Le temps d'une visite : jusqu'à ce soir"),
            (MONTH, "Un mois"),
            (QUARTER, "Trois mois"),
            (YEAR, "Un an"),
            (DATE, "Jusqu'à la date que je choisis"),
        ],
        initial=QUARTER,
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez une durée."},
    )
    last_day = forms.DateField(
        label="Dernier jour (si vous choisissez une date)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages={"invalid": "Écrivez la date comme ceci : 31/12/2027."},
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("duration") != self.DATE:
            return data
        day, today = data.get("last_day"), timezone.localdate()
        if "last_day" not in self.errors and day is None:
            self.add_error("last_day", "Indiquez le dernier jour.")
        elif day is not None and not today <= day <= today + dt.timedelta(days=settings.AUTHORISATION_DAYS):
            self.add_error("last_day", "Choisissez un jour entre aujourd'hui et dans un an au plus.")
        return data

    @property
    def until(self) -> dt.datetime:
        today, chosen = timezone.localdate(), self.cleaned_data["duration"]
        days = {
            self.VISIT: today,
            self.MONTH: today + relativedelta(months=1),
            self.QUARTER: today + relativedelta(months=3),
            self.YEAR: today + dt.timedelta(days=settings.AUTHORISATION_DAYS),
        }
        day = days.get(chosen) or self.cleaned_data["last_day"]
        return timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min))


class Contacts(Form):
    email = forms.EmailField(
        label="Adresse e-mail",
        required=False,
        help_text="Nous y envoyons les avis : « un document a été ajouté », « votre dossier a été consulté ». "
        "Jamais d'information médicale. Votre adresse de connexion, elle, ne change pas.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"invalid": "Écrivez l'adresse comme ceci : nom@exemple.fr."},
    )
    phone = forms.CharField(
        label="Téléphone",
        required=False,
        max_length=20,
        validators=[
            RegexValidator(
                r"^\+?[0-9 .\-]{6,20}$", "Écrivez le numéro avec des chiffres, par exemple 06 12 34 56 78."
            )
        ],
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )


class NewDocuments(Form):
    masks_new_documents = forms.BooleanField(
        label="Masquer aux professionnels tout nouveau document",
        required=False,
        help_text="Seuls vous, l'auteur et votre médecin traitant le verrez, jusqu'à ce que vous cessiez de le "
        "masquer. Les documents déjà là ne changent pas.",
    )


class Emergency(Form):
    """Three switches, each said in full: what is ticked is allowed."""

    allows_break_glass = forms.BooleanField(
        label="Un professionnel peut ouvrir mon dossier en urgence",
        required=False,
        help_text="Seulement si vous ne pouvez pas répondre et que votre santé est en danger. Il doit dire "
        "pourquoi. Vous et votre médecin traitant êtes prévenus.",
    )
    allows_regulation = forms.BooleanField(
        label="Le SAMU-Centre 15 peut consulter mon dossier pendant un appel",
        required=False,
        help_text="Le médecin qui répond à l'appel consulte, sans rien pouvoir ajouter.",
    )
    shows_masked_in_emergency = forms.BooleanField(
        label="En urgence, montrer aussi les documents que j'ai masqués",
        required=False,
        help_text="Si la case est vide, ce que vous avez masqué reste masqué, même en urgence.",
    )
