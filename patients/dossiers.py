"""Open, close, reopen a dossier. Each writes row, history and trace in one transaction."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import trail
from audit.scoped import uuid7
from audit.trail import Actor, Event
from patients import numbers
from patients.ins import Ins
from patients.models import (
    Caisse,
    Channel,
    Consent,
    Dossier,
    IdentityIndex,
    InsuredPerson,
    Notice,
    OpeningRule,
    Patient,
    Regime,
    identity_of,
)

CONSENT_WORDING = "2026-11"  # the version of the text read before opening (templates/patients/_consent.html)


class AlreadyThere(ValidationError):
    """This identity has a dossier, open or archived."""

    def __init__(self, dossier_id: uuid.UUID) -> None:
        super().__init__("Cette personne a déjà un dossier médical partagé.", code="already-there")
        self.dossier_id = dossier_id


@dataclass(frozen=True)
class Agreement:
    """The express consent without which no dossier opens (L1111-14): who said yes, before whom, how proven."""

    given_by: str
    evidence: str
    channel: Channel
    wording: str = CONSENT_WORDING


OPENING_WAYS = (Channel.COUNTER, Channel.WEB, Channel.PROFESSIONAL, Channel.PHARMACY)


def may_open(person: InsuredPerson, channel: Channel, day: dt.date) -> OpeningRule | None:
    """The rule that forbids this channel to this person today, or None when it is open to him.

    Regime and department together weigh more than one of them, one more than none.
    """
    rules = OpeningRule.objects.in_force(day).filter(channel=channel)
    fitting = [
        rule
        for rule in rules
        if rule.regime_id in (None, person.regime_id) and rule.department in ("", person.department)
    ]
    fitting.sort(key=lambda rule: (bool(rule.regime_id) + bool(rule.department), rule.since))
    if not fitting:
        return None
    rule = fitting[-1]
    too_young = rule.adults_only and age_on(person.birth_date, day) < 18
    return rule if not rule.allowed or too_young else None


def age_on(birth: dt.date, day: dt.date) -> int:
    """Completed years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def of_age(birth: dt.date, at: dt.datetime) -> bool:
    """Come of age (18, D11) on that day in Paris."""
    return age_on(birth, timezone.localdate(at)) >= settings.AGE_OF_MAJORITY


def youngest_of_age(at: dt.datetime) -> dt.date:
    """The last birth date of those who are of age on that day in Paris. Born on 29 February: of age on 1 March."""
    day = timezone.localdate(at)
    year = day.year - settings.AGE_OF_MAJORITY
    return day.replace(year=year) if (day.month, day.day) != (2, 29) else dt.date(year, 2, 28)


def open_for(
    person: InsuredPerson,
    *,
    agreement: Agreement | None,
    by: Actor,
    email: str = "",
    allows_break_glass: bool = True,
    allows_regulation: bool = True,
) -> Dossier:
    """Open the dossier of an insured person. Raises ValidationError (no consent), `AlreadyThere`."""
    if agreement is None or not agreement.evidence:
        raise ValidationError("Sans consentement exprès de la personne, aucun dossier n'est ouvert.", code="consent")
    ins = person.ins
    if waiting := numbers.under_provisional_number(person):
        raise AlreadyThere(waiting)  # her number is attached to it, no second dossier opens
    try:
        with transaction.atomic():
            switches = {"allows_break_glass": allows_break_glass, "allows_regulation": allows_regulation}
            dossier = _create(ins, person.caisse, person.regime, agreement, by, switches)
            patient = Patient(
                dossier=dossier,
                oid=ins.oid,
                sealed_matricule=ins.sealed(),
                birth_family=person.birth_family,
                used_family=person.used_family,
                given_names=person.given_names,
                birth_date=person.birth_date,
                sex=person.sex,
                birthplace=person.birthplace,
                status=Patient.Status.QUALIFIED,
                email=email or person.email,
                phone=person.phone,
                postal_code=person.postal_code,
            )
            patient._history_user = by  # type: ignore[attr-defined]
            patient.save(force_insert=True)
            trail.record(
                Event.DOSSIER_OPENED,
                by=by,
                dossier_id=dossier.pk,
                detail={"channel": agreement.channel, "evidence": agreement.evidence},
            )
            if patient.email:
                Notice.objects.create(dossier=dossier, kind=Notice.Kind.DOSSIER_OPENED, email=patient.email)
    except IntegrityError as error:
        known = identity_of(ins.lookup)
        if known is None:
            raise
        raise AlreadyThere(known) from error
    return dossier


def _create(
    ins: Ins, caisse: Caisse, regime: Regime, agreement: Agreement, by: Actor, switches: dict[str, bool]
) -> Dossier:
    dossier = Dossier(
        opened_channel=agreement.channel,
        opened_by=by.reference,
        opening_consent_id=uuid7(),
        caisse=caisse,
        regime=regime,
        **switches,
    )
    dossier._history_user = by  # type: ignore[attr-defined]
    dossier.save(force_insert=True)
    IdentityIndex.objects.create(lookup=ins.lookup, dossier_id=dossier.pk)
    Consent.objects.create(
        id=dossier.opening_consent_id,
        dossier=dossier,
        subject=Consent.Subject.OPENING,
        wording=agreement.wording,
        given_by=agreement.given_by,
        collected_by=by.reference,
        channel=agreement.channel,
        evidence=agreement.evidence,
    )
    return dossier


CONTACTS = ("email", "phone", "address", "postal_code")


PROVEN = ("email", "phone")  # written by their proof alone: a code went there, and she read it out


def change_contacts(
    dossier_id: uuid.UUID, wanted: dict[str, str], *, by: Actor, proven: str = "", evidence: str = ""
) -> list[str]:
    """Where the holder is reached, as she said it at the counter: the names of what changed, never the identity.

    `proven`: the one she proved hers by a code; that is traced, even when nothing changes. `evidence`: the papers
    seen, without which nothing else changes. The former e-mail is told, in the same transaction.

    The trace says which contacts changed, and on what; their values stand in the history alone.
    """
    if any(wanted.get(name) and name != proven for name in PROVEN) or not (proven or evidence):
        raise ValidationError("Cette coordonnée n'est pas prouvée.", code="unproven")
    with transaction.atomic():
        if not locked(dossier_id).is_open:
            raise Dossier.DoesNotExist
        patient = Patient.objects.get(dossier_id=dossier_id)
        former = patient.email
        changed = [name for name in CONTACTS if name in wanted and getattr(patient, name) != wanted[name]]
        for name in changed:
            setattr(patient, name, wanted[name])
        if changed:
            patient._history_user, patient._change_reason = by, evidence or "code lu par la personne"  # type: ignore[attr-defined]
            patient.save(update_fields=changed)
            tell_former(dossier_id, former)
        if changed or proven:
            detail: dict[str, object] = {"setting": "contacts", "changed": changed}
            detail |= {name: said for name, said in (("proven", proven), ("evidence", evidence)) if said}
            trail.record(Event.CONTACT_CHANGED, by=by, dossier_id=dossier_id, detail=detail)
    return changed


def tell_former(dossier_id: uuid.UUID, email: str) -> None:
    """To the address known before a change of contacts: whoever changed them would not receive it otherwise."""
    if email:
        Notice.objects.create(dossier_id=dossier_id, kind=Notice.Kind.CONTACTS_CHANGED, email=email)


def oppose_heirs(dossier_id: uuid.UUID, *, refuses_heirs: bool, by: Actor) -> bool:
    """Whether those near to her may ask after her death (L1110-4 V): she decides, living, in an open dossier.

    True when that changed. Nobody lifts it after her: what is closed does not change.
    """
    with transaction.atomic():
        dossier = Dossier.objects.select_for_update(of=("self",)).get(pk=dossier_id)
        if not dossier.is_open:
            raise ValidationError("Ce dossier est fermé : ce choix ne change plus.", code="closed")
        if dossier.refuses_heirs == refuses_heirs:
            return False
        dossier.refuses_heirs = refuses_heirs
        dossier._history_user = by  # type: ignore[attr-defined]
        dossier.save(update_fields=["refuses_heirs"])
        detail: dict[str, object] = {"setting": "proches", "on": refuses_heirs}
        trail.record(Event.EMERGENCY_CHANGED, by=by, dossier_id=dossier_id, detail=detail)
    return True


def kept_until(closed_at: dt.datetime | None) -> dt.date | None:
    """The day a closed dossier is destroyed: ten civil years after its closing, in Paris (article L1111-18).

    A term that falls on a day that does not exist is put off, never brought forward: 29 February gives 1 March.
    """
    if closed_at is None:
        return None
    closed = timezone.localdate(closed_at)
    leap = (closed.month, closed.day) == (2, 29)
    return dt.date(closed.year + 10, 3, 1) if leap else closed.replace(year=closed.year + 10)


def is_over(closed_at: dt.datetime | None, at: dt.datetime | None = None) -> bool:
    """Past its last day, now or `at`: from then on it is destroyed, and no more reopened (D14)."""
    last = kept_until(closed_at)
    return last is not None and timezone.localdate(at) > last


def locked_if_there(dossier_id: uuid.UUID) -> Dossier | None:
    """Locked against every other act of its life, and not against who only adds rows under it: those who hold the
    head of its trail while they add them would wait for us, and we for them."""
    return Dossier.objects.select_for_update(of=("self",), no_key=True).filter(pk=dossier_id).first()


def locked(dossier_id: uuid.UUID) -> Dossier:
    """Raises Dossier.DoesNotExist."""
    dossier = locked_if_there(dossier_id)
    if dossier is None:
        raise Dossier.DoesNotExist
    return dossier


@contextmanager
def _by_the_clock() -> Iterator[None]:
    """The trigger of the database says no: in words."""
    try:
        yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", "") != "dossier_closed_by_the_clock":
            raise
        raise ValidationError(
            "L'horloge du service n'est pas sûre : rien ne se ferme pour l'instant. L'exploitant en est averti.",
            code="clock",
        ) from error


def close(dossier_id: uuid.UUID, *, closure: Dossier.Closure, by: Actor, reason: str = "") -> Dossier:
    """Close at once: from now on nobody reads and nobody feeds (D13). Ten years run from here (L1111-18).

    Raises ValidationError: closed already, or the service's clock is not to be believed (`patients.clocks`).
    """
    with transaction.atomic(), _by_the_clock():
        dossier = locked(dossier_id)
        if not dossier.is_open:
            raise ValidationError("Ce dossier est déjà fermé.", code="closed")
        dossier.state, dossier.closed_at, dossier.closure = Dossier.State.CLOSED, timezone.now(), closure
        dossier._history_user = by  # type: ignore[attr-defined]
        dossier.save(update_fields=["state", "closed_at", "closure"])
        trail.record(Event.DOSSIER_CLOSED, by=by, dossier_id=dossier.pk, reason=reason, detail={"closure": closure})
    return dossier
