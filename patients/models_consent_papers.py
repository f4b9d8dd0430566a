"""The signed form on which a consent was given, as it was scanned: the evidence itself (article L1111-14)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.scoped import DossierForeignKey, DossierScoped
from patients.models import Consent, Dossier


class ConsentPaper(DossierScoped):
    """Sealed to the service by who scans it, then with the dossier's own key (`documents.papers`): he never reads it
    back."""

    class Seal(models.TextChoices):
        SERVICE = "service", "scellé pour le service"
        DOSSIER = "dossier", "scellé avec la clé du dossier"
        REFUSED = "refused", "fichier refusé"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="+", verbose_name="dossier")
    consent = DossierForeignKey(Consent, models.DO_NOTHING, related_name="papers", verbose_name="consentement")
    media_type = models.CharField("nature", max_length=40)
    size = models.PositiveIntegerField("taille (octets)")
    added_at = models.DateTimeField("ajouté le", default=timezone.now)
    seal = models.CharField("sceau", max_length=10, choices=Seal, default=Seal.SERVICE)
    key_version = models.PositiveSmallIntegerField("version de la clé du service")
    sealed = models.BinaryField("contenu scellé")

    class Meta:
        verbose_name = "formulaire de consentement"
        verbose_name_plural = "formulaires de consentement"
        indexes = [models.Index(fields=["added_at"], name="consent_papers_to_seal", condition=Q(seal="service"))]
        constraints = [
            models.CheckConstraint(name="consent_paper_seal", condition=Q(seal__in=["service", "dossier", "refused"]))
        ]

    def __str__(self) -> str:
        return f"formulaire du {self.added_at:%d/%m/%Y}"
