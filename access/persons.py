"""Who else speaks for a holder: carers and a second parent by invitation, representatives at the counter.

An invitation travels by two ways: a link by mail, a code by voice. Whoever accepts gives both, from the address
that was invited. Rules: rules.md 3.5 (three carers a person, five persons a carer, rights explicit, revocable).
"""

import datetime as dt
import uuid
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from access.facts import Right, Role
from access.gate import Entry
from access.models import Invitation, Representation, User
from audit import trail
from audit.trail import Actor, ActorKind, Event
from patients import codes, dossiers, notices
from patients.models import Dossier, Notice, Patient

CARERS_A_DOSSIER, DOSSIERS_A_CARER, PARENTS = 3, 5, 2
INVITED_DAYS = 7
KINDS = {
    Representation.Role.PARENT: ActorKind.REPRESENTATIVE,
    Representation.Role.GUARDIAN: ActorKind.REPRESENTATIVE,
    Representation.Role.CARER: ActorKind.CARER,
}


# -- inviting -----------------------------------------------------------------------------------------
def invite_carer(
    entry: Entry, email: str, *, rights: Collection[str], until: dt.datetime, relation: str = ""
) -> tuple[Invitation, str]:
    """The invitation, and its code, that stands nowhere else. Raises ValidationError."""
    if not set(rights) or not set(rights) <= set(Right):
        raise ValidationError("Cochez au moins une chose que cette personne pourra faire.", code="rights")
    if Right.MASKED in rights and Right.READ not in rights:
        raise ValidationError("Pour voir ce qui est masqué, il faut d'abord pouvoir lire.", code="rights")
    role = Representation.Role.CARER
    if len(_held(entry, role)) + waiting(entry.dossier.pk, role).count() >= CARERS_A_DOSSIER:
        raise ValidationError(
            f"Un dossier a {CARERS_A_DOSSIER} aidants au plus, invitations comprises. Retirez-en un d'abord.",
            code="full",
        )
    return _invite(entry, role, email, rights=sorted(rights), until=until, relation=relation)


def invite_parent(entry: Entry, email: str) -> tuple[Invitation, str]:
    """A parent of a minor invites the other one: two at most, each with the same rights. Raises ValidationError."""
    if not may_invite_parent(entry):
        raise ValidationError(
            "Le deuxième parent est déjà enregistré, déjà invité, ou ne peut pas l'être ici.", code="full"
        )
    return _invite(entry, Representation.Role.PARENT, email, rights=[], until=None, relation="")


def may_invite_parent(entry: Entry) -> bool:
    role = Representation.Role.PARENT
    alone = len(_held(entry, role)) + waiting(entry.dossier.pk, role).count() < PARENTS
    return entry.facts.minor and entry.caller.role is Role.PARENT and entry.dossier.is_open and alone


def _invite(
    entry: Entry,
    role: Representation.Role,
    email: str,
    *,
    rights: list[str],
    until: dt.datetime | None,
    relation: str,
) -> tuple[Invitation, str]:
    email = email.lower()
    if not entry.dossier.is_open:
        raise ValidationError("Ce dossier est fermé : personne de plus ne peut y entrer.", code="closed")
    if any((one.user.email or "").lower() == email for one in _held(entry, *Representation.Role)):
        raise ValidationError("La personne qui a cette adresse a déjà des droits sur ce dossier.", code="known")
    if waiting(entry.dossier.pk).filter(email=email).exists():
        raise ValidationError("Cette adresse est déjà invitée. Annulez d'abord l'invitation.", code="known")
    code = codes.new()
    row = Invitation(
        dossier=entry.dossier,
        role=role,
        email=email,
        relation=relation,
        rights=rights,
        until=until,
        invited_by=entry.actor.reference,
        expires_at=timezone.now() + dt.timedelta(days=INVITED_DAYS),
    )
    row.digest = codes.digest(row.pk, code)
    row.save(force_insert=True)
    entry.trace(Event.INVITED, object_kind="person", object_id=row.pk, detail={"role": role, "rights": rights})
    return row, code


def waiting(dossier_id: uuid.UUID, *roles: str) -> QuerySet[Invitation]:
    """Invitations that may still be accepted."""
    live = Q(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now(), attempts__lt=codes.TRIES)
    rows = Invitation.objects.filter(live, dossier_id=dossier_id).order_by("created_at")
    return rows.filter(role__in=roles) if roles else rows


def running(dossier_id: uuid.UUID, *roles: str) -> list[Representation]:
    """Who speaks for this dossier today; a parent no more past the majority."""
    rows = Representation.objects.running().filter(dossier_id=dossier_id, role__in=roles)
    return list(rows.select_related("user").order_by("since"))


def addresses(dossier_id: uuid.UUID) -> list[str]:
    """Of the parents of a minor and the guardians: who is told what becomes of the whole dossier."""
    birth = Patient.objects.values_list("birth_date", flat=True).get(dossier_id=dossier_id)
    roles = [Representation.Role.GUARDIAN]
    if not dossiers.of_age(birth, timezone.now()):
        roles.append(Representation.Role.PARENT)
    return [one.user.email for one in running(dossier_id, *roles) if one.user.email and one.user.is_active]


def _held(entry: Entry, *roles: str) -> list[Representation]:
    return running(entry.dossier.pk, *roles)


def cancel(entry: Entry, invitation_id: uuid.UUID) -> bool:
    """Take an invitation back: its code opens nothing any more. False when there is none."""
    done = waiting(entry.dossier.pk).filter(pk=invitation_id).update(withdrawn_at=timezone.now())
    if done:
        detail = {"invitation": True}
        entry.trace(Event.REPRESENTATION_ENDED, object_kind="person", object_id=invitation_id, detail=detail)
    return bool(done)


def withdraw_carer(entry: Entry, representation_id: uuid.UUID) -> Representation | None:
    """End a carer's rights at once: his next request is refused, his session open or not. None: no such carer."""
    for row in _held(entry, Representation.Role.CARER):
        if row.pk == representation_id:
            row.until = timezone.now()
            _save(row, entry.actor)
            entry.trace(
                Event.REPRESENTATION_ENDED, object_kind="person", object_id=row.user_id, detail={"role": row.role}
            )
            return row
    return None


# -- accepting ----------------------------------------------------------------------------------------
class NotAccepted(Exception):
    """Wrong, late or worn-out code, another's invitation: one answer for all. `args[0]`: what to do."""


WRONG = (
    "Ce code n'est pas le bon, ou l'invitation n'est plus valable. Vérifiez le code et votre adresse, ou demandez "
    "une nouvelle invitation."
)


@transaction.atomic
def code_is_right(dossier_id: uuid.UUID, invitation_id: uuid.UUID, code: str) -> Invitation | None:
    """The live invitation this code opens; a wrong one is counted."""
    row = waiting(dossier_id).select_for_update(of=("self",)).filter(pk=invitation_id).first()
    return row if row is not None and codes.is_right(row, codes.typed(code), "digest") else None


def accept(user: User, dossier_id: uuid.UUID, invitation_id: uuid.UUID, code: str) -> Representation:
    """Give the invited person what the invitation says. Raises `NotAccepted`."""
    row = code_is_right(dossier_id, invitation_id, code)
    if row is None or (user.email or "").lower() != row.email:
        raise NotAccepted(WRONG)
    role = Representation.Role(row.role)
    if role == Representation.Role.CARER and helps(user) >= DOSSIERS_A_CARER:
        raise NotAccepted(f"Une personne aide {DOSSIERS_A_CARER} personnes au plus.")
    by = user.actor(KINDS[role], means="code")
    with transaction.atomic():
        dossier = Dossier.objects.select_for_update(of=("self",)).get(pk=dossier_id)
        row = waiting(dossier_id).filter(pk=invitation_id).first()
        if row is None or not dossier.is_open or (role == Representation.Role.PARENT and _of_age(dossier)):
            raise NotAccepted(WRONG)
        row.accepted_at = timezone.now()
        row.save(update_fields=["accepted_at"])
        evidence = "invitation de l'autre parent" if role == Representation.Role.PARENT else "invitation"
        held = _give(
            dossier, user, role, by, rights=row.rights, until=row.until, evidence=evidence, changes=("accepted",)
        )
        notices.tell(dossier_id, Notice.Kind.CARER)
    return held


def helps(user: User) -> int:
    """Of how many persons this account is a carer today."""
    return Representation.objects.running().filter(user=user, role=Representation.Role.CARER).count()


def _of_age(dossier: Dossier) -> bool:
    birth = Patient.objects.filter(dossier=dossier).values_list("birth_date", flat=True).get()
    return dossiers.of_age(birth, timezone.now())


def _give(
    dossier: Dossier,
    user: User,
    role: Representation.Role,
    by: Actor,
    *,
    rights: list[str],
    until: dt.datetime | None,
    evidence: str,
    since: dt.datetime | None = None,
    changes: tuple[str, ...] = (),
) -> Representation:
    """One row an account and a quality: given again, it starts again; history keeps what it was."""
    known = Representation.objects.filter(dossier=dossier, user=user, role=role).first()
    row = known or Representation(dossier=dossier, user=user, role=role)
    row.since, row.until, row.rights = since or timezone.now(), until, rights
    row.evidence, row.recorded_by = evidence, by.reference
    _save(row, by)
    trail.record(
        Event.REPRESENTATION_ADDED,
        by=by,
        dossier_id=dossier.pk,
        object_kind="person",
        object_id=user.pk,
        detail={"role": str(role), "rights": rights, "changes": list(changes)},
    )
    return row


def _save(row: Representation, by: Actor) -> None:
    row._history_user = by  # type: ignore[attr-defined]
    row.save()


# -- at the counter -----------------------------------------------------------------------------------
def record(
    dossier: Dossier,
    user: User,
    role: Representation.Role,
    *,
    evidence: str,
    since: dt.datetime,
    until: dt.datetime | None,
    by: Actor,
) -> Representation:
    """A representative, on the evidence an agent saw (rules.md 3.5). Raises ValidationError."""
    with transaction.atomic():
        dossier = Dossier.objects.select_for_update(of=("self",)).get(pk=dossier.pk)
        if not dossier.is_open:
            raise ValidationError("Ce dossier est fermé.", code="closed")
        if role == Representation.Role.PARENT and _of_age(dossier):
            raise ValidationError("Le titulaire est majeur : ses parents ne le représentent plus.", code="of-age")
        if role == Representation.Role.GUARDIAN and until is None:
            raise ValidationError("Une mesure de protection a une fin : écrivez celle du jugement.", code="until")
        if until is not None and until <= max(since, timezone.now()):
            raise ValidationError("La fin vient après le début, et après aujourd'hui.", code="until")
        parents = [one for one in running(dossier.pk, Representation.Role.PARENT) if one.user_id != user.pk]
        if role == Representation.Role.PARENT and len(parents) >= PARENTS:
            raise ValidationError("Deux parents sont déjà enregistrés : mettez fin à l'un d'abord.", code="full")
        row = _give(dossier, user, role, by, rights=[], until=until, evidence=evidence, since=since)
        notices.tell(dossier.pk, Notice.Kind.CARER)
    return row


def end(dossier: Dossier, representation_id: uuid.UUID, *, by: Actor) -> bool:
    """A representation ends, at once. False when none runs under this name."""
    roles = (Representation.Role.PARENT, Representation.Role.GUARDIAN, Representation.Role.CARER)
    with transaction.atomic():
        Dossier.objects.select_for_update(of=("self",)).get(pk=dossier.pk)
        row = next((one for one in running(dossier.pk, *roles) if one.pk == representation_id), None)
        if row is None:
            return False
        row.until = timezone.now()
        _save(row, by)
        detail = {"role": row.role}
        trail.record(
            Event.REPRESENTATION_ENDED,
            by=by,
            dossier_id=dossier.pk,
            object_kind="person",
            object_id=row.user_id,
            detail=detail,
        )
    return True
