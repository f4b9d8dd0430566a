"""The cast, as factories with traits. Numbers are test numbers; people are invented."""

import datetime as dt
import hashlib
from typing import Any

import factory
from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils import timezone
from factory.django import DjangoModelFactory

from access.facts import Role
from access.gate import Caller
from access.models import (
    Block,
    DossierGrant,
    MatrixRow,
    MatrixVersion,
    Professional,
    Representation,
    Situation,
    Structure,
    User,
)
from audit.scoped import uuid7
from audit.trail import Actor, ActorKind
from documents.models import Document, DocumentGrant
from patients.ins import OID_TEST, Ins
from patients.models import (
    Caisse,
    Channel,
    Consent,
    Dossier,
    IdentityIndex,
    InsuredPerson,
    Patient,
    Regime,
    RegisterLoad,
)

READABLE = ["11488-4", "11502-2", "57833-6", "18748-4", "34133-9", "60591-5", "11490-0"]


def luhn(digits: str) -> str:
    """The digits with the Luhn check digit that makes an RPPS valid."""
    total = sum(
        sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(reversed(digits))
    )
    return f"{digits}{-total % 10}"


def nir(thirteen: str) -> str:
    """Thirteen digits and their key: 97 less the remainder by 97."""
    return f"{thirteen}{97 - int(thirteen) % 97:02d}"


class CaisseFactory(DjangoModelFactory):
    class Meta:
        model = Caisse
        django_get_or_create = ["code"]

    code = "691"
    name = "CPAM du Rhône"
    department = "69"


class RegimeFactory(DjangoModelFactory):
    class Meta:
        model = Regime
        django_get_or_create = ["code"]

    code = "01"
    name = "Régime général"


class RegisterLoadFactory(DjangoModelFactory):
    class Meta:
        model = RegisterLoad

    register = "insured"
    digest = factory.Sequence(lambda number: f"{number:064x}")
    read, added, changed, ended, refused = 10, 8, 1, 0, 1
    by = "system:load_insured"
    reason = "essai"


class InsuredFactory(DjangoModelFactory):
    class Meta:
        model = InsuredPerson

    class Params:
        thirteen = factory.Sequence(lambda n: f"28403759{n:05d}")

    oid = OID_TEST
    lookup = factory.LazyAttribute(lambda o: Ins(nir(o.thirteen), o.oid).lookup)
    sealed_matricule = factory.LazyAttribute(lambda o: Ins(nir(o.thirteen), o.oid).sealed())
    birth_family = "LEFÈVRE"
    given_names = "Marie Anne"
    birth_date = dt.date(1984, 3, 12)
    sex = "F"
    birthplace = "75112"
    postal_code = "69003"
    regime = factory.SubFactory(RegimeFactory)
    caisse = factory.SubFactory(CaisseFactory)
    email = factory.Sequence(lambda n: f"marie{n}@example.org")


class DossierFactory(DjangoModelFactory):
    """An open dossier with its consent, identity and holder's sheet. Traits: closed, minor."""

    class Meta:
        model = Dossier

    class Params:
        closed = factory.Trait(
            state="closed", closed_at=factory.LazyFunction(timezone.now), closure="DEMANDE_TITULAIRE"
        )
        minor = factory.Trait(birth_date=dt.date(2014, 5, 3))

    thirteen = factory.Sequence(lambda n: f"19702359{n:05d}")  # of the holder's number
    birth_date = dt.date(1997, 2, 14)
    opened_channel = Channel.COUNTER
    opened_by = "counter:test"
    opening_consent_id = factory.LazyFunction(uuid7)
    regime = factory.SubFactory(RegimeFactory)
    caisse = factory.SubFactory(CaisseFactory)

    @classmethod
    @transaction.atomic  # the consent is checked at commit
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Dossier:
        thirteen, birth_date = kwargs.pop("thirteen"), kwargs.pop("birth_date")
        dossier = super()._create(model_class, *args, **kwargs)
        ins = Ins(nir(thirteen), OID_TEST)
        Consent.objects.create(
            id=dossier.opening_consent_id,
            dossier=dossier,
            subject="opening",
            wording="2026-11",
            given_by="holder",
            collected_by="counter:test",
            channel="counter",
            evidence="formulaire signé",
        )
        IdentityIndex.objects.create(lookup=ins.lookup, dossier_id=dossier.pk)
        Patient.objects.create(
            dossier=dossier,
            oid=OID_TEST,
            sealed_matricule=ins.sealed(),
            birth_family="MARCHAND",
            given_names="Antoine Louis",
            birth_date=birth_date,
            sex="M",
            birthplace="35238",
            email="antoine@example.org",
            status="qualifiee",
        )
        return dossier


class StructureFactory(DjangoModelFactory):
    class Meta:
        model = Structure
        django_get_or_create = ["identifier"]

    finess = factory.Sequence(lambda n: f"9900{n:05d}")
    identifier = factory.LazyAttribute(lambda o: f"1{o.finess}")
    name = "Cabinet médical des Lilas"
    sector = "SA07"


class ProfessionalFactory(DjangoModelFactory):
    """A general practitioner with one situation. Traits: nurse, pharmacist, dentist, unknown."""

    class Meta:
        model = Professional
        skip_postgeneration_save = True

    class Params:
        nurse = factory.Trait(profession="60", civility="MME", given="Julie", family="PETIT", speciality="")
        pharmacist = factory.Trait(profession="21", given="Paul", family="VIDAL", speciality="")
        dentist = factory.Trait(profession="40", given="Luc", family="MOLLARD", speciality="")
        unknown = factory.Trait(profession="999", given="Ève", family="NOUVEL", speciality="")

    idnat = factory.Sequence(lambda n: "8" + luhn(f"8100{n:06d}"))
    family = "MOREL"
    given = "Paul"
    civility = "DR"
    profession = "10"
    speciality = "SM54"

    @factory.post_generation
    def situation(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        Situation.objects.create(
            professional=self,
            structure=StructureFactory(),
            profession=self.profession,
            category="C",
            speciality=self.speciality,
            mode="L",
        )


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"personne{n}@example.org")
    first_name = "Antoine"
    last_name = "Marchand"


class DocumentFactory(DjangoModelFactory):
    """A row only: no content in the vault (deposits make those). Traits: masked, withheld, secret…"""

    class Meta:
        model = Document

    class Params:
        hidden = factory.Trait(masked=True)
        awaiting = factory.Trait(
            withheld=True, visible_from=factory.LazyFunction(lambda: timezone.now() + dt.timedelta(days=31))
        )
        announced_by_time = factory.Trait(
            withheld=True, visible_from=factory.LazyFunction(lambda: timezone.now() - dt.timedelta(days=1))
        )
        removed = factory.Trait(state="deleted")

    dossier = factory.SubFactory(DossierFactory)
    unique_id = factory.LazyFunction(lambda: f"urn:uuid:{uuid7()}")
    type_code = "11488-4"
    type_system = "http://loinc.org"
    class_code = "10"
    family = "comptes-rendus"
    title = "Compte rendu de consultation"
    created = factory.LazyFunction(timezone.now)
    author_ids = factory.LazyFunction(lambda: ["899999999999"])
    author_family = "MOREL"
    deposited_by = "professional:899999999999"
    media_type = "application/pdf"
    size = 4
    sha1 = hashlib.sha1(b"%PDF", usedforsecurity=False).digest()
    sha256 = hashlib.sha256(b"%PDF").digest()
    fhir = '{"resourceType":"DocumentReference"}'


def account(professional: Professional) -> User:
    user, _ = User.objects.get_or_create(
        professional=professional,
        defaults={"kind": "professional", "first_name": professional.given, "last_name": professional.family},
    )
    return user


def permit(
    dossier: Dossier, professional: Professional, right: str = "consult_dossier", **fields: Any
) -> DossierGrant:
    """A running right, one year long unless said otherwise."""
    return DossierGrant.objects.create(
        content_object=dossier,
        user=account(professional),
        permission=Permission.objects.get(codename=right, content_type__app_label="patients"),
        **{
            "since": timezone.now() - dt.timedelta(minutes=1),
            "until": timezone.now() + dt.timedelta(days=365),
            "source": "test",
            "granted_by": "holder:test",
        }
        | fields,
    )


def treat(dossier: Dossier, professional: Professional) -> DossierGrant:
    return permit(dossier, professional, "consult_masked", until=None)


def forbid(dossier: Dossier, professional: Professional) -> Block:
    return Block.objects.create(dossier=dossier, user=account(professional), blocked_by="holder:test")


def open_document(document: Document, professional: Professional, **fields: Any) -> DocumentGrant:
    """The holder opened this one document to this one professional."""
    return DocumentGrant.objects.create(
        dossier=document.dossier,
        content_object=document,
        user=account(professional),
        permission=Permission.objects.get(codename="consult_document", content_type__app_label="documents"),
        **{"since": timezone.now() - dt.timedelta(minutes=1), "granted_by": "holder:test"} | fields,
    )


def matrix(
    readable: list[str] | None = None,
    professions: tuple[str, ...] = ("10", "21", "60"),
    effective_from: dt.datetime | None = None,
) -> MatrixVersion:
    effective_from = effective_from or timezone.now() - dt.timedelta(days=1)
    version = MatrixVersion.objects.create(
        name=f"test {effective_from}", source="test", effective_from=effective_from
    )
    for profession in professions:
        MatrixRow.objects.create(version=version, profession=profession, readable=readable or READABLE)
    return version


def holder_of(dossier: Dossier, role: str = "holder") -> User:
    """The account of the holder (or of another role), made when there is none."""
    known = Representation.objects.filter(dossier=dossier, role=role).select_related("user").first()
    if known:
        return known.user
    user = UserFactory()
    Representation.objects.create(dossier=dossier, user=user, role=role, recorded_by="test", since=dossier.opened_at)
    return user


def caller(professional: Professional) -> Caller:
    """The professional at the gate, in his only situation."""
    actor = Actor(
        ActorKind.PROFESSIONAL,
        professional.idnat,
        professional.name,
        profession=professional.profession,
        means="test",
    )
    return Caller(account(professional), actor, Role.PROFESSIONAL)


def holder(dossier: Dossier, role: str = "holder", user: User | None = None) -> Caller:
    """The holder (or a representative) at the gate."""
    user = user or holder_of(dossier, role)
    return Caller(user, Actor(ActorKind.HOLDER, str(user.pk), str(user), means="test"))
