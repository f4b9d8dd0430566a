"""The rights that stand now behind a ground: since when, until when, recorded by whom."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format

from access.facts import Ground
from access.models import AUTHORISED, TREATING, Block, DossierGrant, EmergencyAccess
from access.overview import recorded

GROUNDS = {AUTHORISED: Ground.AUTHORISED, TREATING: Ground.TREATING_DOCTOR}
EMERGENCIES = {
    EmergencyAccess.Kind.BREAK_GLASS: Ground.BREAK_GLASS,
    EmergencyAccess.Kind.NUMBER: Ground.EMERGENCY_NUMBER,
}
Known = dict[tuple[str, str], str]  # a professional's id and a ground, to a sentence


@dataclass(frozen=True)
class Right:
    since: dt.datetime
    until: dt.datetime | None
    by: str = ""

    def __str__(self) -> str:
        """« Depuis le 3 mars 2027, jusqu'au 3 juin 2027 inclus. Enregistré par le titulaire, sur ce site. »"""
        end = f", jusqu'au {_day(self.until - dt.timedelta(seconds=1))} inclus" if self.until else ""
        by = f" Enregistré {self.by}." if self.by else ""
        return f"Depuis le {_day(self.since)}{end}.{by}"


def _day(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j F Y")


def standing(dossier_id: uuid.UUID, professionals: Collection[str]) -> Known:
    """What stands now for these professionals (PS_IdNat). Three statements, however many they are."""
    if not professionals:
        return {}
    people = {"user__professional__idnat__in": professionals}
    found: Known = {}
    grants = DossierGrant.rights.running().filter(content_object_id=dossier_id, **people)
    for grant in grants.select_related("user__professional", "permission"):
        if (ground := GROUNDS.get(grant.permission.codename)) is not None:
            right = Right(grant.since, grant.until, recorded(grant.granted_by, grant.source))
            found[_idnat(grant), ground] = str(right)
    blocks = Block.objects.running().filter(dossier_id=dossier_id, **people).select_related("user__professional")
    for block in blocks:
        found[_idnat(block), Ground.BLOCKED] = str(Right(block.since, None, recorded(block.blocked_by, "")))
    emergencies = EmergencyAccess.objects.running().filter(dossier_id=dossier_id, **people)
    for one in emergencies.select_related("user__professional"):
        at = date_format(timezone.localtime(one.until), "j F Y à H:i")
        found[_idnat(one), EMERGENCIES[EmergencyAccess.Kind(one.kind)]] = f"Cet accès court jusqu'au {at}."
    return found


def _idnat(row: DossierGrant | Block | EmergencyAccess) -> str:
    professional = row.user.professional
    assert professional is not None  # a constraint: a right belongs to a professional's account
    return professional.idnat
