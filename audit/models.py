"""The trail: who did what, when, on which dossier, on what ground (article R1111-43).

Append-only: the application's database role may insert and read, never change or remove, and a
trigger says so again. No foreign keys: a trace outlives what it names. Monthly partitions on `at`.
"""

import uuid

from django.db import models

NO_DOSSIER = uuid.UUID(int=0)  # acts that concern no dossier: sign-in refused, unknown identity


class TraceQuerySet(models.QuerySet["Trace"]):
    def about(self, dossier_id: uuid.UUID) -> "TraceQuerySet":
        return self.filter(dossier_id=dossier_id)

    def latest_first(self) -> "TraceQuerySet":
        return self.order_by("-at", "-seq")


class Trace(models.Model):
    """One act. Written by `audit.trail.record` and by nothing else."""

    id = models.UUIDField(primary_key=True, editable=False)
    dossier_id = models.UUIDField("dossier")
    at = models.DateTimeField("date")
    seq = models.BigIntegerField("rang dans le dossier")  # 1, 2, 3… within a dossier; 0 without dossier
    event = models.CharField("acte", max_length=40)
    allowed = models.BooleanField("accepté")
    ground = models.CharField("motif de la décision", max_length=40, blank=True)
    mode = models.CharField("mode d'accès", max_length=20, default="normal")
    actor_kind = models.CharField("qualité", max_length=20)
    actor_id = models.CharField("identifiant", max_length=100)
    actor_name = models.CharField("nom", max_length=200, blank=True)
    profession = models.CharField("profession", max_length=10, blank=True)
    structure_id = models.CharField("structure", max_length=60, blank=True)
    structure_name = models.CharField("nom de la structure", max_length=200, blank=True)
    means = models.CharField("moyen d'identification", max_length=40, blank=True)
    on_behalf_of = models.CharField("pour le compte de", max_length=120, blank=True)
    object_kind = models.CharField("objet", max_length=30, blank=True)
    object_id = models.UUIDField("référence de l'objet", null=True)
    object_type = models.CharField("type de l'objet", max_length=40, blank=True)
    object_title = models.CharField("titre de l'objet", max_length=300, blank=True)
    reason = models.TextField("raison donnée", blank=True)
    channel = models.CharField("canal", max_length=20, blank=True)
    request_id = models.CharField("requête", max_length=40, blank=True)
    ip = models.CharField("adresse", max_length=45, blank=True)
    detail = models.JSONField("détail", default=dict)
    salt = models.BinaryField(max_length=16)
    leaf = models.BinaryField(max_length=32)

    objects = TraceQuerySet.as_manager()

    class Meta:
        verbose_name = "trace"
        verbose_name_plural = "traces"

    def __str__(self) -> str:
        return f"{self.event} {self.at:%Y-%m-%d %H:%M}"


class TraceHead(models.Model):
    """How many traces a dossier has: gives each its rank, and shows a missing one."""

    dossier_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()

    class Meta:
        verbose_name = "dernier rang"
        verbose_name_plural = "derniers rangs"

    def __str__(self) -> str:
        return str(self.seq)
