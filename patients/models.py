"""The person, the dossier, and what surrounds them without being medical content."""

import datetime as dt
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.scoped import DossierScoped, history, uuid7
from patients.ins import OID_NIR, OIDS, Ins


class Term(models.Model):
    """One code of a code table, as loaded by `load_code_tables` from the project's versioned data."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    table = models.CharField("table", max_length=40)
    code = models.CharField("code", max_length=60)
    system = models.CharField("système", max_length=120)
    display = models.CharField("libellé", max_length=400)
    extra = models.JSONField("autres colonnes", default=dict)
    version = models.CharField("version", max_length=40)

    class Meta:
        verbose_name = "code"
        verbose_name_plural = "tables de codes"
        constraints = [models.UniqueConstraint(fields=["table", "code", "system"], name="one_term_a_code")]

    def __str__(self) -> str:
        return f"{self.code} {self.display}"


class Regime(models.Model):
    """A health-insurance scheme (régime)."""

    code = models.CharField("code", max_length=10, primary_key=True)
    name = models.CharField("nom", max_length=200)

    history = history()

    class Meta:
        verbose_name = "régime"
        verbose_name_plural = "régimes"

    def __str__(self) -> str:
        return self.name


class Caisse(models.Model):
    """A local fund; its counter agents serve the dossiers it manages."""

    code = models.CharField("code", max_length=10, primary_key=True)
    name = models.CharField("nom", max_length=200)
    department = models.CharField("département", max_length=3)

    history = history()

    class Meta:
        verbose_name = "caisse"
        verbose_name_plural = "caisses"
        permissions = [("serve_caisse", "Servir les assurés de cette caisse")]

    def __str__(self) -> str:
        return self.name


class Channel(models.TextChoices):
    """By which way a dossier was opened, or an act was asked for."""

    WEB = "web", "en ligne"
    COUNTER = "counter", "au guichet"
    PROFESSIONAL = "professional", "par un professionnel de santé"
    PHARMACY = "pharmacy", "en pharmacie"
    POST = "post", "par courrier"
    OPERATOR = "operator", "par l'exploitant"


class OpeningRuleQuerySet(models.QuerySet["OpeningRule"]):
    def in_force(self, day: dt.date) -> "OpeningRuleQuerySet":
        return self.filter(since__lte=day).filter(Q(until=None) | Q(until__gt=day))


class OpeningRule(models.Model):
    """Whether a regime, in a department, may open by a channel. The most precise rule in force decides."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    regime = models.ForeignKey(Regime, models.PROTECT, null=True, blank=True, verbose_name="régime")
    department = models.CharField("département", max_length=3, blank=True)
    channel = models.CharField("canal", max_length=20, choices=Channel)
    allowed = models.BooleanField("autorisé", default=True)
    adults_only = models.BooleanField("majeurs seulement", default=False)
    since = models.DateField("depuis")
    until = models.DateField("jusqu'au (exclu)", null=True, blank=True)
    note = models.CharField("explication donnée à la personne", max_length=300, blank=True)

    objects = OpeningRuleQuerySet.as_manager()
    history = history()

    class Meta:
        verbose_name = "règle d'ouverture"
        verbose_name_plural = "règles d'ouverture"

    def __str__(self) -> str:
        where = self.department or "tous départements"
        return f"{self.regime or 'tous régimes'}, {where}, {self.get_channel_display()}"


class InsuredPerson(models.Model):
    """The insured persons' register as an operator loads it: who may open, and which contact is on file."""

    lookup = models.BinaryField("empreinte du numéro", primary_key=True, max_length=32)
    oid = models.CharField("nature du numéro", max_length=40, default=OID_NIR)
    sealed_matricule = models.BinaryField("numéro scellé")
    birth_family = models.CharField("nom de naissance", max_length=100)
    used_family = models.CharField("nom utilisé", max_length=100, blank=True)
    given_names = models.CharField("prénoms", max_length=200)
    birth_date = models.DateField("date de naissance")
    sex = models.CharField("sexe", max_length=1, choices=[("F", "féminin"), ("M", "masculin"), ("U", "inconnu")])
    birthplace = models.CharField("lieu de naissance (code INSEE)", max_length=5, blank=True)
    postal_code = models.CharField("code postal", max_length=5)
    regime = models.ForeignKey(Regime, models.PROTECT, verbose_name="régime")
    caisse = models.ForeignKey(Caisse, models.PROTECT, verbose_name="caisse")
    email = models.EmailField("adresse e-mail connue", blank=True)
    phone = models.CharField("téléphone connu", max_length=20, blank=True)
    loaded_at = models.DateTimeField("chargé le", default=timezone.now)

    class Meta:
        verbose_name = "assuré"
        verbose_name_plural = "assurés"
        indexes = [models.Index(fields=["birth_date", "birth_family"], name="insured_by_birth")]

    def __str__(self) -> str:
        return f"{self.used_family or self.birth_family} {self.given_names.split()[0]}"

    @property
    def ins(self) -> Ins:
        return Ins.unsealed(self.sealed_matricule, self.oid)

    @property
    def department(self) -> str:
        """The department of the postal code; three characters overseas, 20 for Corsica."""
        return self.postal_code[:3] if self.postal_code.startswith(("97", "98")) else self.postal_code[:2]


class Dossier(models.Model):
    """The shared medical record of one person (article L1111-14). It opens with express consent only.

    open -> closed (archived ten years, article L1111-18) -> destroyed. Rights on it are guardian
    object permissions (`access.DossierGrant`).
    """

    class State(models.TextChoices):
        OPEN = "open", "ouvert"
        CLOSED = "closed", "fermé"
        DESTROYED = "destroyed", "détruit"

    class Closure(models.TextChoices):
        HOLDER = "DEMANDE_TITULAIRE", "à la demande du titulaire"
        REPRESENTATIVE = "DEMANDE_REPRESENTANT", "à la demande d'un représentant légal"
        PROFESSIONAL = "DEMANDE_VIA_PS", "à la demande du titulaire, par un professionnel"
        DEATH = "DECES", "après un décès"
        FRAUD = "FRAUDE_DYSFONCTIONNEMENT", "fraude ou dysfonctionnement"
        DOUBLE = "DOUBLON_IDENTITE", "doublon d'identité"

    BY_OPERATOR = (Closure.DEATH, Closure.FRAUD, Closure.DOUBLE)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField("état", max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField("ouvert le", default=timezone.now)
    opened_channel = models.CharField("ouvert", max_length=20, choices=Channel)
    opened_by = models.CharField("ouvert par", max_length=120)
    # A composite foreign key of the database (migration 0001) makes this an existing consent of this
    # very dossier: without consent, no dossier.
    opening_consent_id = models.UUIDField("consentement à l'ouverture")
    closed_at = models.DateTimeField("fermé le", null=True, blank=True)
    closure = models.CharField("motif de fermeture", max_length=30, choices=Closure, blank=True)
    caisse = models.ForeignKey(Caisse, models.PROTECT, verbose_name="caisse")
    regime = models.ForeignKey(Regime, models.PROTECT, verbose_name="régime")
    allows_break_glass = models.BooleanField("bris de glace admis", default=True)
    allows_regulation = models.BooleanField("consultation par le SAMU-Centre 15 admise", default=True)
    shows_masked_in_emergency = models.BooleanField("documents masqués visibles en urgence", default=False)
    emergency_lookup = models.BinaryField("empreinte du numéro d'urgence", max_length=32, null=True)
    masks_new_documents = models.BooleanField("nouveaux documents masqués d'office", default=False, db_default=False)
    refuses_heirs = models.BooleanField(
        "opposition à l'accès des proches après le décès (L1110-4 V)", default=False, db_default=False
    )

    history = history()

    class Meta:
        verbose_name = "dossier médical partagé"
        verbose_name_plural = "dossiers médicaux partagés"
        permissions = [
            ("consult_dossier", "Consulter le dossier"),
            ("consult_masked", "Consulter aussi ce qui est masqué (médecin traitant)"),
            ("serve_dossier", "Servir ce dossier au guichet"),
        ]
        constraints = [
            models.CheckConstraint(
                name="dossier_closed_has_a_date",
                condition=Q(state="open", closed_at=None) | Q(~Q(state="open"), closed_at__isnull=False),
                violation_error_message="Un dossier fermé a une date de fermeture, un dossier ouvert n'en a pas.",
            ),
        ]

    def __str__(self) -> str:
        return f"Dossier {self.id.hex[-8:]}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def closed_by_operator(self) -> bool:
        """On proof of a death, a fraud, a double: who has the account may be who it was closed against."""
        return self.closure in self.BY_OPERATOR


class IdentityIndex(models.Model):
    """Which dossier an identity has, open or archived: the key makes it one at most (scale rule R3)."""

    lookup = models.BinaryField("empreinte du numéro", primary_key=True, max_length=32)
    dossier_id = models.UUIDField("dossier")

    class Meta:
        verbose_name = "identité connue"
        verbose_name_plural = "identités connues"

    def __str__(self) -> str:
        return self.dossier_id.hex[-8:]


class Patient(DossierScoped):
    """The holder: INS traits and contacts. The matricule is sealed, its look-up is in IdentityIndex."""

    class Status(models.TextChoices):
        PROVISIONAL = "provisoire", "provisoire"
        RETRIEVED = "recuperee", "récupérée"
        VALIDATED = "validee", "validée"
        QUALIFIED = "qualifiee", "qualifiée"

    dossier = models.OneToOneField(Dossier, models.DO_NOTHING, related_name="patient", verbose_name="dossier")
    oid = models.CharField("nature du numéro", max_length=40, default=OID_NIR, choices=list(OIDS.items()))
    sealed_matricule = models.BinaryField("numéro scellé")
    birth_family = models.CharField("nom de naissance", max_length=100)
    used_family = models.CharField("nom utilisé", max_length=100, blank=True)
    given_names = models.CharField("prénoms de naissance", max_length=200)
    birth_date = models.DateField("date de naissance")
    sex = models.CharField("sexe", max_length=1, choices=[("F", "féminin"), ("M", "masculin"), ("U", "inconnu")])
    birthplace = models.CharField("lieu de naissance (code INSEE)", max_length=5, blank=True)
    status = models.CharField("identité", max_length=12, choices=Status, default=Status.VALIDATED)
    email = models.EmailField("adresse e-mail", blank=True)
    phone = models.CharField("téléphone", max_length=20, blank=True)
    address = models.TextField("adresse postale", blank=True)
    postal_code = models.CharField("code postal", max_length=5, blank=True)

    history = history()

    class Meta:
        verbose_name = "titulaire"
        verbose_name_plural = "titulaires"
        indexes = [models.Index(fields=["birth_date", "birth_family"], name="patient_by_birth")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return f"{self.given_names.split()[0]} {self.used_family or self.birth_family}"

    @property
    def ins(self) -> Ins:
        return Ins.unsealed(self.sealed_matricule, self.oid)


class Consent(DossierScoped):
    """What the person said, to what, when and before whom: the evidence (article L1111-14, R1111-40)."""

    class Subject(models.TextChoices):
        OPENING = "opening", "ouverture du dossier"
        REOPENING = "reopening", "réactivation du dossier"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="consents", verbose_name="dossier")
    subject = models.CharField("objet", max_length=20, choices=Subject)
    wording = models.CharField("version du texte lu", max_length=20)
    given_at = models.DateTimeField("donné le", default=timezone.now)
    given_by = models.CharField("donné par", max_length=120)  # holder, or the representative's account
    collected_by = models.CharField("recueilli par", max_length=120)
    channel = models.CharField("canal", max_length=20, choices=Channel)
    evidence = models.CharField("preuve", max_length=200)  # case ticked, signed form number, card read…

    class Meta:
        verbose_name = "consentement"
        verbose_name_plural = "consentements"

    def __str__(self) -> str:
        return f"{self.get_subject_display()} ({self.given_at:%d/%m/%Y})"


class Clock(models.Model):
    """One row: the last time the service believed, and until when it believes the next (`patients.clocks`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    seen_at = models.DateTimeField("vue le")
    good_until = models.DateTimeField("crue jusqu'au")

    class Meta:
        verbose_name = "horloge"
        verbose_name_plural = "horloge"
        constraints = [
            models.CheckConstraint(name="one_clock", condition=Q(id=1)),
            models.CheckConstraint(name="clock_believes_what_comes", condition=Q(good_until__gt=models.F("seen_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.seen_at:%d/%m/%Y %H:%M}"


class OpeningRequest(models.Model):
    """A person opening online: between the form and the proof that the e-mail, or the letter, is hers.

    Not of a dossier: none exists yet. Secrets are kept as digests; wrong codes are counted.
    """

    class State(models.TextChoices):
        MAILED = "mailed", "e-mail envoyé"
        CONFIRMED = "confirmed", "adresse confirmée"
        LETTER = "letter", "code par courrier ou au guichet attendu"
        DONE = "done", "dossier ouvert"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    insured = models.ForeignKey(InsuredPerson, models.DO_NOTHING, db_constraint=False, verbose_name="assuré")
    email = models.EmailField("adresse e-mail donnée")
    state = models.CharField("étape", max_length=10, choices=State, default=State.MAILED)
    link_digest = models.BinaryField("empreinte du lien", max_length=32)
    code_digest = models.BinaryField("empreinte du code", max_length=32)
    letter_digest = models.BinaryField("empreinte du code par courrier", max_length=32, null=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    created_at = models.DateTimeField("demandé le", default=timezone.now)
    expires_at = models.DateTimeField("valable jusqu'au")

    class Meta:
        verbose_name = "demande d'ouverture en ligne"
        verbose_name_plural = "demandes d'ouverture en ligne"

    def __str__(self) -> str:
        return f"Demande du {self.created_at:%d/%m/%Y}"


class Notice(DossierScoped):
    """Outbox: what a person is to be told. Written with the act, sent by a task, never with health content."""

    class Kind(models.TextChoices):
        DOSSIER_OPENED = "dossier_opened", "Votre dossier médical partagé est ouvert"
        DOCUMENT_ADDED = "document_added", "Un document a été ajouté à votre dossier"
        ACCESS = "access", "Votre dossier a été consulté"
        ACCESS_GRANTED = "access_granted", "Un professionnel peut consulter votre dossier"
        TREATING_NAMED = "treating_named", "Un médecin s'est enregistré comme votre médecin traitant"
        CONSENT_ASKED = "consent_asked", "Un professionnel demande votre accord"
        EMERGENCY = "emergency", "Votre dossier a été ouvert en urgence"
        NEWS = "news", "Votre dossier a été mis à jour : parlez-en avec votre médecin"  # R1111-53, within two weeks
        DOCUMENT_SHOWN = "document_shown", "Un document est maintenant visible dans votre dossier"
        MAJORITY = "majority", "Vous êtes majeur : votre dossier est à vous"
        CARER = "carer", "Une personne peut vous aider à suivre votre dossier"
        FIRST_FEED = "first_feed", "Vos soins remboursés sont dans votre dossier"
        CONTEST_ANSWERED = "contest_answered", "Une réponse à votre contestation"
        REQUEST_RECEIVED = "request_received", "Votre demande est enregistrée"
        REQUEST_MOVED = "request_moved", "Votre demande avance"
        REQUEST_ANSWERED = "request_answered", "Une réponse à votre demande"
        REQUEST_DONE = "request_done", "Ce que vous aviez demandé est fait"
        PASSWORD_RESET = "password_reset", "Le mot de passe de votre espace a été refait"
        CONTACTS_CHANGED = "contacts_changed", "Vos coordonnées ont été changées"
        ACCESS_CODE = "access_code", "Un code pour retrouver l'accès à votre espace a été donné"
        COPY_READY = "copy_ready", "La copie de votre dossier est prête"
        DOSSIER_CLOSED = "dossier_closed", "Votre dossier médical partagé est fermé"
        DOSSIER_REOPENED = "dossier_reopened", "Votre dossier médical partagé est de nouveau ouvert"
        DESTRUCTION_NEAR = "destruction_near", "Votre dossier va être détruit : vous pouvez encore l'annuler"
        DESTROYED = "destroyed", "Votre dossier médical partagé est détruit"

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="notices", verbose_name="dossier")
    kind = models.CharField("objet", max_length=30, choices=Kind)
    email = models.EmailField("destinataire")
    bucket = models.SmallIntegerField("lot", default=0)
    created_at = models.DateTimeField("créé le", default=timezone.now)
    sent_at = models.DateTimeField("envoyé le", null=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)

    class Meta:
        verbose_name = "avis"
        verbose_name_plural = "avis"
        indexes = [models.Index(fields=["bucket", "created_at"], name="notice_to_send", condition=Q(sent_at=None))]

    def __str__(self) -> str:
        return self.get_kind_display()


class IdempotentReply(DossierScoped):
    """The answer already given to a write: sent again, it is given again (header Idempotency-Key)."""

    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="+", verbose_name="dossier")
    caller = models.CharField("appelant", max_length=120)
    key = models.CharField("clé", max_length=100)
    digest = models.BinaryField("empreinte de la demande", max_length=32)
    status = models.PositiveSmallIntegerField("statut")
    location = models.CharField("adresse", max_length=200, blank=True)
    body = models.TextField("réponse")
    created_at = models.DateTimeField("créé le", default=timezone.now)

    class Meta:
        verbose_name = "réponse rejouable"
        verbose_name_plural = "réponses rejouables"
        constraints = [models.UniqueConstraint(fields=["dossier", "caller", "key"], name="one_reply_a_key")]

    def __str__(self) -> str:
        return self.key


def identity_of(lookup: bytes) -> uuid.UUID | None:
    """The dossier (open or archived) of the identity with this keyed hash."""
    return IdentityIndex.objects.filter(lookup=lookup).values_list("dossier_id", flat=True).first()


from patients.models_consent_papers import ConsentPaper  # noqa: E402, F401
from patients.models_envelopes import Envelope  # noqa: E402, F401
from patients.models_loads import RegisterLoad  # noqa: E402, F401
from patients.models_requests import LetterKey, Request, RequestPaper  # noqa: E402, F401 (their tables are this app's)
