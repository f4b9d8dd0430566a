"""The rights behind a ground, as they stood at a moment: since when, until when, recorded by whom.

Read where their versions are kept: a right withdrawn since, or given anew, is told as it was when it served.
"""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format

from access.facts import Ground
from access.models import AUTHORISED, TREATING, EmergencyAccess, Representation
from access.overview import limits, recorded

BLOCK, DOCUMENT = "block", "document"
# The rows that stand behind a ground. What is not here is nobody's decision: it is the law's.
BEHIND: dict[str, tuple[str, ...]] = {
    Ground.AUTHORISED: (AUTHORISED,),
    Ground.EMERGENCY_ONLY: (AUTHORISED,),
    Ground.EXPIRED: (AUTHORISED,),
    Ground.NOT_AUTHORISED: (AUTHORISED,),
    Ground.TREATING_DOCTOR: (TREATING,),
    Ground.BLOCKED: (BLOCK,),
    Ground.BREAK_GLASS: (EmergencyAccess.Kind.BREAK_GLASS,),
    Ground.EMERGENCY_NUMBER: (EmergencyAccess.Kind.NUMBER,),
    Ground.OPENED_TO_HIM: (DOCUMENT,),
    Ground.HOLDER: (Representation.Role.HOLDER,),
    Ground.REPRESENTATIVE: (Representation.Role.PARENT, Representation.Role.GUARDIAN),
    Ground.CARER: (Representation.Role.CARER,),
}
LAW = {
    Ground.AUTHOR: "R1111-49",
    Ground.FEEDING: "L1111-15",
    Ground.REGULATION: "L1111-17",
}
BY_HOUR = (Ground.BREAK_GLASS, Ground.EMERGENCY_NUMBER)
OVER = "Ce droit a pris fin depuis : vous n'avez rien à faire."
GIVEN_SINCE = "Depuis, vous l'avez autorisé."

# One statement, whoever they are; each part names the dossier. Of a grant, every version; the others keep one row.
_ASKED = """
SELECT p.idnat AS who, a.codename AS kind, g.since, g.until, g.granted_by, g.source, g.history_date AS said,
  NULL::uuid AS document, g.extent, g.families
FROM access_historicaldossiergrant g JOIN auth_permission a ON a.id = g.permission_id
  JOIN access_user u ON u.id = g.user_id JOIN access_professional p ON p.id = u.professional_id
WHERE g.dossier_id = %(dossier)s AND p.idnat = ANY(%(who)s)
UNION ALL
SELECT p.idnat, 'document', g.since, g.until, g.granted_by, '', g.history_date, g.content_object_id, '', '{}'
FROM documents_historicaldocumentgrant g
  JOIN access_user u ON u.id = g.user_id JOIN access_professional p ON p.id = u.professional_id
WHERE g.dossier_id = %(dossier)s AND p.idnat = ANY(%(who)s)
UNION ALL
SELECT p.idnat, 'block', b.since, b.until, b.blocked_by, '', b.since, NULL, '', '{}'
FROM access_block b JOIN access_user u ON u.id = b.user_id JOIN access_professional p ON p.id = u.professional_id
WHERE b.dossier_id = %(dossier)s AND p.idnat = ANY(%(who)s)
UNION ALL
SELECT p.idnat, e.kind, e.since, e.until, '', '', e.since, NULL, '', '{}'
FROM access_emergencyaccess e JOIN access_user u ON u.id = e.user_id
  JOIN access_professional p ON p.id = u.professional_id
WHERE e.dossier_id = %(dossier)s AND p.idnat = ANY(%(who)s)
UNION ALL
SELECT r.user_id::text, r.role, r.since, r.until, r.recorded_by, '', r.since, NULL, '', '{}'
FROM access_representation r
WHERE r.dossier_id = %(dossier)s AND r.user_id::text = ANY(%(who)s)
ORDER BY said
"""


@dataclass(frozen=True)
class Right:
    """One version of a right. `said`: from when it was recorded so."""

    since: dt.datetime
    until: dt.datetime | None
    by: str = ""
    said: dt.datetime | None = None
    limits: str = ""

    def ran(self, at: dt.datetime) -> bool:
        return self.since <= at and (self.until is None or self.until > at)

    def __str__(self) -> str:
        """« Depuis le 3 mars 2027, jusqu'au 3 juin 2027 inclus. Enregistré par le titulaire, sur ce site. »"""
        end = f", jusqu'au {_last_day(self.until)} inclus" if self.until else ""
        return f"Depuis le {_day(self.since)}{end}.{self._recorded}"

    @property
    def past(self) -> str:
        """The same, once it is over."""
        assert self.until is not None
        return f"Du {_day(self.since)} au {_day(self.until)}.{self._recorded}"

    @property
    def _recorded(self) -> str:
        limits = f" Limité : {self.limits}." if self.limits else ""
        return f"{limits} Enregistré {self.by}." if self.by else limits


@dataclass(frozen=True)
class Told:
    """Since when and by whom; `stop` replaces the usual advice when it no longer serves."""

    since: str = ""
    stop: str | None = None


@dataclass(frozen=True)
class Rights:
    """What `asked` found, by person, kind and document; versions in the order they were recorded."""

    rows: dict[tuple[str, str, uuid.UUID | None], list[Right]] = field(default_factory=dict)

    def told(self, who: str, ground: str, at: dt.datetime, document: uuid.UUID | None = None) -> Told:
        """Of an act done at that moment on that ground."""
        if ground in LAW:
            return Told(f"Cette règle est dans la loi (code de la santé publique, article {LAW[Ground(ground)]}).")
        for kind in BEHIND.get(ground, ()):
            versions = self.rows.get((who, kind, document if kind == DOCUMENT else None))
            if versions:
                return _told(versions, ground, at)
        return Told()


def _told(versions: list[Right], ground: str, at: dt.datetime) -> Told:
    now = timezone.now()
    known = [one for one in versions if one.said is not None and one.said <= at] or versions[:1]
    last = versions[-1]
    if ground in (Ground.EXPIRED, Ground.NOT_AUTHORISED):
        ended = known[-1].until if ground == Ground.EXPIRED else None
        since = f"Elle avait pris fin le {_day(ended)}." if ended and ended <= at else ""
        return Told(since, GIVEN_SINCE if last.ran(now) else None)
    # The last that ran then: an emergency used twice has two rows.
    right = next((one for one in reversed(known) if one.ran(at)), None)
    if right is None:
        return Told()
    if last.since == right.since:
        right = last  # the same right, with the end it was given since
    if ground in BY_HOUR:
        return Told(_by_hour(right, now), None)
    if right.ran(now):
        return Told(str(right))
    return Told(right.past, None if last.ran(now) else OVER)


def _by_hour(right: Right, now: dt.datetime) -> str:
    assert right.until is not None  # not null for an emergency
    ends = "court" if right.ran(now) else "a couru"
    return f"Cet accès {ends} du {_hour(right.since)} au {_hour(right.until)}."


def _day(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j F Y")


def _last_day(until: dt.datetime) -> str:
    """A right that ends at midnight was good until the day before."""
    return _day(until - dt.timedelta(seconds=1))


def _hour(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j F Y à H:i")


def asked(dossier_id: uuid.UUID, people: Collection[str]) -> Rights:
    """The rights of these people on this dossier (PS_IdNat, or account). One statement, however many they are."""
    found = Rights()
    if not people:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, {"dossier": dossier_id, "who": sorted(people)})
        for who, kind, since, until, by, source, said, document, extent, families in cursor.fetchall():
            right = Right(since, until, recorded(by, source) if by else "", said, limits(extent, families))
            found.rows.setdefault((who, kind, document), []).append(right)
    return found
