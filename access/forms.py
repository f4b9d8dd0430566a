"""What a holder fills in: a professional to look for, until when, contacts, emergency switches."""

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone

from access import durations
from access.directory import SHORTEST
from access.models import DossierGrant
from patients import terms


class Form(forms.Form):
    """A form whose widgets wear the theme's classes (templates/_field.html sets the rest)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.Select) and not isinstance(field.widget, forms.RadioSelect):
                field.widget.attrs["class"] = "form-select"
            elif not isinstance(
                field.widget,
                forms.RadioSelect | forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.HiddenInput,
            ):
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


def families() -> list[tuple[str, str]]:
    rows = sorted(terms.table("families").values(), key=lambda term: int(term.extra["rank"]))
    return [(row.code, row.display) for row in rows]


class Until(Form):
    """Until when. The day chosen is included: the right ends at the midnight after it (Paris)."""

    DATE = "date"

    duration = forms.ChoiceField(
        label="Jusqu'à quand ?",
        choices=[*durations.SHORT, (DATE, "Jusqu'à la date que je choisis")],
        initial=durations.QUARTER,
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
        chosen: str = self.cleaned_data["duration"]
        if chosen == self.DATE:
            return durations.midnight_after(self.cleaned_data["last_day"])
        return durations.end_of(chosen)


class HowMuch(Form):
    """Everything his profession reads, some families of documents, or emergencies only (features S39, S42)."""

    extent = forms.ChoiceField(
        label="Que peut-il voir ?",
        choices=[
            (DossierGrant.Extent.GENERAL, "Tout ce que sa profession peut lire"),
            (DossierGrant.Extent.EMERGENCY, "La même chose, mais seulement en cas d'urgence"),
            (DossierGrant.Extent.LIMITED, "Seulement les familles de documents que je coche"),
        ],
        initial=DossierGrant.Extent.GENERAL,
        required=False,
        widget=forms.RadioSelect,
    )
    families = forms.MultipleChoiceField(
        label="Familles de documents (si vous limitez)",
        choices=families,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        data["extent"] = data.get("extent") or DossierGrant.Extent.GENERAL
        if data["extent"] == DossierGrant.Extent.LIMITED and not data.get("families"):
            self.add_error("families", "Cochez au moins une famille de documents.")
        return data

    @property
    def limits(self) -> dict[str, Any]:
        """What `grants.authorise` takes."""
        return {name: self.cleaned_data[name] for name in ("extent", "families")}


class Authorisation(HowMuch, Until):
    """Until when, and how much."""


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


class Heirs(Form):
    refuses_heirs = forms.BooleanField(
        label="Je m'oppose à ce que mes proches aient accès à mon dossier après mon décès",
        required=False,
        help_text="Sans cette opposition, la loi leur ouvre ce qui est nécessaire pour connaître les causes du "
        "décès, défendre votre mémoire ou faire valoir leurs droits, jamais le dossier entier.",
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
