"""The cast of the demonstration: accounts, dossiers, who represents whom, who may consult. All invented.

Every step can be taken again: what is there stays as it is. Documents come in through the interface, by
`demo_journey`. `check --deploy` refuses a production where `DMP_DEMO` is on.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from access import gate, grants, registers
from access.facts import Act, Role
from access.gate import Caller
from access.models import AUTHORISED, TREATING, CaisseGroupGrant, Professional, Representation, User
from audit.trail import SYSTEM, Actor, ActorKind, Event
from patients import dossiers, ins
from patients import registers as insured_registers
from patients.dossiers import Agreement, AlreadyThere
from patients.models import Caisse, Channel, Dossier, InsuredPerson

HERE = Path(__file__).parent
PASSWORD = "un cerisier dans la cour"  # noqa: S105 (printed for whoever tries the demonstration)
TOTP_SECRETS = {"agent": "KRUGKIDDMFYHI2LUNFZW45DFNRXW4ZLT", "operator": "MRSW23ZAN5YGK4TBORUW63RAMRWXAIDS"}

MOREL, CARON, FERRAND, RIVIERE = "81000000018", "81000000026", "81000000034", "81000000059"
PETIT, VIDAL, MOLLARD, SERRE = "81000000067", "81000000075", "81000000083", "81000000091"


@dataclass(frozen=True)
class Person:
    """A holder of the demonstration, and the account with which she signs in (none without an e-mail)."""

    number: str
    first: str
    last: str
    channel: Channel
    email: str = ""

    @property
    def ins(self) -> ins.Ins:
        return ins.Ins(self.number, ins.OID_TEST)


ANTOINE = Person("197023599000284", "Antoine", "Marchand", Channel.WEB, "antoine.marchand@example.org")
LEA = Person("211056999000379", "Léa", "Nguyen-Roux", Channel.COUNTER)
JEANNE = Person("245128099000470", "Jeanne", "Aubert", Channel.COUNTER)
MARIE = Person("284037599000193", "Marie", "Lefèvre", Channel.WEB, "marie.lefevre@example.org")
MOUSSA = Person("192079999000536", "Moussa", "Traoré", Channel.PROFESSIONAL, "moussa.traore@example.org")
CLAIRE = Person("281026999000789", "Claire", "Nguyen", Channel.PHARMACY, "claire.roux@example.org")
HOLDERS = (ANTOINE, LEA, JEANNE, MARIE, MOUSSA, CLAIRE)
PAUL = ("paul.aubert@example.org", "Paul", "Aubert")
AGENT = ("karim.benali@cpam.example.org", "Karim", "Benali")
OPERATOR = ("exploitation@example.org", "Odile", "Fournier")


def load_registers() -> tuple[insured_registers.Loaded, registers.Loaded]:
    """Funds, insured persons, professionals."""
    insured_registers.load_funds()
    with (insured_registers.DATA.parent / "demo" / "insured.csv").open(newline="") as lines:
        persons = insured_registers.load_insured(lines)
    with (HERE / "demo" / "professionals.txt").open(encoding="utf-8-sig") as lines:
        return persons, registers.load_professionals(lines)


def load_people() -> None:
    """Accounts, dossiers, representations, rights."""
    for person in HOLDERS:
        dossier = _opened(person)
        if person.email:
            user = account(person.email, person.first, person.last)
            _represent(dossier, user, Representation.Role.HOLDER)
    mother = account(CLAIRE.email, CLAIRE.first, CLAIRE.last)
    _represent(dossier_of(LEA), mother, Representation.Role.PARENT, evidence="livret de famille")
    carer = _represent(dossier_of(JEANNE), account(*PAUL), Representation.Role.CARER, evidence="lettre signée")
    if carer.until is None:
        carer.until = timezone.now() + dt.timedelta(days=365)
        carer.save(update_fields=["until"])
    _load_staff()
    _load_rights()


def _opened(person: Person) -> Dossier:
    insured = InsuredPerson.objects.get(pk=person.ins.lookup)
    agreement = Agreement(given_by="holder", evidence="démonstration", channel=person.channel)
    try:
        return dossiers.open_for(insured, agreement=agreement, by=SYSTEM)
    except AlreadyThere as error:
        return Dossier.objects.get(pk=error.dossier_id)


def dossier_of(person: Person) -> Dossier:
    """The dossier of a holder, once loaded."""
    known = dossiers.identity_of(person.ins.lookup)
    assert known is not None
    return Dossier.objects.get(pk=known)


def account(
    email: str, first: str, last: str, kind: User.Kind = User.Kind.PERSON, *, superuser: bool = False
) -> User:
    """An account with a confirmed address and the password of the demonstration."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(
            email,
            PASSWORD,
            first_name=first,
            last_name=last,
            kind=kind,
            is_staff=kind in (User.Kind.AGENT, User.Kind.OPERATOR),
            is_superuser=superuser,
        )
    EmailAddress.objects.get_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
    return user


def _represent(
    dossier: Dossier, user: User, role: Representation.Role, *, evidence: str = "démonstration"
) -> Representation:
    known = Representation.objects.filter(dossier=dossier, user=user, role=role).first()
    if known is not None:
        return known
    row = Representation(dossier=dossier, user=user, role=role, evidence=evidence, recorded_by=SYSTEM.reference)
    row._history_user = SYSTEM  # type: ignore[attr-defined]
    row.save(force_insert=True)
    return row


def _load_staff() -> None:
    """The agent serves the CPAM du Rhône only; neither he nor the operator ever reads (D19)."""
    agent = account(*AGENT, User.Kind.AGENT)
    operator = account(*OPERATOR, User.Kind.OPERATOR, superuser=True)
    for user, name in ((agent, "agent"), (operator, "operator")):
        if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
            TOTP.activate(user, TOTP_SECRETS[name])
    group, _ = Group.objects.get_or_create(name="Guichet CPAM du Rhône")
    agent.groups.add(group)
    CaisseGroupGrant.objects.get_or_create(
        content_object=Caisse.objects.get(code="691"),
        group=group,
        permission=Permission.objects.get(codename="serve_caisse", content_type__app_label="patients"),
    )


def code_now(name: str) -> str:
    """The six digits that the application of codes of the agent or of the operator shows now."""
    counter = int(timezone.now().timestamp()) // 30
    return format_hotp_value(hotp_value(TOTP_SECRETS[name], counter))


def _load_rights() -> None:
    """Antoine: his treating doctor and, for three months, his neurologist. Jeanne: her doctor, her nurse."""
    antoine = dossier_of(ANTOINE)
    user = User.objects.get(email=ANTOINE.email)
    holder = Caller(user, user.actor(ActorKind.HOLDER, means="démonstration"))
    _name_treating(holder, Act.MANAGE, antoine, MOREL)
    _authorise(holder, Act.MANAGE, antoine, CARON, 90)
    jeanne = dossier_of(JEANNE)
    _name_treating(_professional(MOREL), Act.RECORD, jeanne, MOREL)
    _authorise(_professional(PETIT), Act.RECORD, jeanne, PETIT, settings.AUTHORISATION_DAYS)


def _professional(rpps: str) -> Caller:
    professional = Professional.objects.get(idnat=f"8{rpps}")
    actor = Actor(
        ActorKind.PROFESSIONAL,
        professional.idnat,
        professional.name,
        profession=professional.profession,
        means="démonstration",
    )
    return Caller(grants.account_of(professional), actor, Role.PROFESSIONAL)


def _has(dossier: Dossier, rpps: str, right: str) -> bool:
    rights = grants.DossierGrant.rights.running().filter(content_object=dossier)
    return rights.filter(user__professional__idnat=f"8{rpps}", permission__codename=right).exists()


def _name_treating(caller: Caller, act: Act, dossier: Dossier, rpps: str) -> None:
    if not _has(dossier, rpps, TREATING):
        with gate.enter(caller, act, Event.TREATING_NAMED, dossier_id=dossier.pk, lock=True) as entry:
            grants.name_treating(entry, Professional.objects.get(idnat=f"8{rpps}"), source="démonstration")


def _authorise(caller: Caller, act: Act, dossier: Dossier, rpps: str, days: int) -> None:
    if not _has(dossier, rpps, AUTHORISED):
        until = timezone.now() + dt.timedelta(days=days)
        with gate.enter(caller, act, Event.ACCESS_GRANTED, dossier_id=dossier.pk, lock=True) as entry:
            grants.authorise(entry, Professional.objects.get(idnat=f"8{rpps}"), until, source="démonstration")
