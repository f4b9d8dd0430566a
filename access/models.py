"""Who may act: accounts, professionals, who speaks for whom; and the rights a holder gives."""

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser, BaseUserManager, Permission
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from guardian.mixins import GuardianUserMixin
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from audit.scoped import DossierRouted, DossierScoped, history, uuid7
from audit.trail import Actor, ActorKind
from patients.models import Caisse, Dossier


class Structure(models.Model):
    """A place of practice, as the national directory names it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    identifier = models.CharField("Struct_IdNat", max_length=60, unique=True)  # 1+FINESS, 3+SIRET, technical id
    finess = models.CharField("FINESS", max_length=9, blank=True)
    siret = models.CharField("SIRET", max_length=14, blank=True)
    name = models.CharField("raison sociale", max_length=200)
    sector = models.CharField("secteur d'activité", max_length=10, blank=True)
    city = models.CharField("commune", max_length=100, blank=True)
    postal_code = models.CharField("code postal", max_length=5, blank=True)

    class Meta:
        verbose_name = "structure"
        verbose_name_plural = "structures"

    def __str__(self) -> str:
        return self.name


class Professional(models.Model):
    """A health professional of the national directory, by PS_IdNat (8 + RPPS, 0 + ADELI)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    idnat = models.CharField("PS_IdNat", max_length=20, unique=True)
    family = models.CharField("nom d'exercice", max_length=100)
    given = models.CharField("prénom d'exercice", max_length=100, blank=True)
    civility = models.CharField("civilité d'exercice", max_length=10, blank=True)
    profession = models.CharField("profession", max_length=10)  # TRE_G15
    speciality = models.CharField("savoir-faire", max_length=10, blank=True)  # TRE_R38
    active = models.BooleanField("en exercice", default=True)

    class Meta:
        verbose_name = "professionnel"
        verbose_name_plural = "professionnels"
        indexes = [models.Index(fields=["family", "given"], name="professional_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return " ".join(filter(None, [self.civility, self.given, self.family]))

    @property
    def rpps(self) -> str:
        """The 11 digits printed on a prescription; empty for an ADELI identity."""
        return self.idnat[1:] if self.idnat.startswith("8") else ""


class Situation(models.Model):
    """A work situation (exercice × activité): the professional names one at each session."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    professional = models.ForeignKey(Professional, models.CASCADE, related_name="situations")
    structure = models.ForeignKey(Structure, models.PROTECT, null=True, related_name="situations")
    profession = models.CharField("profession", max_length=10)
    category = models.CharField("catégorie", max_length=5, blank=True)  # C civil, M military, E student
    speciality = models.CharField("savoir-faire", max_length=10, blank=True)
    mode = models.CharField("mode d'exercice", max_length=5, blank=True)  # L self-employed, S salaried

    class Meta:
        verbose_name = "situation d'exercice"
        verbose_name_plural = "situations d'exercice"
        constraints = [
            models.UniqueConstraint(
                fields=["professional", "structure", "profession", "speciality", "mode"],
                name="one_situation",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.professional} — {self.structure or 'sans structure'}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str | None = None, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email) or None, **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        fields |= {"kind": User.Kind.OPERATOR, "is_staff": True, "is_superuser": True}
        return self.create_user(email, password, **fields)


class User(GuardianUserMixin, AbstractUser):
    """An account. `is_superuser` opens nothing medical (D19); a professional's account has no password."""

    class Kind(models.TextChoices):
        PERSON = "person", "titulaire ou représentant"
        PROFESSIONAL = "professional", "professionnel de santé"
        AGENT = "agent", "agent de guichet"
        OPERATOR = "operator", "exploitant"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = None  # type: ignore[assignment]
    email = models.EmailField("adresse e-mail", unique=True, null=True)  # type: ignore[assignment]
    kind = models.CharField("nature du compte", max_length=15, choices=Kind, default=Kind.PERSON)
    professional = models.OneToOneField(
        Professional, models.PROTECT, null=True, blank=True, related_name="user", verbose_name="professionnel"
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    objects = UserManager()  # type: ignore[assignment,misc]
    history = history(excluded_fields=["password", "last_login"])

    class Meta:
        verbose_name = "compte"
        verbose_name_plural = "comptes"
        constraints = [
            models.CheckConstraint(
                name="professional_account_has_its_professional",
                condition=Q(kind="professional", professional__isnull=False)
                | (~Q(kind="professional") & Q(professional=None)),
            ),
            models.CheckConstraint(
                name="only_staff_kinds_are_staff",
                condition=Q(is_staff=False) | Q(kind__in=["agent", "operator"]),
            ),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or str(self.email)

    def actor(self, kind: ActorKind | None = None, **fields: str) -> Actor:
        kinds = {"agent": ActorKind.COUNTER, "operator": ActorKind.OPERATOR}
        default = kinds.get(self.kind, ActorKind.HOLDER)
        return Actor(kind or default, str(self.pk), str(self), means=fields.pop("means", "compte"), **fields)


class EndedSession(models.Model):
    """A session that Pro Santé Connect says is over (OpenID Connect Back-Channel Logout 1.0).

    Kept in the database, not in a cache: with it, pages and tokens of that session are refused.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    jti = models.CharField(max_length=255, unique=True)  # a logout token serves once
    sid = models.CharField(max_length=255, blank=True)  # empty: every session of `sub`
    sub = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField()  # the issuer's iat

    class Meta:
        verbose_name = "session terminée"
        verbose_name_plural = "sessions terminées"
        indexes = [
            models.Index(fields=["sid"], name="ended_by_sid"),
            models.Index(fields=["sub"], name="ended_by_sub"),
        ]
        constraints = [
            models.CheckConstraint(name="ended_session_is_named", condition=~Q(sid="") | ~Q(sub="")),
        ]

    def __str__(self) -> str:
        return f"session terminée le {self.at}"


class Recovery(models.Model):
    """An account whose password was remade by e-mail: its mailbox alone must not open it.

    Until `restored_at`, signing in wants a code handed over at the counter or posted, or a second factor of
    the account's own. A sign-in begun before `asked_at` is void: it knew another password.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="recovery")
    asked_at = models.DateTimeField("depuis", default=timezone.now)
    restored_at = models.DateTimeField("accès retrouvé le", null=True)
    code_digest = models.BinaryField("empreinte du code", max_length=32, null=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    expires_at = models.DateTimeField("code valable jusqu'au", null=True)
    posted_at = models.DateTimeField("dernière lettre", null=True)

    class Meta:
        verbose_name = "accès à retrouver"
        verbose_name_plural = "accès à retrouver"

    def __str__(self) -> str:
        return f"Depuis le {self.asked_at:%d/%m/%Y}"


class RunningQuerySet(models.QuerySet[Any]):
    """Rows that hold at a moment: past `until` they are nothing, with no job needed."""

    def running(self, at: Any = None) -> "RunningQuerySet":
        at = at or timezone.now()
        return self.filter(since__lte=at).filter(Q(until=None) | Q(until__gt=at))


class Representation(DossierScoped):
    """Who speaks for the holder: himself, a parent until the majority, a guardian; a carer has the rights listed."""

    class Role(models.TextChoices):
        HOLDER = "holder", "titulaire"
        PARENT = "parent", "parent"
        GUARDIAN = "guardian", "tuteur"
        CARER = "carer", "aidant"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="representations")
    user = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="representations")
    role = models.CharField("qualité", max_length=10, choices=Role)
    since = models.DateTimeField("depuis", default=timezone.now)
    until = models.DateTimeField("jusqu'au", null=True, blank=True)
    rights = ArrayField(models.CharField(max_length=30), default=list, blank=True, verbose_name="droits")
    evidence = models.CharField("pièce justificative", max_length=200, blank=True)
    recorded_by = models.CharField("enregistré par", max_length=120)

    objects = RunningQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "représentation"
        verbose_name_plural = "représentations"
        indexes = [models.Index(fields=["user"], name="representation_by_user")]
        constraints = [models.UniqueConstraint(fields=["dossier", "user", "role"], name="one_role_a_person")]

    def __str__(self) -> str:
        return f"{self.get_role_display()} : {self.user}"


AUTHORISED = "consult_dossier"  # the permissions a dossier has for professionals
TREATING = "consult_masked"


class CareTeam(DossierScoped):
    """A care team the holder agreed to once (L1110-12, CE 15 October 2025): each member has a right of his own."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="care_teams")
    name = models.CharField("équipe", max_length=200)
    structure_id = models.CharField("structure", max_length=60, blank=True)
    since = models.DateTimeField("depuis", default=timezone.now)
    until = models.DateTimeField("jusqu'au")
    source = models.CharField("recueilli", max_length=40)
    consented_by = models.CharField("accord donné par", max_length=120)

    objects = RunningQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "équipe de soins"
        verbose_name_plural = "équipes de soins"
        indexes = [models.Index(fields=["dossier", "until"], name="team_of_dossier")]

    def __str__(self) -> str:
        return self.name


class DossierGrant(DossierRouted, UserObjectPermissionBase):
    """A guardian object permission on a dossier, with what the law asks of a right: dates, source, author.

    `consult_dossier`: authorised professional; `consult_masked`: treating doctor. One row says it once.
    `limited` opens the families listed, and the documents named one by one (`DocumentGrant`).
    """

    class Extent(models.TextChoices):
        GENERAL = "general", "tout ce que sa profession peut lire"
        EMERGENCY = "emergency", "seulement en cas d'urgence"
        LIMITED = "limited", "seulement certains documents"

    dossier_key = "content_object_id"  # guardian's name of the column dossier_id

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    content_object = models.ForeignKey(Dossier, models.DO_NOTHING, db_column="dossier_id", related_name="grants")
    user = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="dossier_grants")
    permission = models.ForeignKey(Permission, models.DO_NOTHING, db_constraint=False, related_name="+")
    since = models.DateTimeField("depuis", default=timezone.now)
    until = models.DateTimeField("jusqu'au", null=True, blank=True)
    source = models.CharField("recueilli", max_length=40)  # holder on the web, professional after asking…
    extent = models.CharField(
        "étendue", max_length=10, choices=Extent, default=Extent.GENERAL, db_default=Extent.GENERAL
    )
    families = ArrayField(
        models.CharField(max_length=20), default=list, db_default=[], blank=True, verbose_name="familles"
    )
    express = models.BooleanField(
        "accord exprès du titulaire", default=False, db_default=False
    )  # given by himself, to this person
    team = models.UUIDField("équipe de soins", null=True, blank=True)  # he is of this team: it ends with it
    granted_by = models.CharField("donné par", max_length=120)

    rights = RunningQuerySet.as_manager()
    history = history()

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False
        verbose_name = "droit sur un dossier"
        verbose_name_plural = "droits sur les dossiers"
        indexes = [models.Index(fields=["user", "content_object"], name="grant_by_user")]

    @property
    def dossier_id(self) -> uuid.UUID:
        return self.content_object_id


class Block(DossierScoped):
    """The holder wants this professional never to reach the dossier (INTERDIT). It beats every right (D2, D5)."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="blocks")
    user = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="+")
    since = models.DateTimeField("depuis", default=timezone.now)
    until = models.DateTimeField("levé le", null=True, blank=True)
    blocked_by = models.CharField("demandé par", max_length=120)

    objects = RunningQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "professionnel bloqué"
        verbose_name_plural = "professionnels bloqués"
        constraints = [
            models.UniqueConstraint(
                fields=["dossier", "user"], condition=Q(until=None), name="one_running_block_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} bloqué"


class EmergencyAccess(DossierScoped):
    """A professional opened a dossier in an emergency: it ends by itself, and a broken glass is attested."""

    class Kind(models.TextChoices):
        BREAK_GLASS = "break_glass", "bris de glace"
        NUMBER = "number", "numéro d'accès d'urgence"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="emergency_accesses")
    user = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="+")
    kind = models.CharField("accès", max_length=12, choices=Kind)
    reason = models.TextField("raison donnée", blank=True)
    since = models.DateTimeField("depuis", default=timezone.now)
    until = models.DateTimeField("jusqu'au")
    attested_at = models.DateTimeField("attesté le", null=True)
    attestation = models.TextField("attestation", blank=True)
    escalated_at = models.DateTimeField("signalé à l'exploitant le", null=True)

    objects = RunningQuerySet.as_manager()

    class Meta:
        verbose_name = "accès en urgence"
        verbose_name_plural = "accès en urgence"
        indexes = [
            models.Index(fields=["dossier", "user", "until"], name="emergency_access_running"),
            models.Index(
                fields=["since"],
                name="emergency_to_attest",
                condition=Q(kind="break_glass", attested_at=None),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="broken_glass_has_a_reason", condition=~Q(kind="break_glass") | ~Q(reason=""))
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class EmergencyNumber(models.Model):
    """Which dossier an access number opens (features S45). Its dossier knows the digest: one number at a time."""

    lookup = models.BinaryField("empreinte du numéro", primary_key=True, max_length=32)
    dossier_id = models.UUIDField("dossier")
    made_at = models.DateTimeField("imprimé le", default=timezone.now)

    class Meta:
        verbose_name = "numéro d'accès d'urgence"
        verbose_name_plural = "numéros d'accès d'urgence"

    def __str__(self) -> str:
        return self.dossier_id.hex[-8:]


class ConsentRequest(DossierScoped):
    """A professional asks, the holder answers (features S36, S37). Silence after `expires_at` gives nothing."""

    class Answer(models.TextChoices):
        YES = "yes", "accordé"
        NO = "no", "refusé"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="consent_requests")
    user = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="+")
    structure_name = models.CharField("structure", max_length=200, blank=True)
    reason = models.CharField("motif", max_length=200, blank=True)
    asked_at = models.DateTimeField("demandé le", default=timezone.now)
    expires_at = models.DateTimeField("sans réponse après le")
    answer = models.CharField("réponse", max_length=3, choices=Answer, blank=True)
    answered_at = models.DateTimeField("répondu le", null=True)
    answered_by = models.CharField("répondu par", max_length=120, blank=True)
    means = models.CharField("moyen", max_length=10, blank=True)  # page, mail, grid, pin
    until = models.DateTimeField("accordé jusqu'au", null=True)
    grid_place = models.PositiveSmallIntegerField("case demandée", null=True)

    class Meta:
        verbose_name = "demande d'accord"
        verbose_name_plural = "demandes d'accord"
        indexes = [models.Index(fields=["dossier", "-asked_at"], name="consent_request_latest")]
        constraints = [
            models.UniqueConstraint(
                fields=["dossier", "user"], condition=Q(answered_at=None), name="one_waiting_request_a_person"
            )
        ]

    def __str__(self) -> str:
        return self.get_answer_display() or "en attente"


class ConsentMeans(DossierScoped):
    """How a holder without a telephone answers: a grid of single-use codes, a PIN. Digests only."""

    dossier = models.OneToOneField(Dossier, models.DO_NOTHING, related_name="consent_means")
    grid = ArrayField(models.BinaryField(max_length=32), default=list, verbose_name="empreintes de la grille")
    used = ArrayField(models.PositiveSmallIntegerField(), default=list, verbose_name="cases utilisées")
    grid_made_at = models.DateTimeField("grille imprimée le", null=True)
    pin = models.CharField("empreinte du code personnel", max_length=128, blank=True)
    failures = models.PositiveSmallIntegerField("essais manqués", default=0)
    locked_until = models.DateTimeField("bloqué jusqu'au", null=True)

    class Meta:
        verbose_name = "moyen de consentir"
        verbose_name_plural = "moyens de consentir"

    def __str__(self) -> str:
        return "grille et code personnel"


class Invitation(DossierScoped):
    """The holder, or a parent, invites another parent or a carer: a code by mail, accepted once."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="invitations")
    role = models.CharField("qualité", max_length=10, choices=Representation.Role)
    email = models.EmailField("adresse e-mail")
    relation = models.CharField("lien", max_length=20, blank=True)  # JDV_J11
    rights = ArrayField(models.CharField(max_length=30), default=list, blank=True, verbose_name="droits")
    until = models.DateTimeField("jusqu'au", null=True)
    digest = models.BinaryField("empreinte du code", max_length=32)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    invited_by = models.CharField("invité par", max_length=120)
    created_at = models.DateTimeField("invité le", default=timezone.now)
    expires_at = models.DateTimeField("valable jusqu'au")
    accepted_at = models.DateTimeField("acceptée le", null=True)
    withdrawn_at = models.DateTimeField("retirée le", null=True)

    class Meta:
        verbose_name = "invitation"
        verbose_name_plural = "invitations"
        indexes = [models.Index(fields=["dossier", "-created_at"], name="invitation_latest")]

    def __str__(self) -> str:
        return self.get_role_display()


class Contest(DossierScoped):
    """The holder contests an access read in the trace: it has a deadline, an owner and an answer."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="contests")
    trace_id = models.UUIDField("trace contestée")
    reason = models.TextField("ce que dit le titulaire")
    asked_at = models.DateTimeField("contesté le", default=timezone.now)
    asked_by = models.CharField("contesté par", max_length=120)
    due_at = models.DateTimeField("réponse attendue le")
    owner = models.ForeignKey(
        User,
        models.DO_NOTHING,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="suivi par",
    )
    answer = models.TextField("réponse", blank=True)
    answered_at = models.DateTimeField("répondu le", null=True, blank=True)
    reminded = models.SmallIntegerField("rappel envoyé à J moins", null=True, blank=True, editable=False)

    history = history()

    class Meta:
        verbose_name = "accès contesté"
        verbose_name_plural = "accès contestés"
        indexes = [models.Index(fields=["due_at"], name="contest_due", condition=Q(answered_at=None))]
        constraints = [models.UniqueConstraint(fields=["dossier", "trace_id"], name="one_contest_a_trace")]

    def __str__(self) -> str:
        return f"contesté le {self.asked_at:%d/%m/%Y}"

    @property
    def is_late(self) -> bool:
        return self.answered_at is None and self.due_at < timezone.now()


class CaisseGroupGrantQuerySet(models.QuerySet["CaisseGroupGrant"]):
    def running(self) -> "CaisseGroupGrantQuerySet":
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=timezone.now()))


class CaisseGroupGrant(GroupObjectPermissionBase):
    """Which counter group serves which fund (`serve_caisse`): administrative, never medical."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    content_object = models.ForeignKey(Caisse, models.CASCADE, related_name="group_grants")
    ended_at = models.DateTimeField("fin", null=True, blank=True)  # nothing is deleted: a right ends

    rights = CaisseGroupGrantQuerySet.as_manager()  # guardian keeps `objects`
    history = history()

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False
        verbose_name = "groupe servant une caisse"
        verbose_name_plural = "groupes servant les caisses"

    def __str__(self) -> str:
        return f"{self.group} : {self.content_object}"


class MatrixVersion(models.Model):
    """One version of the habilitation matrix (article R1111-46). `draft` until an official one is imported."""

    class Status(models.TextChoices):
        DRAFT = "draft", "brouillon"
        OFFICIAL = "official", "officielle"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("version", max_length=60, unique=True)
    status = models.CharField("statut", max_length=10, choices=Status, default=Status.DRAFT)
    source = models.CharField("source", max_length=300)
    effective_from = models.DateTimeField("applicable depuis", default=timezone.now)
    loaded_at = models.DateTimeField("chargée le", default=timezone.now)
    digest = models.CharField("empreinte du fichier (SHA-256)", max_length=64, default="", db_default="", blank=True)

    history = history()

    class Meta:
        verbose_name = "version de la matrice"
        verbose_name_plural = "versions de la matrice"
        ordering = ["-effective_from"]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_status_display()})"


class MatrixRow(models.Model):
    """What one profession reads, in one version. A profession without a row reads nothing (D20)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(MatrixVersion, models.CASCADE, related_name="rows")
    profession = models.CharField("profession", max_length=10)
    readable = ArrayField(models.CharField(max_length=40), verbose_name="types lisibles")

    class Meta:
        verbose_name = "ligne de la matrice"
        verbose_name_plural = "lignes de la matrice"
        constraints = [models.UniqueConstraint(fields=["version", "profession"], name="one_row_a_profession")]

    def __str__(self) -> str:
        return f"{self.profession} : {len(self.readable)} types"
