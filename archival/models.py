"""What remains of a destroyed dossier: that it was, when, how much; and that it must not come back. No identity."""

from django.db import models
from django.utils import timezone

from audit.scoped import uuid7


class Certificate(models.Model):
    """The proof of one destruction, verifiable offline (docs/destruction.md)."""

    reference = models.CharField("référence", max_length=32, primary_key=True)
    destroyed_at = models.DateTimeField("détruit le", default=timezone.now)
    statement = models.TextField("énoncé (JSON)")  # what is signed, to the byte
    signature = models.BinaryField("signature (Ed25519)", max_length=64)

    class Meta:
        verbose_name = "certificat de destruction"
        verbose_name_plural = "certificats de destruction"

    def __str__(self) -> str:
        return self.reference


class Tombstone(models.Model):
    """A keyed hash of the key of a dossier: brought back by an older backup, it is seen and destroyed again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    mark = models.BinaryField("empreinte", max_length=32, unique=True)
    destroyed_at = models.DateTimeField("détruit le", default=timezone.now)
    came_back = models.BooleanField("revenu d'une sauvegarde", default=False)

    class Meta:
        verbose_name = "dossier détruit"
        verbose_name_plural = "dossiers détruits"

    def __str__(self) -> str:
        return f"détruit le {self.destroyed_at:%d/%m/%Y}"


class Sweep(models.Model):
    """What the last nightly search for what is left of destroyed dossiers found (`archival.sweep`): one row."""

    at = models.DateTimeField("fait le", default=timezone.now)
    swept = models.PositiveIntegerField("dossiers dont il restait quelque chose")
    unknown = models.PositiveIntegerField("restes sans dossier ni destruction connue")

    class Meta:
        verbose_name = "recherche des restes"
        verbose_name_plural = "recherches des restes"

    def __str__(self) -> str:
        return f"{self.swept} balayés, {self.unknown} à voir"


from archival.copies_models import Copy, LegalCopy  # noqa: E402, F401 (their tables are this app's)
from archival.holds_models import LegalHold  # noqa: E402, F401
