"""Who calls with a certificate: a professional's card (CPS), or a structure, which feeds and never reads.

nginx has verified it (chain, dates, revocation) and hands it over in one header, believed only on the UNIX socket
(`audit.request`). Here it is read: the authority that signed it says whether it is a person's (interop.md, section
d; rules.md 3.6), its subject says who. A name that looks like a doctor's, signed for an organisation, is none.
"""

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access.facts import Role
from access.gate import Caller
from access.identity import Claims, WorkSituation, account, needs_express, purpose_of, situation_of
from access.models import Professional, Situation, Structure, User
from audit.request import CERTIFICATE
from audit.trail import Actor, ActorKind

NOT_VALID = (
    "Ce certificat n'ouvre pas l'interface : il faut celui d'authentification d'une carte CPS ou d'une structure."
)
BOTH = "Présentez un certificat ou un jeton, pas les deux : on ne saurait pas lequel dit qui vous êtes."
UNKNOWN = "Ce professionnel n'est pas dans l'annuaire de ce service. Voyez l'exploitant."

# Two blocks, or anything beside one, is somebody's trick: only one has been verified.
_ONE = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n?")
_PERSON = re.compile(r"8\d{11}|0[\dAB]{9}", re.ASCII)  # PS_IdNat: 8 + RPPS, 0 + ADELI
_STRUCTURE = re.compile(r"1\d[\dAB]\d{7}|3\d{14}", re.ASCII)  # Struct_IdNat: 1 + FINESS, 3 + SIRET


class CertificateAuthentication(BaseAuthentication):
    """The verified certificate of the connection; `request.auth` is the `gate.Caller`."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, Caller] | None:
        header = request.META.get(CERTIFICATE)
        if header is None:
            return None
        if "Authorization" in request.headers:
            raise AuthenticationFailed(BOTH)
        certificate = read(header)
        if issued_by(certificate, settings.CERTIFICATE_PERSONS):
            name = _only(certificate.subject, NameOID.COMMON_NAME)
            if _PERSON.fullmatch(name):
                return _person(request, name)
            return AnonymousUser(), _structure(certificate.subject, name, "cpe")  # staff's card: as its structure
        if issued_by(certificate, settings.CERTIFICATE_STRUCTURES):
            return AnonymousUser(), _structure(certificate.subject, "", "certificate")
        raise AuthenticationFailed(NOT_VALID)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="dmp"'


def read(header: str) -> x509.Certificate:
    """The certificate that nginx wrote in the header, made for signing in. Raises AuthenticationFailed."""
    text = unquote(header)
    if not _ONE.fullmatch(text):
        raise AuthenticationFailed(NOT_VALID)
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise AuthenticationFailed(NOT_VALID) from error
    if not usage.digital_signature or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise AuthenticationFailed(NOT_VALID)  # the card's other certificate signs documents
    if not certificate.not_valid_before_utc <= timezone.now() <= certificate.not_valid_after_utc:
        raise AuthenticationFailed(NOT_VALID)  # it ended while the connection lasted
    return certificate


def issued_by(certificate: x509.Certificate, authorities: str) -> bool:
    """Whether one of the authorities of this file signed it: by its key, for anybody may take its name."""
    return any(_signed(certificate, authority) for authority in _read_authorities(authorities))


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


@lru_cache
def _read_authorities(path: str) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(Path(path).read_bytes())) if path else ()


def _only(subject: x509.Name, kind: x509.ObjectIdentifier) -> str:
    """The one value of this attribute, in whichever part of the name. Raises AuthenticationFailed on several."""
    found = [str(one.value) for one in subject.get_attributes_for_oid(kind)]
    if len(found) != 1:
        raise AuthenticationFailed(NOT_VALID)
    return found[0]


def _person(request: Request, idnat: str) -> tuple[User, Caller]:
    """The card says who; what he is, and where, the directory says: the card may be older than a change."""
    professional = Professional.objects.filter(idnat=idnat).first()
    if professional is None:
        raise AuthenticationFailed(UNKNOWN)
    claims = Claims(
        idnat=idnat,
        family=professional.family,
        given=professional.given,
        situations=_situations(professional),
    )
    situation = situation_of(request, claims)
    user = account(claims, situation)
    actor = Actor(
        kind=ActorKind.PROFESSIONAL,
        id=idnat,
        name=str(professional),
        profession=situation.profession,
        structure_id=situation.structure_id,
        structure_name=situation.structure_name,
        means="cps",
    )
    return user, Caller(
        user,
        actor,
        Role.PROFESSIONAL,
        purpose=purpose_of(request),
        needs_express=needs_express(situation),
    )


def _situations(professional: Professional) -> tuple[WorkSituation, ...]:
    return tuple(_situation(row) for row in professional.situations.select_related("structure").order_by("id"))


def _situation(row: Situation) -> WorkSituation:
    place = row.structure
    return WorkSituation(
        name=(place.finess or place.siret or place.identifier) if place else "",
        profession=row.profession,
        speciality=row.speciality,
        structure_id=place.identifier if place else "",
        structure_name=place.name if place else "",
        sector=place.sector if place else "",
    )


def _structure(subject: x509.Name, agent: str, means: str) -> Caller:
    """A structure by its number (FINESS, SIRET); `agent` is the number of the card that speaks for it."""
    numbers = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
    found = [number for number in numbers if _STRUCTURE.fullmatch(number)]
    if len(found) != 1:
        raise AuthenticationFailed(NOT_VALID)
    known = Structure.objects.filter(identifier=found[0]).first()
    name = known.name if known else _only(subject, NameOID.ORGANIZATION_NAME)[:200]
    actor = Actor(
        kind=ActorKind.STRUCTURE,
        id=agent[:60] or found[0],
        name=name,
        structure_id=found[0],
        structure_name=name,
        means=means,
    )
    return Caller(None, actor, Role.STRUCTURE)
