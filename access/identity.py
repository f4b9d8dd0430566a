"""Who calls the professionals' interface: a bearer token of Pro Santé Connect (interop.md, section d).

The signature is checked against the issuer's published keys, with pinned algorithms; issuer, audience
and expiry are exact. A caller with several work situations names one (`DMP-Situation` header): it
decides his profession, and goes in the trail.
"""

import json
import threading
import time
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from access import ended_sessions
from access.facts import Purpose, Role
from access.gate import Caller
from access.grants import account_of
from access.models import Professional, User
from audit.trail import Actor, ActorKind
from patients import terms

# The headers of a call.
BEARER, SITUATION, PURPOSE = "Authorization", "DMP-Situation", "DMP-Purpose"
LEEWAY = 30  # seconds of clock difference admitted between the issuer and us
CACHE_SECONDS = 60  # a verified signature; never a right
KEYS_SECONDS = 300


@dataclass(frozen=True)
class WorkSituation:
    """One exercice × activité of the claims: what it is called, and what it makes of the caller."""

    name: str  # FINESS, SIRET or technical identifier: what the header names
    profession: str  # TRE_G15
    speciality: str
    structure_id: str  # Struct_IdNat
    structure_name: str
    sector: str = ""  # TRE_R02

    @property
    def label(self) -> str:
        """His profession and speciality, in words."""
        names = [terms.display("professions", self.profession)]
        if self.speciality:
            names.append(terms.speciality(self.speciality))
        return ", ".join(names)


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    idnat: str
    family: str
    given: str
    situations: tuple[WorkSituation, ...]
    level: str = ""  # acr
    regulation: bool = False  # Acces_Regulation_Medicale: SAMU-Centre 15; only Pro Santé Connect says so
    expires: float = 0.0
    sub: str = ""
    sid: str = ""  # the issuer's session: what a back-channel logout names
    issued: float = 0.0


class Keys:
    """The issuer's public keys: from a file or an https address, read again when an unknown key signs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._read_at = 0.0

    def get(self, *, fresh: bool = False) -> KeySet:
        with self._lock:
            age = time.monotonic() - self._read_at
            if self._keys is None or age > KEYS_SECONDS or (fresh and age > 5):
                self._keys, self._read_at = KeySet.import_key_set(self._read()), time.monotonic()
            return self._keys

    def _read(self) -> Any:
        source = settings.PSC_JWKS
        if source.startswith("https://"):
            with urllib.request.urlopen(source, timeout=5) as answer:  # noqa: S310 (scheme checked)
                return json.load(answer)
        return json.loads(Path(source).read_text())


keys = Keys()
THERE: Any = {"essential": True}  # a claim that a token must have


def exactly(value: str) -> Any:
    """A claim that a token must have, with this value."""
    return THERE | {"value": value}


_verified: dict[bytes, Claims] = {}


def verify(token: str) -> Claims:
    """The claims of a token. Raises AuthenticationFailed with one sentence that says nothing of the cause."""
    digest = sha256(token.encode()).digest()
    known = _verified.get(digest)
    if known is not None and time.time() < known.expires:
        return known
    claims = read_claims(_decode(token))
    if len(_verified) > 1000:
        _verified.clear()
    _verified[digest] = claims
    return claims


def _decode(token: str) -> dict[str, Any]:
    registry = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss=exactly(settings.PSC_ISSUER),
        aud=exactly(settings.PSC_AUDIENCE),
        exp=THERE,
        sub=THERE,
    )
    try:
        decoded = signed(token)
        registry.validate(decoded.claims)
        _refuse_other_kinds(decoded.header, decoded.claims)
    except (JoseError, ValueError, OSError) as error:
        raise AuthenticationFailed(
            "Le jeton d'accès n'est pas valable. Demandez-en un nouveau à Pro Santé Connect."
        ) from error
    return dict(decoded.claims)


def signed(token: str) -> jwt.Token:
    """A token that the issuer signed, with a pinned algorithm; its claims are still to be looked at.

    Raises JoseError or ValueError; OSError when the issuer's keys cannot be read.
    """
    try:
        return jwt.decode(token, keys.get(), algorithms=settings.PSC_ALGORITHMS)
    except (JoseError, ValueError):  # signed with a newer key, perhaps
        return jwt.decode(token, keys.get(fresh=True), algorithms=settings.PSC_ALGORITHMS)


OTHER_KINDS = frozenset({"ID", "Logout", "Refresh"})  # Keycloak's `typ` claim


def _refuse_other_kinds(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """An ID token or a logout token of the same issuer is no access token (RFC 8725, 3.11). Raises ValueError."""
    if "events" in claims or claims.get("typ") in OTHER_KINDS or str(header.get("typ")).lower() == "logout+jwt":
        raise ValueError("kind of token")


def read_claims(claims: dict[str, Any]) -> Claims:
    """What verified claims say of the professional. Raises AuthenticationFailed."""
    if claims.get("acr") not in settings.PSC_LEVELS:
        raise AuthenticationFailed("Le niveau d'authentification du jeton ne suffit pas : il faut eIDAS substantiel.")
    idnat = str(claims.get("SubjectNameID") or claims.get("preferred_username") or "")
    if not (idnat.isascii() and idnat.isalnum() and 9 <= len(idnat) <= 20):
        raise AuthenticationFailed("Le jeton ne porte pas d'identité nationale de professionnel.")
    try:
        exercices = (claims.get("SubjectRefPro") or {}).get("exercices") or []
        situations = tuple(
            _situation(exercice, activity)
            for exercice in exercices
            for activity in exercice.get("activities") or [{}]
        )
    except (AttributeError, TypeError) as error:
        raise AuthenticationFailed("Le jeton a une forme inattendue.") from error
    return Claims(
        idnat=idnat,
        family=str(claims.get("family_name", ""))[:100],
        given=str(claims.get("given_name", ""))[:100],
        level=str(claims.get("acr", "")),
        regulation=claims.get("Acces_Regulation_Medicale") in ("VRAI", True),
        situations=situations,
        expires=min(float(claims["exp"]), time.time() + CACHE_SECONDS),
        sub=str(claims["sub"])[:255],
        sid=str(claims.get("sid") or "")[:255],
        issued=float(claims.get("iat") or 0),
    )


def _situation(exercice: dict[str, Any], activity: dict[str, Any]) -> WorkSituation:
    finess, siret = activity.get("numeroFinessSite") or "", activity.get("numeroSiretSite") or ""
    technical = activity.get("identifiantTechniqueDeLaStructure") or ""
    structure = f"1{finess}" if finess else f"3{siret}" if siret else technical
    return WorkSituation(
        name=str(finess or siret or technical),
        profession=str(exercice.get("codeProfession") or "")[:10],
        speciality=str(exercice.get("codeSavoirFaire") or "")[:10],
        structure_id=str(structure)[:60],
        structure_name=str(activity.get("raisonSocialeSite") or "")[:200],
        sector=str(activity.get("codeSecteurDactivite") or "")[:10],
    )


def choose(claims: Claims, wanted: str) -> WorkSituation:
    """The situation in use: the one named, or the only one. Raises PermissionDenied, naming the choices."""
    if not claims.situations:
        raise PermissionDenied("Aucune situation d'exercice n'est connue.")
    if wanted:
        for situation in claims.situations:
            if wanted in (situation.name, situation.structure_id):
                return situation
        raise PermissionDenied("La situation nommée dans l'en-tête DMP-Situation n'est pas des vôtres.")
    if len(claims.situations) > 1:
        names = ", ".join(situation.name or "(sans structure)" for situation in claims.situations)
        raise PermissionDenied(f"Plusieurs situations d'exercice : nommez-en une (DMP-Situation). Choix : {names}.")
    return claims.situations[0]


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`; `request.auth` is the `gate.Caller`."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        scheme, _, token = request.headers.get(BEARER, "").partition(" ")
        if not token or scheme.lower() != "bearer":
            return None
        claims = verify(token.strip())
        situation = situation_of(request, claims)
        user = account(claims, situation)
        actor = Actor(
            kind=ActorKind.PROFESSIONAL,
            id=claims.idnat,
            name=str(user.professional),
            profession=situation.profession,
            structure_id=situation.structure_id,
            structure_name=situation.structure_name,
            means="psc",
        )
        caller = Caller(
            user,
            actor,
            Role.PROFESSIONAL,
            purpose=purpose_of(request),
            regulator=claims.regulation,
            needs_express=needs_express(situation),
        )
        return user, caller


def situation_of(request: Request, claims: Claims) -> WorkSituation:
    """The one he names, or his only one. Raises PermissionDenied."""
    return choose(claims, request.headers.get(SITUATION, "").strip())


def purpose_of(request: Request) -> Purpose:
    """For what he calls; care when nothing is said."""
    said = request.headers.get(PURPOSE, Purpose.CARE.value).strip().lower()
    try:
        return Purpose(said)
    except ValueError as error:
        choices = ", ".join(Purpose)
        raise PermissionDenied(f"L'en-tête DMP-Purpose vaut l'un de : {choices}.") from error


def needs_express(situation: WorkSituation) -> bool:
    """Occupational medicine, PMI: nothing without the holder's express consent to that person (D18)."""
    return situation.speciality in settings.EXPRESS_SPECIALITIES or situation.sector in settings.EXPRESS_SECTORS


def account(claims: Claims, situation: WorkSituation) -> User:
    """The account behind verified claims, made at the first visit. Raises AuthenticationFailed."""
    user = _known(claims) or _first_visit(claims, situation)
    if not user.is_active or user.professional is None or not user.professional.active:
        raise AuthenticationFailed("Ce compte professionnel n'est plus actif. Voyez votre ordre ou l'exploitant.")
    return user


# Asked at every request, so written out: the ORM took longer to say it than PostgreSQL to answer.
_USER = User._meta.concrete_fields
_PROFESSIONAL = Professional._meta.concrete_fields
_COLUMNS = ", ".join([f"u.{one.column}" for one in _USER] + [f"p.{one.column}" for one in _PROFESSIONAL])
_ACCOUNT = f"""SELECT {ended_sessions.ENDED}, {_COLUMNS}
FROM (VALUES (%(idnat)s)) AS asked (idnat) LEFT JOIN access_professional p ON p.idnat = asked.idnat
LEFT JOIN access_user u ON u.professional_id = p.id"""  # noqa: S608 (constant text)


def _known(claims: Claims) -> User | None:
    """The account and its professional, and whether the issuer has ended the session: one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ACCOUNT, {"idnat": claims.idnat} | ended_sessions.asked(claims.sub, claims.sid, claims.issued)
        )
        ended, *row = cursor.fetchone()
    if ended:
        raise AuthenticationFailed("Cette session est terminée. Connectez-vous de nouveau à Pro Santé Connect.")
    if row[0] is None:
        return None
    user = User.from_db(connection.alias, [one.attname for one in _USER], row[: len(_USER)])
    user.professional = Professional.from_db(
        connection.alias, [one.attname for one in _PROFESSIONAL], row[len(_USER) :]
    )
    return user


def _first_visit(claims: Claims, situation: WorkSituation) -> User:
    """The issuer is the authority: a professional newer than our copy of the directory is let in."""
    professional, _ = Professional.objects.get_or_create(
        idnat=claims.idnat,
        defaults={
            "family": claims.family,
            "given": claims.given,
            "profession": situation.profession,
            "speciality": situation.speciality,
        },
    )
    return account_of(professional)


class IsProfessional(BasePermission):
    """Every endpoint asks for a signed-in professional, unless it says otherwise."""

    message = "Connectez-vous avec Pro Santé Connect."

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Caller)
