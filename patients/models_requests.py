"""What a person asks of the service: correct, copy, close, delete, contest. One state machine, held by the database.

The rows of a request are administrative: its kind, dates, owner, answer. The document concerned is an id and nothing
more; the letter that came by post is sealed, and the counter's role cannot read it back (`access.roles`).
"""

import datetime as dt

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from audit.scoped import DossierForeignKey, DossierScoped, history
from patients import deadlines
from patients.models import Channel, Dossier


class Kind(models.TextChoices):
    RECTIFICATION = "rectification", "Correction d'une information"
    COPY = "copy", "Copie du dossier"
    CLOSURE = "closure", "Fermeture du dossier"
    DOCUMENT = "document", "Suppression d'un document"
    DESTRUCTION = "destruction", "Suppression définitive du dossier"
    REOPENING = "reopening", "Réactivation du dossier"
    CONTEST = "contest", "Contestation"
    HEIRS = "heirs", "Accès des proches d'une personne décédée"


class State(models.TextChoices):
    RECEIVED = "received", "reçue"
    IN_PROGRESS = "in_progress", "en cours d'examen"
    INCOMPLETE = "incomplete", "complément demandé"
    ACCEPTED = "accepted", "acceptée, à exécuter"
    REFUSED = "refused", "refusée"
    DONE = "done", "faite"
    CANCELLED = "cancelled", "annulée"


# From which state to which. The trigger of migration 0004 says the same (a test compares them).
STEPS: dict[str, tuple[str, ...]] = {
    State.RECEIVED: (State.IN_PROGRESS, State.CANCELLED),
    State.IN_PROGRESS: (State.INCOMPLETE, State.ACCEPTED, State.REFUSED, State.CANCELLED),
    State.INCOMPLETE: (State.IN_PROGRESS, State.REFUSED, State.CANCELLED),
    State.ACCEPTED: (State.DONE, State.CANCELLED),
    State.REFUSED: (),
    State.DONE: (),
    State.CANCELLED: (),
}
UNANSWERED = (State.RECEIVED, State.IN_PROGRESS, State.INCOMPLETE)
RUNNING = (*UNANSWERED, State.ACCEPTED)
ANSWERED = (State.ACCEPTED, State.REFUSED, State.DONE)
ONE_AT_A_TIME = (Kind.COPY, Kind.CLOSURE, Kind.DESTRUCTION)
# What the service carries out itself (`archival.carry_out`): nobody says of it « C'est fait ».
CARRIED_OUT = (Kind.CLOSURE, Kind.DESTRUCTION, Kind.REOPENING)
# What ends with a copy handed over or posted: not done before the copy is there.
COPIED = (Kind.COPY, Kind.HEIRS)


class Quality(models.TextChoices):
    """Who may ask after a death (L1110-4 V). The beneficiary of a life insurance may not."""

    HEIR = "heir", "ayant droit"
    PARTNER = "partner", "concubin"
    PACS = "pacs", "partenaire de Pacs"


class Motive(models.TextChoices):
    """The only three (L1110-4 V): what is needed for it is handed over, never the whole dossier."""

    CAUSE = "cause", "connaître les causes du décès"
    MEMORY = "memory", "défendre la mémoire du défunt"
    RIGHTS = "rights", "faire valoir ses droits"


class Refusal(models.TextChoices):
    IDENTITY = "identity", "L'identité de la personne n'a pas été prouvée"
    QUALITY = "quality", "La qualité de représentant ou de proche n'a pas été prouvée"
    OPPOSED = "opposed", "La personne décédée s'y était opposée"
    AUTHOR = "author", "Seul l'auteur du document peut le corriger ou le supprimer"
    HELD = "held", "Une procédure en cours oblige à conserver le dossier"
    NOTHING = "nothing", "L'information concernée n'existe pas ou est exacte"
    EXCESSIVE = "excessive", "La demande est manifestement infondée ou excessive"


class RequestQuerySet(models.QuerySet["Request"]):
    def running(self) -> "RequestQuerySet":
        return self.filter(state__in=RUNNING)

    def holders(self) -> "RequestQuerySet":
        """Without those of a dead person's family, which no page of the holder shows."""
        return self.exclude(kind=Kind.HEIRS)


class Request(DossierScoped):
    """One request, from its arrival to what was done. Days are civil days of Paris."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="requests", verbose_name="dossier")
    number = models.CharField("numéro de suivi", max_length=10)
    kind = models.CharField("demande", max_length=20, choices=Kind)
    state = models.CharField("état", max_length=20, choices=State, default=State.RECEIVED)
    channel = models.CharField("reçue", max_length=20, choices=Channel)
    asked_at = models.DateTimeField("reçue le", default=timezone.now)
    asked_by = models.CharField("enregistrée par", max_length=120)
    requester = models.CharField("demandée par", max_length=200)
    address = models.TextField("adresse de réponse", blank=True)
    identity = models.CharField("identité vérifiée", max_length=120)
    concerns = models.UUIDField("document concerné", null=True, blank=True)
    said = models.TextField("ce que dit la personne", blank=True)
    about_old = models.BooleanField("informations de plus de cinq ans", default=False)
    quality = models.CharField("qualité", max_length=20, choices=Quality, blank=True)
    motive = models.CharField("motif", max_length=20, choices=Motive, blank=True)
    proof = models.CharField("preuve de la qualité", max_length=200, blank=True)

    first_due_on = models.DateField("délai légal")
    due_on = models.DateField("réponse au plus tard le")
    not_before = models.DateTimeField("rien avant le")
    extended_at = models.DateTimeField("délai prolongé le", null=True, blank=True)
    extension = models.TextField("raison de la prolongation", blank=True)

    owner = models.CharField("suivie par", max_length=120, blank=True)
    owner_name = models.CharField("nom de qui la suit", max_length=200, blank=True)
    missing = models.TextField("ce qui manque", blank=True)
    refusal = models.CharField("motif du refus", max_length=20, choices=Refusal, blank=True)
    answer = models.TextField("réponse", blank=True)
    decided_at = models.DateTimeField("répondu le", null=True, blank=True)
    prepared_at = models.DateTimeField("copie prête le", null=True, blank=True)
    done_at = models.DateTimeField("faite le", null=True, blank=True)
    cancelled_at = models.DateTimeField("annulée le", null=True, blank=True)
    # Drawn and told when a destruction is accepted: what it names is all that will remain (docs/destruction.md).
    certificate = models.CharField("référence du certificat", max_length=32, blank=True, db_default="", default="")
    reminded = models.SmallIntegerField("rappel envoyé à J moins", null=True, blank=True)

    objects = RequestQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "demande"
        verbose_name_plural = "demandes"
        indexes = [
            models.Index(fields=["dossier", "-asked_at"], name="requests_of_a_dossier"),
            models.Index(fields=["due_on"], name="requests_to_do", condition=Q(state__in=RUNNING)),
            models.Index(fields=["number"], name="request_by_number"),
        ]
        constraints = [
            models.CheckConstraint(name="request_kind", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="request_state", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="request_channel", condition=Q(channel__in=["web", "counter", "post", "professional"])
            ),
            models.CheckConstraint(
                name="request_has_an_owner",
                condition=Q(state__in=[State.RECEIVED, State.CANCELLED]) | ~Q(owner=""),
                violation_error_message="Une demande examinée a quelqu'un qui la suit.",
            ),
            models.CheckConstraint(
                name="request_answer_is_dated",
                condition=Q(state=State.CANCELLED)
                | (Q(state__in=ANSWERED, decided_at__isnull=False) & ~Q(answer=""))
                | Q(state__in=UNANSWERED, decided_at=None, answer=""),
                violation_error_message="Une demande acceptée ou refusée a une réponse datée.",
            ),
            models.CheckConstraint(
                name="request_refusal_says_why",
                condition=(Q(state=State.REFUSED) & Q(refusal__in=Refusal.values))
                | (~Q(state=State.REFUSED) & Q(refusal="")),
                violation_error_message="Un refus a un motif.",
            ),
            models.CheckConstraint(
                name="request_done_is_dated",
                condition=Q(state=State.DONE, done_at__isnull=False) | (~Q(state=State.DONE) & Q(done_at=None)),
            ),
            models.CheckConstraint(
                name="request_not_done_early",
                condition=Q(done_at=None) | Q(done_at__gte=F("not_before")),
                violation_error_message="Le délai de réflexion n'est pas passé.",
            ),
            models.CheckConstraint(  # thirty days from the acceptance, whenever the letter came (D13)
                name="request_destruction_is_thought_over",
                condition=~Q(kind=Kind.DESTRUCTION, state=State.ACCEPTED)
                | Q(not_before__gte=F("decided_at") + dt.timedelta(days=30)),
                violation_error_message="Une destruction attend trente jours depuis qu'elle est acceptée.",
            ),
            models.CheckConstraint(
                name="request_done_with_its_copy",
                condition=~Q(kind__in=COPIED, state=State.DONE) | Q(prepared_at__isnull=False),
                violation_error_message="La copie demandée n'est pas encore faite.",
            ),
            models.CheckConstraint(
                name="request_cancelled_is_dated",
                condition=Q(state=State.CANCELLED, cancelled_at__isnull=False)
                | (~Q(state=State.CANCELLED) & Q(cancelled_at=None)),
            ),
            models.CheckConstraint(
                name="request_incomplete_says_what",
                condition=~Q(state=State.INCOMPLETE) | ~Q(missing=""),
            ),
            models.CheckConstraint(
                name="request_extension_says_why",
                condition=Q(extended_at=None, extension="", due_on=F("first_due_on"))
                | (Q(extended_at__isnull=False, due_on__gt=F("first_due_on")) & ~Q(extension="")),
            ),
            models.CheckConstraint(
                name="request_names_one_document",  # whoever is not online sees no list to choose from
                condition=Q(kind=Kind.RECTIFICATION)
                | (Q(kind=Kind.DOCUMENT) & (Q(concerns__isnull=False) | ~Q(channel=Channel.WEB)))
                | (~Q(kind__in=[Kind.DOCUMENT, Kind.RECTIFICATION]) & Q(concerns=None)),
            ),
            models.CheckConstraint(
                name="request_of_heirs_is_proven",
                condition=(Q(kind=Kind.HEIRS, quality__in=Quality.values, motive__in=Motive.values) & ~Q(proof=""))
                | (~Q(kind=Kind.HEIRS) & Q(quality="", motive="", proof="")),
                violation_error_message="La demande d'un proche a une qualité, une preuve et un motif.",
            ),
            models.CheckConstraint(
                name="request_of_destruction_has_its_certificate",
                condition=(Q(kind=Kind.DESTRUCTION, state__in=[State.ACCEPTED, State.DONE]) & ~Q(certificate=""))
                | Q(kind=Kind.DESTRUCTION, state=State.CANCELLED)
                | (Q(certificate="") & ~Q(kind=Kind.DESTRUCTION, state__in=[State.ACCEPTED, State.DONE])),
            ),
            models.UniqueConstraint(
                fields=["dossier", "kind", "concerns"],
                condition=Q(state__in=RUNNING, kind__in=ONE_AT_A_TIME),
                nulls_distinct=False,
                name="one_running_request",
            ),
            models.UniqueConstraint(fields=["dossier", "number"], name="one_request_a_number"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.on_paper}"

    @property
    def on_paper(self) -> str:
        """The tracked number, as the receipt prints it."""
        return f"D-{self.number[:5]}-{self.number[5:]}"

    @property
    def certificate_on_paper(self) -> str:
        """In groups of four, to be read aloud and typed."""
        return " ".join(self.certificate[start : start + 4] for start in range(0, len(self.certificate), 4))

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING

    @property
    def ends_by_hand(self) -> bool:
        """Accepted, and a member of the staff may say that it is done."""
        waits = self.kind in CARRIED_OUT or (self.kind in COPIED and self.prepared_at is None)
        return self.state == State.ACCEPTED and not waits

    @property
    def ends_by_itself(self) -> bool:
        return self.state == State.ACCEPTED and self.kind in CARRIED_OUT

    @property
    def is_late(self) -> bool:
        return self.is_running and self.due_on < timezone.localdate()

    @property
    def days_left(self) -> int:
        return (self.due_on - timezone.localdate()).days

    @property
    def answer_by(self) -> dt.date:
        """What is to be destroyed in time is accepted earlier: its thirty days run from there."""
        waits = self.kind == Kind.DESTRUCTION and self.state in UNANSWERED
        return self.due_on - deadlines.of(self.kind).reflection if waits else self.due_on

    @property
    def may_cancel(self) -> bool:
        return State.CANCELLED in STEPS[self.state]


def early_destruction(dossier: Dossier) -> Request | None:
    """The running request for the destruction of a closed dossier before its term (R1111-36)."""
    if dossier.is_open:
        return None
    return Request.objects.running().filter(dossier=dossier, kind=Kind.DESTRUCTION).first()


class RequestPaper(DossierScoped):
    """A scanned letter. Sealed to the service when it comes, then with the dossier's own key (`documents.papers`)."""

    class Seal(models.TextChoices):
        SERVICE = "service", "scellée pour le service"
        DOSSIER = "dossier", "scellée avec la clé du dossier"
        REFUSED = "refused", "fichier refusé"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="+", verbose_name="dossier")
    request = DossierForeignKey(Request, models.DO_NOTHING, related_name="papers", verbose_name="demande")
    media_type = models.CharField("nature", max_length=40)
    size = models.PositiveIntegerField("taille (octets)")
    added_at = models.DateTimeField("ajoutée le", default=timezone.now)
    seal = models.CharField("sceau", max_length=10, choices=Seal, default=Seal.SERVICE)
    key_version = models.PositiveSmallIntegerField("version de la clé du service")
    sealed = models.BinaryField("contenu scellé")

    class Meta:
        verbose_name = "lettre d'une demande"
        verbose_name_plural = "lettres des demandes"
        indexes = [models.Index(fields=["added_at"], name="papers_to_seal", condition=Q(seal="service"))]
        constraints = [
            models.CheckConstraint(name="paper_seal", condition=Q(seal__in=["service", "dossier", "refused"]))
        ]

    def __str__(self) -> str:
        return f"lettre du {self.added_at:%d/%m/%Y}"


class LetterKey(models.Model):
    """The public key to which the counter seals a letter: what it seals, it cannot open. One a master key."""

    version = models.PositiveSmallIntegerField("version", primary_key=True)
    public = models.BinaryField("clé publique (X25519)", max_length=32)
    made_at = models.DateTimeField("publiée le", default=timezone.now)

    class Meta:
        verbose_name = "clé des lettres"
        verbose_name_plural = "clés des lettres"

    def __str__(self) -> str:
        return f"version {self.version}"
