"""Care teams: the holder agrees once, in advance; then each member has a right of his own (L1110-12).

The initial consent is the holder's (Conseil d'État, 15 October 2025, n° 490409): no member has anything
before it. Members are named one by one, each with the team's end; ending the team ends them all at once.
"""

import datetime as dt
import uuid

from django.core.exceptions import ValidationError
from django.utils import timezone

from access import grants
from access.gate import Entry
from access.models import AUTHORISED, CareTeam, DossierGrant, Professional
from audit.trail import ActorKind, Event
from patients import notices
from patients.models import Notice


def agree(entry: Entry, name: str, until: dt.datetime) -> CareTeam:
    """The holder's initial consent, for one of the durations of the form (a year at most)."""
    now = timezone.now()
    team = CareTeam(
        dossier=entry.dossier,
        name=name,
        since=now,
        until=until,
        source="web",
        consented_by=entry.actor.reference,
    )
    grants.save(entry, team)
    _trace(entry, Event.TEAM_AGREED, team, until=until.isoformat())
    return team


def join(entry: Entry, team: CareTeam, member: Professional) -> DossierGrant:
    """A member of his own name, until the team's end. An authorisation of his that goes further stays as it is.

    Raises `ValidationError` when the team ended, when the holder blocked him, or when he is in already.
    """
    if team.dossier_id != entry.dossier.pk or team.until <= timezone.now():
        raise ValidationError("L'autorisation de cette équipe a pris fin.", code="ended")
    if not member.active:
        raise ValidationError("Ce professionnel n'exerce plus.", code="inactive")
    held = grants.running(entry, AUTHORISED).filter(user__professional=member).first()
    if held is not None:
        raise ValidationError("Ce professionnel a déjà une autorisation en cours.", code="already")
    source = "web" if entry.actor.kind is not ActorKind.PROFESSIONAL else "team"
    grant = grants.authorise(entry, member, team.until, source=source, team=team.pk)
    _trace(entry, Event.TEAM_JOINED, team, member)
    notices.tell(entry.dossier.pk, Notice.Kind.ACCESS_GRANTED)
    return grant


def join_as_member(entry: Entry, member: Professional) -> DossierGrant:
    """A member brings another in. Raises `ValidationError` when he is in no running team himself, or when the holder
    withdrew that other one: she alone brings him back.
    """
    own = grants.running(entry, AUTHORISED).filter(user=entry.caller.user).exclude(team=None).first()
    team = running(entry).filter(pk=own.team).first() if own is not None else None
    if team is None:
        raise ValidationError("Vous n'êtes membre d'aucune équipe de soins autorisée par le titulaire.", code="none")
    if _withdrawn(entry, member):
        raise ValidationError("Le titulaire lui a retiré son autorisation : lui seul la redonne.", code="withdrawn")
    return join(entry, team, member)


def _withdrawn(entry: Entry, member: Professional) -> bool:
    """Whether his last authorisation was ended for him: before its end, and not with the whole of its team."""
    of_his = DossierGrant.objects.filter(
        content_object=entry.dossier, user__professional=member, permission__codename=AUTHORISED
    )
    grant = of_his.first()
    if grant is None or grant.until is None or grant.until > timezone.now():
        return False
    last = DossierGrant.history.filter(content_object=entry.dossier, id=grant.pk).order_by("-history_date").first()
    team = of(entry, grant.team) if grant.team is not None else None
    return last is not None and last.history_date >= grant.until and (team is None or team.until > timezone.now())


def end(entry: Entry, team: CareTeam) -> int:
    """End the team and each member's right, at once; returns how many had one."""
    if team.dossier_id != entry.dossier.pk or team.until <= timezone.now():
        raise ValidationError("L'autorisation de cette équipe a déjà pris fin.", code="ended")
    members = list(members_of(entry, team))
    for grant in members:
        grants.stop(entry, grant)
    team.until = timezone.now()
    grants.save(entry, team)
    _trace(entry, Event.TEAM_ENDED, team)
    return len(members)


def running(entry: Entry) -> grants.Rows:
    return CareTeam.objects.running().filter(dossier=entry.dossier).order_by("name")


def members_of(entry: Entry, team: CareTeam) -> grants.Rows:
    rows = grants.running(entry, AUTHORISED).filter(team=team.pk)
    return rows.select_related("user__professional")


def of(entry: Entry, key: uuid.UUID) -> CareTeam | None:
    team: CareTeam | None = CareTeam.objects.filter(dossier=entry.dossier, pk=key).first()
    return team


def _trace(entry: Entry, event: Event, team: CareTeam, member: Professional | None = None, **detail: str) -> None:
    about = {"object_kind": "team", "object_id": team.pk, "object_title": team.name}
    if member is not None:
        about = {"object_kind": "professional", "object_id": member.pk, "object_title": member.name}
        detail = {"idnat": member.idnat, "profession": member.profession, **detail}
    entry.trace(event, **about, detail={"team": team.name, **detail})
