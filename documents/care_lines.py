"""What the assurance maladie reimbursed (« lignes de soins », features S26, S27), and the files it came in."""

import datetime as dt

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import models
from django.utils import timezone

from audit.scoped import DossierScoped, uuid7
from patients.models import Dossier


def window_start(today: dt.date | None = None) -> dt.date:
    """The first day still shown: `CARE_LINE_MONTHS` calendar months back."""
    return (today or timezone.localdate()) - relativedelta(months=settings.CARE_LINE_MONTHS)


class CareLineQuerySet(models.QuerySet["CareLine"]):
    def shown(self) -> "CareLineQuerySet":
        """Within the window, by the clock alone: the nightly task only makes room."""
        return self.filter(cancelled=False, care_date__gte=window_start())

    def latest_first(self) -> "CareLineQuerySet":
        return self.order_by("-care_date", "-paid_date", "line")


class CareLine(DossierScoped):
    """One reimbursed act. A later version of the same (source, line) replaces it; cancelled, it stays empty."""

    class Kind(models.TextChoices):
        VISIT = "consultation", "consultation"
        PROCEDURE = "acte", "acte technique"
        DRUG = "medicament", "médicament"
        LABORATORY = "biologie", "analyse de biologie"
        IMAGING = "imagerie", "imagerie"
        DENTAL = "dentaire", "soin dentaire"
        HOSPITAL = "hospitalisation", "hospitalisation"
        DEVICE = "dispositif", "appareil ou dispositif"
        TRANSPORT = "transport", "transport"
        OTHER = "autre", "autre soin"

    dossier = models.ForeignKey(  # the indexes below begin with it
        Dossier, models.DO_NOTHING, related_name="care_lines", verbose_name="dossier", db_index=False
    )
    source = models.CharField("organisme", max_length=20)
    line = models.CharField("numéro de ligne chez l'organisme", max_length=40)
    version = models.PositiveIntegerField("version")
    cancelled = models.BooleanField("annulée", default=False)
    care_date = models.DateField("date des soins")
    paid_date = models.DateField("date du remboursement")
    kind = models.CharField("nature", max_length=20, choices=Kind)
    act = models.CharField("code de l'acte", max_length=20, blank=True)
    label = models.CharField("libellé", max_length=200, blank=True)
    quantity = models.PositiveSmallIntegerField("quantité", default=1)
    provider = models.CharField("professionnel ou établissement", max_length=200, blank=True)
    amount = models.IntegerField("montant (centimes)")
    reimbursed = models.IntegerField("remboursé (centimes)")

    objects = CareLineQuerySet.as_manager()

    class Meta:
        verbose_name = "soin remboursé"
        verbose_name_plural = "soins remboursés"
        indexes = [models.Index(fields=["dossier", "-care_date"], name="care_line_latest")]
        constraints = [models.UniqueConstraint(fields=["dossier", "source", "line"], name="one_care_line_a_number")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} du {self.care_date:%d/%m/%Y}"


class FeedRun(models.Model):
    """A file of the assurance maladie: how far it was read, and what came of it. No person stands in it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("fichier", max_length=200)
    digest = models.BinaryField("empreinte (SHA-256)", max_length=32, unique=True)
    size = models.BigIntegerField("taille (octets)")
    offset = models.BigIntegerField("octets lus", default=0)
    ahead = models.BigIntegerField("octets lus, de la moitié qui va devant", default=0, db_default=0)
    lines = models.BigIntegerField("lignes lues", default=0)
    added = models.BigIntegerField("ajoutées", default=0)
    changed = models.BigIntegerField("corrigées", default=0)
    cancelled = models.BigIntegerField("annulées", default=0)
    same = models.BigIntegerField("déjà connues", default=0)
    unknown = models.BigIntegerField("sans dossier", default=0)
    closed = models.BigIntegerField("dossier fermé", default=0)
    protected = models.BigIntegerField("actes protégés de mineurs", default=0)
    old = models.BigIntegerField("hors de la période", default=0)
    rejected = models.BigIntegerField("refusées", default=0)
    started_at = models.DateTimeField("commencé le", default=timezone.now)
    finished_at = models.DateTimeField("fini le", null=True)

    class Meta:
        verbose_name = "fichier de l'assurance maladie"
        verbose_name_plural = "fichiers de l'assurance maladie"

    def __str__(self) -> str:
        return self.name


class FeedRejection(models.Model):
    """A line that did not go in: its number in the file and why, never what it said."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(FeedRun, models.CASCADE, related_name="rejections", verbose_name="fichier")
    number = models.BigIntegerField("ligne du fichier")
    reason = models.CharField("raison", max_length=120)

    class Meta:
        verbose_name = "ligne refusée"
        verbose_name_plural = "lignes refusées"
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_rejection_a_line")]

    def __str__(self) -> str:
        return f"ligne {self.number} : {self.reason}"
