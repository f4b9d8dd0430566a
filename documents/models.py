"""Documents: XDS metadata (rules.md 2.2) beside the FHIR text rendered when they were written."""

import json
import uuid
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission
from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from django.db.models import Q
from django.utils import timezone
from guardian.models import UserObjectPermissionBase

from access.models import RunningQuerySet, User
from audit.scoped import DossierForeignKey, DossierRouted, DossierScoped, history, uuid7
from documents.care_lines import CareLine, FeedRejection, FeedRun
from documents.statistics import Statistic
from patients import references
from patients.models import Dossier

if TYPE_CHECKING:
    from access.policy import Scope

__all__ = ["CareLine", "FeedRejection", "FeedRun", "Statistic"]  # of their own modules: tables of this app


class SubmissionSet(DossierScoped):
    """A lot de soumission (MHD SubmissionSet): what was sent together, by whom."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="submission_sets")
    unique_id = models.CharField("identifiant unique", max_length=128)
    source_id = models.CharField("système source", max_length=128, blank=True)
    designation = models.CharField("type d'activité", max_length=40, blank=True)
    title = models.CharField("titre", max_length=300, blank=True)
    author_ids = ArrayField(models.CharField(max_length=100), verbose_name="auteurs")
    author_family = models.CharField(max_length=100, blank=True)
    author_given = models.CharField(max_length=100, blank=True)
    author_structure = models.CharField(max_length=60, blank=True)
    archived = models.BooleanField("archivé", default=False)
    date = models.DateTimeField("date d'envoi", default=timezone.now)
    fhir = models.TextField("texte FHIR")

    class Meta:
        verbose_name = "lot de soumission"
        verbose_name_plural = "lots de soumission"
        indexes = [models.Index(fields=["dossier", "-date", "-id"], name="set_latest")]
        constraints = [models.UniqueConstraint(fields=["dossier", "unique_id"], name="one_set_a_unique_id")]

    def __str__(self) -> str:
        return self.unique_id


class WithinScope(models.Func):
    """`Scope.covers` as one condition with a fixed text: asked at every request, it took longer to build from parts
    and to plan than to answer. The types are one array, whatever their number: the statement is prepared once.
    """

    condition = """(
        {row}.state <> 'deleted' AND (NOT %s OR {row}.secret)
        AND (%s = ANY({row}.author_ids) OR {row}.id = ANY(%s)
            OR (%s AND (%s OR {row}.type_code = ANY(%s))
                AND (%s OR NOT {row}.masked OR {row}.masked_until <= %s OR {row}.type_code = ANY(%s))
                AND (%s OR NOT {row}.withheld OR {row}.visible_from <= %s)
                AND (%s OR NOT {row}.secret))))"""
    output_field = models.BooleanField()

    def __init__(self, scope: "Scope") -> None:
        super().__init__("id")  # says which row, in a subquery too
        self.parameters = (
            scope.only_secret,
            scope.author or None,  # nobody: NULL is in no array
            list(scope.documents),
            scope.general,
            scope.types is None,
            sorted(scope.types or ()),
            scope.masked,
            scope.at,
            sorted(scope.masked_types),
            scope.withheld,
            scope.at,
            scope.secret,
        )

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:  # type: ignore[override]
        row = compiler.quote_name_unless_alias(self.get_source_expressions()[0].alias)
        return self.condition.format(row=row), self.parameters


class DocumentQuerySet(models.QuerySet["Document"]):
    def within(self, scope: "Scope") -> "DocumentQuerySet":
        """The documents that exist for whoever has this scope: the SQL twin of `Scope.covers`."""
        return self.filter(WithinScope(scope), dossier_id=scope.dossier_id)

    def one_within(self, scope: "Scope", document_id: uuid.UUID) -> "Document | None":
        """One of them. Written out: the ORM took longer to say it than PostgreSQL to answer."""
        fields = Document._meta.concrete_fields
        columns = ", ".join(f"d.{field.column}" for field in fields)
        statement = f"SELECT {columns} FROM documents_document d WHERE dossier_id = %s AND id = %s AND "  # noqa: S608
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                statement + WithinScope.condition.format(row="d"),
                [scope.dossier_id, document_id, *WithinScope(scope).parameters],
            )
            row = cursor.fetchone()
        if row is None:
            return None
        document = Document.from_db(self.db, [field.attname for field in fields], row)
        document.flags = json.loads(document.flags)  # Django's connections leave jsonb as text
        return document

    def latest_first(self) -> "DocumentQuerySet":
        return self.order_by("-created", "-id")


class Document(DossierScoped):
    """A document entry. Its content never changes; its metadata do, under `version` and history."""

    class State(models.TextChoices):
        CURRENT = "current", "en vigueur"
        SUPERSEDED = "superseded", "remplacé"
        DELETED = "deleted", "supprimé par son auteur"

    class Origin(models.TextChoices):
        PROFESSIONAL = "professional", "professionnel de santé"
        HOLDER = "holder", "titulaire"
        INSURER = "insurer", "assurance maladie"

    class Scan(models.TextChoices):
        CLEAN = "clean", "analysé, rien trouvé"
        UNSCANNED = "unscanned", "non analysé"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="documents")
    unique_id = models.CharField("identifiant unique", max_length=200)  # urn:oid:… or urn:uuid:…
    submission_set = DossierForeignKey(SubmissionSet, models.DO_NOTHING, null=True, related_name="documents")
    replaces = DossierForeignKey("self", models.DO_NOTHING, null=True, related_name="replaced_by")
    version = models.PositiveIntegerField("version des métadonnées", default=1)
    state = models.CharField("état", max_length=10, choices=State, default=State.CURRENT)
    archived = models.BooleanField("archivé", default=False)
    origin = models.CharField("origine", max_length=15, choices=Origin, default=Origin.PROFESSIONAL)

    type_code = models.CharField("type", max_length=40)
    type_system = models.CharField("système du type", max_length=120)
    class_code = models.CharField("classe", max_length=10)
    family = models.CharField("famille d'affichage", max_length=20)
    title = models.CharField("titre", max_length=300)
    description = models.TextField("commentaire", blank=True)
    created = models.DateTimeField("date du document")
    service_start = models.DateTimeField("début de l'acte", null=True)
    service_stop = models.DateTimeField("fin de l'acte", null=True)
    event_codes = ArrayField(models.CharField(max_length=60), default=list)
    format_code = models.CharField("format", max_length=100, blank=True)
    facility_type = models.CharField("type de structure", max_length=20, blank=True)
    practice_setting = models.CharField("cadre d'exercice", max_length=20, blank=True)
    language = models.CharField("langue", max_length=10, default="fr-FR")
    reference_ids = ArrayField(models.CharField(max_length=200), default=list)

    author_ids = ArrayField(models.CharField(max_length=100), verbose_name="auteurs et déposant")  # PS_IdNat, account
    author_family = models.CharField("nom de l'auteur", max_length=100, blank=True)
    author_given = models.CharField("prénom de l'auteur", max_length=100, blank=True)
    author_speciality = models.CharField("spécialité de l'auteur", max_length=40, blank=True)
    author_structure = models.CharField("structure", max_length=60, blank=True)
    author_structure_name = models.CharField("nom de la structure", max_length=200, blank=True)
    custodian = models.CharField("responsable de la conservation", max_length=60, blank=True)
    legal_authenticator = models.CharField("validé par", max_length=100, blank=True)
    deposited_by = models.CharField("déposé par", max_length=120)
    deposited_at = models.DateTimeField("déposé le", default=timezone.now)
    last_updated = models.DateTimeField("modifié le", default=timezone.now)

    confidentiality = models.CharField("confidentialité", max_length=1, default="N")  # N, R, V
    masked = models.BooleanField("masqué aux professionnels", default=False)  # MASQUE_PS
    masked_until = models.DateTimeField("masqué jusqu'au", null=True)  # past it, masked no longer: no job needed
    withheld = models.BooleanField("non visible du patient", default=False)  # INVISIBLE_PATIENT
    visible_from = models.DateTimeField(
        "visible du patient le", null=True
    )  # R1111-53: set when withheld, brought forward when announced
    secret = models.BooleanField("non visible des représentants", default=False)  # INVISIBLE_REPRESENTANTS_LEGAUX

    media_type = models.CharField("format du fichier", max_length=60)
    size = models.PositiveIntegerField("taille (octets)")
    sha1 = models.BinaryField("SHA-1", max_length=20)
    sha256 = models.BinaryField("SHA-256", max_length=32)
    level = models.CharField("niveau CDA", max_length=2, blank=True)  # N1, N3
    scan = models.CharField("antivirus", max_length=10, choices=Scan, default=Scan.UNSCANNED)
    flags = models.JSONField("anomalies relevées", default=list)
    fhir = models.TextField("texte FHIR")

    objects = DocumentQuerySet.as_manager()
    history = history(excluded_fields=["fhir"])

    class Meta:
        verbose_name = "document"
        verbose_name_plural = "documents"
        permissions = [("consult_document", "Consulter ce document bien qu'il soit masqué")]
        indexes = [
            models.Index(fields=["dossier", "-created", "-id"], name="document_latest"),
            models.Index(fields=["dossier", "-last_updated"], name="document_updated"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["dossier", "unique_id"], name="one_document_a_unique_id"),
            models.CheckConstraint(
                name="masked_and_withheld_is_refused",  # D8
                condition=~Q(masked=True, withheld=True),
                violation_error_message="Un document ne peut pas être à la fois masqué aux professionnels "
                "et non visible du patient.",
            ),
            models.CheckConstraint(
                name="withheld_has_its_end",  # D9: nobody waits for a job
                condition=Q(withheld=False) | Q(visible_from__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def on_paper(self) -> str:
        """The reference that a letter cites."""
        return references.of(self.dossier_id, self.pk)

    @property
    def is_masked(self) -> bool:
        """Masked to professionals now: a mask may have an end (features S41)."""
        return self.masked and (self.masked_until is None or self.masked_until > timezone.now())

    @property
    def visible_to_holder(self) -> bool:
        return not self.withheld or (self.visible_from is not None and self.visible_from <= timezone.now())


class Result(DossierScoped):
    """One laboratory result read in a CDA document (CR-BIO): a point of a trend."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="results")
    document = DossierForeignKey(Document, models.DO_NOTHING, related_name="results")
    rank = models.PositiveIntegerField("rang dans le document")
    code = models.CharField("code", max_length=60)
    system = models.CharField("système", max_length=120)
    display = models.CharField("libellé", max_length=400)
    value = models.CharField("valeur", max_length=400)
    number = models.DecimalField("valeur numérique", max_digits=20, decimal_places=6, null=True)
    unit = models.CharField("unité (UCUM)", max_length=60, blank=True)
    low = models.CharField("borne basse", max_length=60, blank=True)
    high = models.CharField("borne haute", max_length=60, blank=True)
    interpretation = models.CharField("interprétation", max_length=10, blank=True)
    at = models.DateTimeField("date du prélèvement", null=True)
    prior = models.BooleanField("antériorité", default=False)

    class Meta:
        verbose_name = "résultat"
        verbose_name_plural = "résultats"
        indexes = [
            models.Index(fields=["dossier", "document"], name="result_of_document"),
            models.Index(fields=["dossier", "code", "unit", "at"], name="result_series"),
        ]

    def __str__(self) -> str:
        return f"{self.display} {self.value} {self.unit}"


class DocumentGrant(DossierRouted, UserObjectPermissionBase):
    """One masked document opened by the holder to one named professional (`consult_document`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="document_grants")
    content_object = DossierForeignKey(Document, models.DO_NOTHING, related_name="grants")
    user = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="document_grants")
    permission = models.ForeignKey(Permission, models.DO_NOTHING, db_constraint=False, related_name="+")
    since = models.DateTimeField("depuis", default=timezone.now)
    until = models.DateTimeField("jusqu'au", null=True, blank=True)
    granted_by = models.CharField("donné par", max_length=120)

    rights = RunningQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "document ouvert à un professionnel"
        verbose_name_plural = "documents ouverts à un professionnel"
        constraints = [
            models.UniqueConstraint(
                fields=["dossier", "user", "permission", "content_object"], name="one_grant_a_document"
            )
        ]


class DataKey(models.Model):
    """The wrapped data key of a dossier, in the keys' own database. Destroyed, nothing can be read again."""

    dossier_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    version = models.PositiveIntegerField("version de la clé maîtresse")
    wrapped = models.BinaryField("clé enveloppée")
    created_at = models.DateTimeField("créée le", default=timezone.now)

    class Meta:
        verbose_name = "clé de dossier"
        verbose_name_plural = "clés de dossier"

    def __str__(self) -> str:
        return f"clé {self.version}"
