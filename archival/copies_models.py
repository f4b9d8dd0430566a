"""Copies of a dossier: asked for, made by a worker, kept sealed eight days, destroyed (L1111-7, R1111-1).

What a copy says is nowhere in these rows: its bytes are sealed with the dossier's own key and die with it.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from audit.scoped import DossierForeignKey, DossierScoped
from patients.models import Channel, Dossier


class CopyQuerySet(models.QuerySet["Copy"]):
    def under_way(self) -> "CopyQuerySet":
        return self.filter(state__in=(Copy.State.ASKED, Copy.State.RUNNING))

    def kept(self) -> "CopyQuerySet":
        """Those that have, or will have, a file."""
        return self.exclude(state__in=(Copy.State.FAILED, Copy.State.DESTROYED))


class Copy(DossierScoped):
    """One copy. For whom it is made is asked again of the policy when it is made, and when it is fetched."""

    class Kind(models.TextChoices):
        PAPER = "paper", "à imprimer (PDF)"
        DIGITAL = "digital", "numérique (ZIP)"
        SEALED = "sealed", "numérique, en un fichier protégé par une phrase secrète"

    class State(models.TextChoices):
        ASKED = "asked", "en attente"
        RUNNING = "running", "en préparation"
        READY = "ready", "prête"
        FAILED = "failed", "non faite"
        DESTROYED = "destroyed", "détruite"

    class Quality(models.TextChoices):
        HOLDER = "holder", "titulaire"
        REPRESENTATIVE = "representative", "représentant légal"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="+", verbose_name="dossier")
    kind = models.CharField("forme", max_length=10, choices=Kind)
    state = models.CharField("état", max_length=10, choices=State, default=State.ASKED)
    channel = models.CharField("demandée", max_length=20, choices=Channel)
    asked_at = models.DateTimeField("demandée le", default=timezone.now)
    asked_by = models.CharField("demandée par", max_length=120)
    # Her account; none at the counter or by post: then her quality alone says what she may see.
    asker_id = models.UUIDField("compte", null=True)
    quality = models.CharField("qualité", max_length=20, choices=Quality, default=Quality.HOLDER)
    request_id = models.UUIDField("demande enregistrée", null=True)
    legal = DossierForeignKey("LegalCopy", models.DO_NOTHING, null=True, related_name="copies")

    progress = models.PositiveSmallIntegerField("avancement (%)", default=0)
    step = models.CharField("étape", max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    seen_at = models.DateTimeField("dernier signe du travail", null=True)
    ready_at = models.DateTimeField("prête le", null=True)
    expires_at = models.DateTimeField("détruite après le", null=True)
    fetched_at = models.DateTimeField("récupérée le", null=True)
    size = models.BigIntegerField("taille (octets)", null=True)
    sha256 = models.BinaryField("SHA-256", max_length=32, null=True)
    contains = ArrayField(models.UUIDField(), default=list, verbose_name="documents contenus")
    left_out = models.PositiveIntegerField("documents laissés de côté", null=True)  # told to the operator only

    objects = CopyQuerySet.as_manager()

    class Meta:
        verbose_name = "copie"
        verbose_name_plural = "copies"
        indexes = [
            models.Index(fields=["dossier", "-asked_at"], name="copy_latest"),
            models.Index(
                fields=["state", "seen_at"], name="copy_alive", condition=Q(state__in=["asked", "running", "ready"])
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="copy_state", condition=Q(state__in=["asked", "running", "ready", "failed", "destroyed"])
            ),
            models.CheckConstraint(
                name="copy_ready_has_its_end",
                condition=~Q(state="ready")
                | Q(ready_at__isnull=False, expires_at__isnull=False, size__isnull=False, sha256__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"copie {self.get_kind_display()} du {self.asked_at:%d/%m/%Y}"

    @property
    def is_under_way(self) -> bool:
        return self.state in (self.State.ASKED, self.State.RUNNING)

    @property
    def is_ready(self) -> bool:
        """Past its end it is none, whether or not the task has passed."""
        return self.state == self.State.READY and self.expires_at is not None and self.expires_at > timezone.now()


class LegalCopy(DossierScoped):
    """A copy for heirs or for an expert: what is needed and nothing more, by two operators (L1110-4 V, ASVS 2.3.5).

    What is needed is said by types and dates: an operator reads no title (D19).
    """

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="+", verbose_name="dossier")
    request_id = models.UUIDField("demande enregistrée", null=True)
    recipient = models.CharField("pour", max_length=200)
    reason = models.CharField("motif", max_length=300)
    evidence = models.CharField("preuve", max_length=300)
    types = ArrayField(models.CharField(max_length=40), verbose_name="types de documents")
    since = models.DateField("depuis", null=True)
    until = models.DateField("jusqu'au (inclus)", null=True)
    proposed_by = models.CharField("préparée par", max_length=120)
    proposed_at = models.DateTimeField("préparée le", default=timezone.now)
    approved_by = models.CharField("approuvée par", max_length=120, null=True)
    approved_at = models.DateTimeField("approuvée le", null=True)

    class Meta:
        verbose_name = "copie pour un tiers"
        verbose_name_plural = "copies pour un tiers"
        constraints = [
            models.CheckConstraint(
                name="legal_copy_by_two",
                condition=Q(approved_by=None) | ~Q(approved_by=F("proposed_by")),
                violation_error_message="Une autre personne que celle qui l'a préparée doit l'approuver.",
            ),
            models.CheckConstraint(
                name="legal_copy_approved_at",
                condition=Q(approved_by=None, approved_at=None)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
            ),
            models.CheckConstraint(name="legal_copy_of_something", condition=~Q(types=[])),
        ]

    def __str__(self) -> str:
        return f"copie pour {self.recipient}"
