"""A sealed envelope: the paper copy that leaves the counter without having been seen (docs/counter.md).

What the counter reads of it: where it stands, how many pages, its number. The bytes are of another app, sealed under
a key that the back office has not; a task takes them from there to the printer.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.scoped import DossierForeignKey, DossierScoped
from patients import codes
from patients.models import Dossier
from patients.models_requests import Request

MOST_PRINTS = 3


class Envelope(DossierScoped):
    """One paper copy of one request, from its making to its handing over."""

    class State(models.TextChoices):
        PREPARING = "preparing", "copie en préparation"
        READY = "ready", "prête à imprimer"
        ASKED = "asked", "impression en cours"
        PRINTED = "printed", "imprimée, à remettre fermée"
        FAILED = "failed", "non imprimée : voyez l'imprimante"
        HANDED = "handed", "remise"
        GONE = "gone", "copie détruite, ou non faite"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="+", verbose_name="dossier")
    request = DossierForeignKey(Request, models.DO_NOTHING, related_name="envelopes", verbose_name="demande")
    copy_id = models.UUIDField("copie")  # of the app above this one
    number = models.CharField("numéro du pli", max_length=10, default=codes.new)
    state = models.CharField("état", max_length=10, choices=State, default=State.PREPARING)
    made_at = models.DateTimeField("créé le", default=timezone.now)
    pages = models.PositiveIntegerField("pages", null=True)
    prints = models.PositiveSmallIntegerField("impressions", default=0)
    asked_by = models.CharField("impression demandée par", max_length=120, blank=True)
    asked_at = models.DateTimeField("impression demandée le", null=True)
    tried_at = models.DateTimeField("impression commencée le", null=True)  # a worker has it
    printed_at = models.DateTimeField("imprimé le", null=True)
    handed_by = models.CharField("remis par", max_length=120, blank=True)
    handed_at = models.DateTimeField("remis le", null=True)
    evidence = models.CharField("preuve de la remise", max_length=200, blank=True)

    class Meta:
        verbose_name = "pli"
        verbose_name_plural = "plis"
        indexes = [
            models.Index(fields=["asked_at"], name="envelopes_to_print", condition=Q(state="asked")),
            models.Index(fields=["handed_at"], name="envelopes_handed", condition=Q(state="handed")),
        ]
        constraints = [
            models.CheckConstraint(
                name="envelope_state",
                condition=Q(state__in=["preparing", "ready", "asked", "printed", "failed", "handed", "gone"]),
            ),
            models.CheckConstraint(
                name="envelope_has_its_pages", condition=Q(state__in=["preparing", "gone"]) | Q(pages__gt=0)
            ),
            models.CheckConstraint(
                name="envelope_asked_by_somebody",
                condition=Q(state__in=["preparing", "ready", "gone"]) | (Q(asked_at__isnull=False) & ~Q(asked_by="")),
            ),
            models.CheckConstraint(
                name="envelope_printed_is_dated",
                condition=~Q(state__in=["printed", "handed"]) | Q(printed_at__isnull=False, prints__gt=0),
            ),
            models.CheckConstraint(name="envelope_printed_three_times", condition=Q(prints__lte=MOST_PRINTS)),
            models.CheckConstraint(
                name="envelope_handed_is_proven",
                condition=(Q(state="handed", handed_at__isnull=False) & ~Q(handed_by="") & ~Q(evidence=""))
                | (~Q(state="handed") & Q(handed_at=None, handed_by="", evidence="")),
                violation_error_message="Un pli remis a une date, une personne qui l'a remis et une preuve.",
            ),
            models.UniqueConstraint(fields=["dossier", "copy_id"], name="one_envelope_a_copy"),
        ]

    def __str__(self) -> str:
        return self.on_paper

    @property
    def on_paper(self) -> str:
        return f"E-{self.number[:5]}-{self.number[5:]}"

    @property
    def may_print(self) -> bool:
        """Spoiled by the printer it is printed anew, a few times."""
        return self.state in PRINTABLE and self.prints < MOST_PRINTS


PRINTABLE = (Envelope.State.READY, Envelope.State.FAILED, Envelope.State.PRINTED)
WAITING = (Envelope.State.PREPARING, Envelope.State.READY, Envelope.State.ASKED, Envelope.State.FAILED)
# From which state to which. The trigger of the migration says the same (a test compares them).
STEPS: dict[str, tuple[str, ...]] = {
    "preparing": ("ready", "gone"),
    "ready": ("asked", "gone"),
    "asked": ("printed", "failed", "gone"),
    "printed": ("asked", "handed"),
    "failed": ("asked", "gone"),
    "handed": (),
    "gone": (),
}
