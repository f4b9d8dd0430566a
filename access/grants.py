"""The holder's decisions about professionals: authorise, withdraw, name the treating doctor, block.

Every action runs inside the door (`gate.enter` holds the transaction and the dossier's lock) and traces
itself through the entry. Rights are guardian object permissions; history keeps what they were before.
"""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.utils import timezone

from access.gate import Entry
from access.models import AUTHORISED, TREATING, Block, DossierGrant, EmergencyAccess, Professional, User
from audit.trail import ActorKind, Event
from patients import terms

Rows = Any  # a queryset of rights
NEEDS_EXPRESS = (
    "La médecine du travail et la PMI ne consultent qu'avec l'accord exprès du titulaire, donné par lui-même. "
    "Demandez-le-lui (POST /api/v1/dossiers/{id}/demandes)."
)

NEVER_TREATING = (
    "Le médecin du travail et le médecin de PMI ne sont pas médecins traitants : ils ne consultent qu'avec l'accord "
    "exprès du titulaire."
)


def account_of(professional: Professional) -> User:
    """The account of a professional; made when he first signs in or is first named by a holder."""
    user, _ = User.objects.get_or_create(
        professional=professional,
        defaults={
            "kind": User.Kind.PROFESSIONAL,
            "password": make_password(None),  # never one
            "first_name": professional.given,
            "last_name": professional.family,
        },
    )
    return user


def authorise(
    entry: Entry,
    professional: Professional,
    until: dt.datetime,
    *,
    source: str,
    extent: str = DossierGrant.Extent.GENERAL,
    families: Collection[str] = (),
    express: bool = False,
    team: uuid.UUID | None = None,
) -> DossierGrant:
    """Let this professional consult until a date: a year at most, never without an end (R1111-46).

    `express`: the holder himself said it, for this person (D18); a professional cannot record that alone.
    """
    now = timezone.now()
    if not now < until <= now + dt.timedelta(days=settings.AUTHORISATION_DAYS + 1):
        raise ValidationError(
            f"Choisissez une fin entre demain et dans {settings.AUTHORISATION_DAYS} jours.", code="until"
        )
    if entry.caller.needs_express and not express:
        raise ValidationError(NEEDS_EXPRESS, code="express")
    limits: dict[str, Any] = {
        "extent": extent,
        "families": _families(extent, families),
        "express": express,
        "team": team,
    }
    user = _not_blocked(entry, professional)
    decided = running(entry, AUTHORISED).filter(user=user, express=True).first()
    if decided is not None and entry.actor.kind is ActorKind.PROFESSIONAL and not express:
        return _as_decided(entry, decided, until, extent, limits["families"])
    grant = _give(entry, user, AUTHORISED, until, source, **limits)
    _trace(entry, Event.ACCESS_GRANTED, professional, until=until.isoformat(), source=source, extent=extent)
    return grant


def _not_blocked(entry: Entry, professional: Professional) -> User:
    """His account. Raises `ValidationError`."""
    user = account_of(professional)
    if Block.objects.running().filter(dossier=entry.dossier, user=user).exists():
        raise ValidationError("Ce professionnel est bloqué. Débloquez-le d'abord.", code="blocked")
    return user


def _families(extent: str, families: Collection[str]) -> list[str]:
    """Those of the table; at least one when the authorisation is limited. Raises `ValidationError`."""
    if extent != DossierGrant.Extent.LIMITED:
        return []
    if not families or not set(families) <= set(terms.table("families")):
        raise ValidationError("Choisissez au moins une famille de documents.", code="families")
    return sorted(set(families))


def _as_decided(
    entry: Entry, decided: DossierGrant, until: dt.datetime, extent: str, families: list[str]
) -> DossierGrant:
    """What the holder set himself stands, while a professional records the patient's word: he may not go beyond
    it; her own yes, by a code she types, does. Raises `ValidationError`.
    """
    general = decided.extent == DossierGrant.Extent.GENERAL
    same = decided.extent == extent and set(families) <= set(decided.families)
    if not (general or same) or (decided.until is not None and until > decided.until + dt.timedelta(days=1)):
        raise ValidationError(
            "Le titulaire a fixé lui-même ce que vous pouvez consulter et jusqu'à quand. Pour aller au-delà, "
            "demandez-lui son accord (POST /api/v1/dossiers/{id}/demandes).",
            code="decided",
        )
    entry.trace(Event.ACCESS_GRANTED, detail={"kept": True})
    return decided


def withdraw(entry: Entry, professional: Professional) -> None:
    """End every right of his at once: his authorisation, his quality of treating doctor (D2), the documents opened
    to him, an emergency that runs.
    """
    if _end_all(entry, professional):
        _trace(entry, Event.ACCESS_WITHDRAWN, professional)
    else:
        raise ValidationError("Ce professionnel n'a pas d'autorisation en cours.", code="none")


def name_treating(entry: Entry, professional: Professional, *, source: str) -> DossierGrant:
    """Being named is the consent (D1): he sees everything, masked included (L1111-16). One at a time.

    A doctor records it for himself only where the holder has decided nothing herself. Raises `ValidationError`.
    """
    if professional.profession != "10":
        raise ValidationError("Le médecin traitant est un médecin.", code="profession")
    if entry.actor.kind is ActorKind.CARER:  # he would open what is masked, that he may not read himself
        raise ValidationError("C'est au titulaire de désigner son médecin traitant.", code="carer")
    if entry.caller.needs_express:
        raise ValidationError(NEVER_TREATING, code="express")
    user = _not_blocked(entry, professional)
    if entry.actor.kind is ActorKind.PROFESSIONAL:
        if (own := running(entry, TREATING).filter(user=user).first()) is not None:
            entry.trace(Event.TREATING_NAMED, detail={"kept": True})
            return own
        _nothing_decided(entry, user)
    for grant in running(entry, TREATING).exclude(user=user).select_related("user__professional"):
        stop(entry, grant)
        _trace(entry, Event.TREATING_ENDED, grant.user.professional)
    grant = _give(entry, user, TREATING, None, source)
    _trace(entry, Event.TREATING_NAMED, professional, source=source)
    return grant


def _nothing_decided(entry: Entry, user: User) -> None:
    """What she set herself, for him or for another, is not undone by what he says she said. Raises
    `ValidationError`.
    """
    by_her = running(entry, TREATING).exclude(granted_by__startswith=f"{ActorKind.PROFESSIONAL}:")
    if by_her.exists() or running(entry, AUTHORISED).filter(user=user, express=True).exists():
        raise ValidationError(
            "Le titulaire a choisi lui-même son médecin traitant, ou ce que vous pouvez consulter. C'est à lui de "
            "vous désigner comme médecin traitant, sur sa page Autorisations.",
            code="decided",
        )


def end_treating(entry: Entry, professional: Professional) -> None:
    if not _end(entry, professional, [TREATING]):
        raise ValidationError("Ce professionnel n'est pas votre médecin traitant.", code="none")
    _trace(entry, Event.TREATING_ENDED, professional)


def block(entry: Entry, professional: Professional) -> Block:
    """Block: every right ends in the same action, treating doctor included (D2); feeding too (D4). None comes back
    when the block is lifted.
    """
    user = account_of(professional)
    if Block.objects.running().filter(dossier=entry.dossier, user=user).exists():
        raise ValidationError("Ce professionnel est déjà bloqué.", code="blocked")
    _end_all(entry, professional)
    row = Block(dossier=entry.dossier, user=user, blocked_by=entry.actor.reference)
    save(entry, row)
    _trace(entry, Event.PROFESSIONAL_BLOCKED, professional)
    return row


def unblock(entry: Entry, professional: Professional) -> None:
    """Lift the block. It restores no right: he asks again in consultation."""
    row = Block.objects.running().filter(dossier=entry.dossier, user__professional=professional).first()
    if row is None:
        raise ValidationError("Ce professionnel n'est pas bloqué.", code="none")
    row.until = timezone.now()
    save(entry, row)
    _trace(entry, Event.PROFESSIONAL_UNBLOCKED, professional)


def running(entry: Entry, *rights: str) -> Rows:
    return DossierGrant.rights.running().filter(content_object=entry.dossier, permission__codename__in=rights)


def _give(
    entry: Entry, user: User, right: str, until: dt.datetime | None, source: str, **limits: Any
) -> DossierGrant:
    permission = Permission.objects.get(codename=right, content_type__app_label="patients")
    grant = DossierGrant.objects.filter(content_object=entry.dossier, user=user, permission=permission).first()
    grant = grant or DossierGrant(content_object=entry.dossier, user=user, permission=permission)
    grant.since, grant.until = timezone.now(), until
    grant.source, grant.granted_by = source, entry.actor.reference
    for name, value in limits.items():
        setattr(grant, name, value)
    save(entry, grant)
    return grant


def _end(entry: Entry, professional: Professional, rights: list[str]) -> int:
    grants = list(running(entry, *rights).filter(user__professional=professional))
    for grant in grants:
        stop(entry, grant)
    return len(grants)


def _end_all(entry: Entry, professional: Professional) -> bool:
    """Whether any right ended, of any kind."""
    user = User.objects.filter(professional=professional).first()
    opened = list(entry.dossier.document_grants.running().filter(user=user))
    for grant in opened:
        stop(entry, grant)
    emergencies = EmergencyAccess.objects.running().filter(dossier=entry.dossier, user=user)
    past = emergencies.update(until=timezone.now())
    return bool(_end(entry, professional, [AUTHORISED, TREATING]) or past or opened)


def stop(entry: Entry, grant: Any) -> None:
    grant.until = timezone.now()
    save(entry, grant)


def save(entry: Entry, row: Any) -> None:
    row._history_user = entry.actor
    row.save()


def _trace(entry: Entry, event: Event, professional: Professional, **detail: str) -> None:
    entry.trace(
        event,
        object_kind="professional",
        object_id=professional.pk,
        object_title=professional.name,
        detail={"idnat": professional.idnat, "profession": professional.profession, **detail},
    )
