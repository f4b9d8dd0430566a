"""Who came in an emergency: as the holder reads it, and as her treating doctor is told (R1111-48)."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from access.attestations import State, state_of
from access.models import TREATING, DossierGrant, EmergencyAccess, User
from access.words import polite
from audit.models import Trace
from patients import terms

SHOWN = 50
REGULATION_SHOWN = 200  # traces looked at
STATES = {
    State.ATTESTED: "Justifié par écrit le {when}.",
    State.ATTESTED_LATE: "Justifié par écrit le {when}, après le délai de 24 heures.",
    State.AWAITED: "Justification écrite attendue avant le {when}.",
    State.LATE: "Justification écrite non reçue : elle était attendue avant le {when}.",
    State.SIGNALLED: "Justification écrite non reçue. L'exploitant du service en a été averti le {when}.",
}


@dataclass(frozen=True)
class Came:
    """One emergency access, in words."""

    kind: str
    who: str
    quality: str
    since: dt.datetime
    until: dt.datetime
    running: bool
    reason: str
    state: State
    attested: str  # what the state means
    attestation: str = ""

    @property
    def is_late(self) -> bool:
        return self.state in (State.LATE, State.SIGNALLED)


@dataclass(frozen=True)
class Called:
    """A day on which a regulator of the SAMU-Centre 15 consulted."""

    at: dt.datetime
    who: str
    quality: str


def came(dossier_id: uuid.UUID) -> list[Came]:
    """The last accesses by break-glass and by the card's number, those without attestation first."""
    now = timezone.now()
    rows = EmergencyAccess.objects.filter(dossier_id=dossier_id).select_related("user__professional")
    lines = [_came(row, now) for row in rows.order_by("-since")[:SHOWN]]
    return sorted(lines, key=lambda one: not one.is_late)


def _came(row: EmergencyAccess, now: dt.datetime) -> Came:
    state = state_of(row, now)
    deadline = row.since + dt.timedelta(hours=settings.ATTESTATION_HOURS)
    when = {State.AWAITED: deadline, State.LATE: deadline, State.SIGNALLED: row.escalated_at}
    moment = timezone.localtime(when.get(state) or row.attested_at or deadline)
    professional = row.user.professional
    return Came(
        kind=row.get_kind_display(),
        who=polite(str(professional or row.user)),
        quality=terms.display("professions", professional.profession).lower() if professional else "",
        since=row.since,
        until=row.until,
        running=row.until > now,
        reason=row.reason,
        state=state,
        attested=STATES.get(state, "").format(when=f"{moment:%d/%m/%Y à %H:%M}"),
        attestation=row.attestation,
    )


def called(dossier_id: uuid.UUID) -> list[Called]:
    """One line a day and a regulator: he opens several documents during a call."""
    rows = Trace.objects.about(dossier_id).filter(mode="regulation", allowed=True).order_by("-at")[:REGULATION_SHOWN]
    days: dict[tuple[dt.date, str], Called] = {}
    for row in rows:
        quality = row.structure_name or terms.display("professions", row.profession).lower()
        day = timezone.localtime(row.at).date()
        days.setdefault((day, row.actor_id), Called(row.at, polite(row.actor_name), quality))
    return list(days.values())


# -- the treating doctor ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Alert:
    """`kind`: break_glass, number, regulation: of a patient of his; to_attest: his own, that he has not attested."""

    kind: str
    dossier: str
    at: dt.datetime
    until: dt.datetime | None
    who: str


def alerts(user: User, since: dt.datetime) -> list[Alert]:
    """What happened in an emergency to the patients he is the treating doctor of, and what he has to attest."""
    patients = _patients_of(user)
    rows = EmergencyAccess.objects.filter(dossier_id__in=patients, since__gt=since).exclude(user=user)
    others = rows.select_related("user__professional").order_by("since")[:REGULATION_SHOWN]
    found = [
        Alert(row.kind, row.dossier_id.hex, row.since, row.until, polite(str(row.user.professional)))
        for row in others
    ]
    found += _regulations(patients, since)
    found += _to_attest(user)
    return sorted(found, key=lambda one: one.at)


def _patients_of(user: User) -> list[uuid.UUID]:
    rows = DossierGrant.rights.running().filter(user=user, permission__codename=TREATING)
    return list(rows.filter(content_object__state="open").values_list("content_object_id", flat=True))


def _regulations(patients: Iterable[uuid.UUID], since: dt.datetime) -> list[Alert]:
    rows = Trace.objects.filter(dossier_id__in=patients, mode="regulation", allowed=True, at__gt=since)
    days: dict[tuple[uuid.UUID, dt.date], Alert] = {}
    for row in rows.order_by("at")[:REGULATION_SHOWN]:
        alert = Alert("regulation", row.dossier_id.hex, row.at, None, polite(row.actor_name))
        days.setdefault((row.dossier_id, timezone.localtime(row.at).date()), alert)
    return list(days.values())


def _to_attest(user: User) -> list[Alert]:
    rows = EmergencyAccess.objects.filter(user=user, kind=EmergencyAccess.Kind.BREAK_GLASS, attested_at=None)
    mine = rows.defer("reason").order_by("since")[:SHOWN]
    return [
        Alert(
            "to_attest", row.dossier_id.hex, row.since, row.since + dt.timedelta(hours=settings.ATTESTATION_HOURS), ""
        )
        for row in mine
    ]
