"""What the registers were loaded from: a row a load, whatever the number of lines."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.scoped import uuid7


class RegisterLoad(models.Model):
    """One load of a register too long for a history row by row: which file, what came of it, by whom, why.

    Never changed. Small tables that people reason about (schemes, funds, versions of the matrix) have a history.
    """

    class Register(models.TextChoices):
        INSURED = "insured", "assurés"
        PROFESSIONALS = "professionals", "professionnels et structures"
        CODES = "codes", "tables de codes"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    register = models.CharField("registre", max_length=20, choices=Register)
    digest = models.CharField("empreinte du fichier (SHA-256)", max_length=64)
    read = models.PositiveIntegerField("lignes lues")
    added = models.PositiveIntegerField("ajouts")
    changed = models.PositiveIntegerField("changements")
    ended = models.PositiveIntegerField("retraits")
    refused = models.PositiveIntegerField("lignes refusées")
    at = models.DateTimeField("fait le", default=timezone.now)
    by = models.CharField("par qui", max_length=120)
    reason = models.CharField("pourquoi", max_length=300)

    class Meta:
        verbose_name = "chargement de registre"
        verbose_name_plural = "chargements de registres"
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                name="load_has_the_digest_of_its_file",
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"),
                violation_error_message="L'empreinte d'un fichier est de 64 chiffres hexadécimaux.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_register_display()}, {timezone.localtime(self.at):%d/%m/%Y %H:%M}"
