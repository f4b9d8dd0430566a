"""A legal hold: a procedure under way obliges to keep a dossier (D16). Neither term nor request destroys it."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from audit.scoped import DossierScoped, history
from patients.models import Dossier


class HoldQuerySet(models.QuerySet["LegalHold"]):
    def running(self) -> "HoldQuerySet":
        return self.filter(lifted_at=None)


class LegalHold(DossierScoped):
    """It keeps from the moment the first operator sets it: two persons are needed to confirm it, and two to lift it.

    Keeping too long can be mended, destroying too early cannot: a hold not yet confirmed keeps like another.
    """

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="holds", verbose_name="dossier")
    reason = models.CharField("motif", max_length=300)
    evidence = models.CharField("preuve", max_length=300)  # complaint, order of a judge: its number and date
    set_by = models.CharField("posé par", max_length=120)
    set_at = models.DateTimeField("posé le", default=timezone.now)
    confirmed_by = models.CharField("confirmé par", max_length=120, null=True)
    confirmed_at = models.DateTimeField("confirmé le", null=True)
    lift_reason = models.CharField("motif de la levée", max_length=300, blank=True)
    lift_asked_by = models.CharField("levée demandée par", max_length=120, null=True)
    lift_asked_at = models.DateTimeField("levée demandée le", null=True)
    lifted_by = models.CharField("levé par", max_length=120, null=True)
    lifted_at = models.DateTimeField("levé le", null=True)

    objects = HoldQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "gel d'un dossier"
        verbose_name_plural = "gels de dossiers"
        indexes = [models.Index(fields=["dossier"], name="holds_running", condition=Q(lifted_at=None))]
        constraints = [
            models.CheckConstraint(
                name="hold_confirmed_by_another",
                condition=Q(confirmed_by=None, confirmed_at=None)
                | (Q(confirmed_by__isnull=False, confirmed_at__isnull=False) & ~Q(confirmed_by=F("set_by"))),
                violation_error_message="Une autre personne que celle qui a posé le gel doit le confirmer.",
            ),
            models.CheckConstraint(
                name="hold_lift_is_asked",
                condition=Q(lift_asked_by=None, lift_asked_at=None, lift_reason="")
                | (Q(lift_asked_by__isnull=False, lift_asked_at__isnull=False) & ~Q(lift_reason="")),
            ),
            models.CheckConstraint(
                name="hold_lifted_by_another",
                condition=Q(lifted_by=None, lifted_at=None)
                | (
                    Q(lifted_by__isnull=False, lifted_at__isnull=False, lift_asked_by__isnull=False)
                    & ~Q(lifted_by=F("lift_asked_by"))
                    & ~Q(lifted_by=F("set_by"))
                ),
                violation_error_message="Le gel est levé par une autre personne que celle qui l'a posé, et que celle "
                "qui demande de le lever.",
            ),
        ]

    def __str__(self) -> str:
        return f"gel posé le {self.set_at:%d/%m/%Y}"
