"""What an agent fills in about a request: who asks and how it was proven, then what becomes of it."""

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from access.counter import CounterForm
from access.counter_access import PAPERS
from patients.models import Channel
from patients.models_requests import STEPS, Kind, Motive, Quality, Refusal, Request, State

LARGEST = 5 * 1024 * 1024  # bytes of a scan
SIGNATURES = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n": "image/png"}
PROOFS = {
    Quality.HEIR: ["Livret de famille", "Acte de notoriété"],
    Quality.PARTNER: ["Certificat de concubinage"],
    Quality.PACS: ["Acte de naissance portant le Pacs"],
}
COPY = "copie d'une pièce d'identité, jointe au courrier"
NOTHING = [("", "—")]


class Record(CounterForm):
    """A request made at the counter, or that came by post."""

    channel = forms.ChoiceField(
        label="Reçue", choices=[(Channel.COUNTER, "Au guichet, maintenant"), (Channel.POST, "Par courrier")]
    )
    arrived = forms.DateField(
        label="Courrier arrivé le",
        required=False,
        input_formats=["%d/%m/%Y", "%Y-%m-%d"],
        help_text="Le délai court depuis ce jour. Par exemple 31/12/2026",
    )
    kind = forms.ChoiceField(label="Demande", choices=Kind.choices)
    about_old = forms.BooleanField(
        label="Copie : seulement des informations de plus de cinq ans", required=False, help_text="Délai : deux mois."
    )
    said = forms.CharField(
        label="Ce que demande la personne",
        required=False,
        max_length=2000,
        help_text="N'écrivez rien de médical. Par exemple : « le document du 3 mars 2026 du Dr Morel ».",
    )
    identity = forms.ChoiceField(
        label="Identité vérifiée sur",
        choices=[*NOTHING, *((paper, paper.capitalize()) for paper in PAPERS), (COPY, COPY.capitalize())],
    )
    requester = forms.CharField(
        label="Nom de qui demande, si ce n'est pas le titulaire", required=False, max_length=200
    )
    address = forms.CharField(label="Adresse pour la réponse, si elle est autre", required=False, max_length=300)
    quality = forms.ChoiceField(
        label="Proche d'une personne décédée : qualité", required=False, choices=[*NOTHING, *Quality.choices]
    )
    proof = forms.ChoiceField(
        label="Preuve vue",
        required=False,
        choices=[*NOTHING, *((one, one) for some in PROOFS.values() for one in some)],
    )
    motive = forms.ChoiceField(label="Motif", required=False, choices=[*NOTHING, *Motive.choices])
    scan = forms.FileField(
        label="Courrier scanné (PDF, JPEG ou PNG, 5 Mo au plus)",
        required=False,
        help_text="Il est chiffré à l'arrivée : le guichet ne peut plus le relire. Gardez l'original.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["said"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
        self.fields["scan"].widget = forms.FileInput(
            attrs={"accept": ".pdf,.jpg,.jpeg,.png", "class": "border rounded p-2 w-full"}
        )

    def clean_arrived(self) -> dt.datetime | None:
        day: dt.date | None = self.cleaned_data["arrived"]
        if day is None:
            return None
        if not timezone.localdate() - dt.timedelta(days=365) <= day <= timezone.localdate():
            raise ValidationError("Un courrier arrive aujourd'hui ou avant, et il y a moins d'un an.")
        noon = timezone.make_aware(dt.datetime.combine(day, dt.time(12)))
        return min(noon, timezone.now())

    def clean_scan(self) -> tuple[str, bytes] | None:
        """The content and what it is, by its first bytes; it is inspected before it is filed."""
        scan: UploadedFile | None = self.cleaned_data["scan"]
        if scan is None:
            return None
        if (scan.size or 0) > LARGEST:
            raise ValidationError("Ce fichier dépasse 5 Mo : scannez en noir et blanc, à 200 points par pouce.")
        content = scan.read()
        media_type = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
        if media_type is None:
            raise ValidationError("Ce fichier n'est ni un PDF, ni un JPEG, ni un PNG.")
        return media_type, content

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("channel") == Channel.POST and not data.get("arrived") and "arrived" not in self.errors:
            self.add_error("arrived", "Indiquez le jour d'arrivée du courrier.")
        if data.get("channel") == Channel.COUNTER:
            data["arrived"] = None
            if data.get("identity") == COPY:
                self.add_error("identity", "Au guichet, voyez la pièce elle-même.")
        if data.get("kind") in (Kind.RECTIFICATION, Kind.DOCUMENT, Kind.CONTEST) and not data.get("said"):
            self.add_error("said", "Dites en quelques mots ce qui est demandé.")
        if data.get("kind") == Kind.HEIRS:
            self._clean_heirs(data)
        elif data.get("kind"):
            data |= {"quality": "", "proof": "", "motive": ""}
        return data

    def _clean_heirs(self, data: dict[str, Any]) -> None:
        for name in ("requester", "address", "quality", "proof", "motive"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, "Nécessaire pour la demande d'un proche (article L1110-4).")
        if data.get("quality") and data.get("proof") and data["proof"] not in PROOFS[Quality(data["quality"])]:
            self.add_error("proof", "Cette pièce ne prouve pas cette qualité.")


TAKE, LACK, COMPLETE, EXTEND = "prendre", "manque", "complet", "prolonger"
ACCEPT, REFUSE, FINISH, CANCEL = "accepter", "refuser", "faite", "annuler"
ACTS = {
    TAKE: "La prendre en charge",
    LACK: "Demander un complément",
    COMPLETE: "Le complément est arrivé",
    EXTEND: "Prolonger le délai de deux mois (une fois)",
    ACCEPT: "Accepter",
    REFUSE: "Refuser",
    FINISH: "C'est fait",
    CANCEL: "La personne annule",
}
LEADS_TO = {
    LACK: State.INCOMPLETE,
    ACCEPT: State.ACCEPTED,
    REFUSE: State.REFUSED,
    CANCEL: State.CANCELLED,
}


def possible(row: Request, owner: str) -> list[str]:
    """The acts that this state admits, for this member of the staff."""
    found = [TAKE] if row.is_running and row.owner != owner else []
    found += [COMPLETE] if row.state == State.INCOMPLETE else []
    found += [act for act, state in LEADS_TO.items() if state in STEPS[row.state]]
    found += [FINISH] if row.ends_by_hand else []
    if row.state in (State.IN_PROGRESS, State.INCOMPLETE) and row.extended_at is None:
        found.append(EXTEND)
    return [act for act in ACTS if act in found]


class Move(CounterForm):
    """What becomes of a request; the words go to the person as they are."""

    act = forms.ChoiceField(label="Que faites-vous ?")
    ground = forms.ChoiceField(label="Motif, si vous refusez", required=False, choices=[*NOTHING, *Refusal.choices])
    words = forms.CharField(
        label="Ce que la personne lira",
        required=False,
        max_length=4000,
        help_text="La réponse, ce qui manque, ou pourquoi il faut plus de temps. N'écrivez rien de médical.",
    )

    def __init__(self, row: Request, owner: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        act = self.fields["act"]
        assert isinstance(act, forms.ChoiceField)
        act.choices = [(name, ACTS[name]) for name in possible(row, owner)]
        self.fields["words"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 5})
