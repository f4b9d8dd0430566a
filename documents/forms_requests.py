"""What the holder writes in a request. Administrative agents read it: nothing medical is asked, and it is said."""

from django import forms

from access.forms import Form
from patients.models_requests import Kind

NOT_MEDICAL = "N'écrivez rien de médical : des agents administratifs le lisent, et ils ne voient aucun document."


def _words(label: str, help_text: str = "", *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=f"{help_text} {NOT_MEDICAL}".strip(),
        max_length=2000,
        required=required,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Dites-le en quelques mots."},
    )


class Rectification(Form):
    said = _words("Qu'est-ce qui est inexact ?", "Par exemple : « mon prénom est mal écrit », « ce n'est pas moi ».")


class Copy(Form):
    about_old = forms.ChoiceField(
        label="Quelles informations ?",
        choices=[("", "Tout, ou les cinq dernières années"), ("old", "Seulement des informations plus anciennes")],
        required=False,
        widget=forms.RadioSelect,
        initial="",
    )
    said = _words("Une précision ?", "Par exemple : « sur papier », « seulement l'année 2024 ».", required=False)

    def clean_about_old(self) -> bool:
        return self.cleaned_data["about_old"] == "old"


class Deletion(Form):
    said = _words("Pourquoi doit-il être supprimé ?")


class Contest(Form):
    said = _words("Que contestez-vous ?", "Pour contester un accès, passez plutôt par Activité, à sa ligne.")


FORMS: dict[Kind, type[Form]] = {
    Kind.RECTIFICATION: Rectification,
    Kind.COPY: Copy,
    Kind.DOCUMENT: Deletion,
    Kind.CONTEST: Contest,
}
LEADS = {
    Kind.RECTIFICATION: "Une information de votre dossier est fausse ou ne vous concerne pas. Un document écrit par "
    "un professionnel est corrigé par lui : dans Documents, ouvrez-le puis « Demander une correction ».",
    Kind.COPY: "Tout ce que contient votre dossier, avec la liste des accès. La loi laisse 48 heures pour "
    "réfléchir : la copie n'est jamais remise avant.",
    Kind.DOCUMENT: "Un document écrit par un professionnel ne peut être supprimé que par lui, pour un motif "
    "légitime : votre demande lui est montrée dans son logiciel. Ce que vous avez ajouté vous-même, vous le "
    "supprimez sans rien demander.",
    Kind.CONTEST: "Vous n'êtes pas d'accord avec une réponse ou avec ce qui a été fait de votre dossier.",
}
