"""Finding one's way back in after a password remade by e-mail: the mailbox alone never opens an account.

A mailbox receives both the link that remakes the password and the code of the sign-in: who holds it would
hold two factors. So a way that is not the mailbox is asked for: the application of codes or the passkey of
the account, else a code handed over at the counter (identity checked) or posted to the address on file.
"""

import datetime as dt
import uuid

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from access.models import Recovery, Representation, User
from audit import trail
from audit.trail import Actor, Event
from patients import codes, notices
from patients.models import IdentityIndex, InsuredPerson, Notice

SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]  # what is not the mailbox
HANDED_HOURS, DAYS_BETWEEN_LETTERS = 48, 7


def password_reset(user: User) -> None:
    """Note it, in the transaction that changes the password. A code already given stays, with its wrong tries."""
    Recovery.objects.update_or_create(user=user, defaults={"asked_at": timezone.now(), "restored_at": None})
    _tell(user, Event.PASSWORD_RESET, user.actor(means="e-mail"), notice=Notice.Kind.PASSWORD_RESET)


def waiting(user: User) -> Recovery | None:
    """What keeps this account's door, until its way back is proven."""
    return Recovery.objects.filter(user=user, restored_at=None).first()


def is_void(user: User, begun: float) -> bool:
    """Whether a sign-in begun at that time (seconds since 1970) came before the last remaking of the password."""
    return Recovery.objects.filter(user=user, asked_at__gt=dt.datetime.fromtimestamp(begun, dt.UTC)).exists()


def accounts_of(dossier_id: uuid.UUID) -> QuerySet[Representation]:
    """The accounts that open this dossier: its holder's and those who speak for her."""
    rows = Representation.objects.running().filter(dossier=dossier_id, user__is_active=True)
    return rows.select_related("user").order_by("since")


def hand_over(user: User, *, by: Actor, evidence: str) -> str:
    """A code for the person at the counter, her identity checked. The former one is worthless."""
    with transaction.atomic():
        code = _new_code(_locked(user), dt.timedelta(hours=HANDED_HOURS))
        detail: dict[str, object] = {"way": "guichet", "evidence": evidence}
        _tell(user, Event.ACCESS_CODE_GIVEN, by, detail=detail, notice=Notice.Kind.ACCESS_CODE)
    return code


def may_post(user: User) -> bool:
    """A letter goes to the holder of a dossier, at the address on file; not while a code is good, nor each day."""
    row = Recovery.objects.filter(user=user).first()
    return addressee(user) is not None and (row is None or _letter_is_due(row))


def ask_letter(user: User, *, by: Actor) -> None:
    """Trace the request; the letter itself is made by `access.tasks.write_access_letter`."""
    with transaction.atomic():
        detail: dict[str, object] = {"way": "courrier"}
        _tell(user, Event.ACCESS_CODE_GIVEN, by, detail=detail, notice=Notice.Kind.ACCESS_CODE)


def make_letter_code(user: User) -> str | None:
    """The code for the letter, or None when one is already on its way."""
    with transaction.atomic():
        row = _locked(user)
        if not _letter_is_due(row):
            return None
        row.posted_at = timezone.now()
        return _new_code(row, dt.timedelta(days=codes.LETTER_DAYS))


def addressee(user: User) -> InsuredPerson | None:
    """The insured person of the register who holds a dossier with this account."""
    own = Representation.objects.running().filter(user=user, role=Representation.Role.HOLDER)
    known = IdentityIndex.objects.filter(dossier_id__in=own.values("dossier_id")).values("lookup")
    return InsuredPerson.objects.filter(pk__in=known).order_by("-loaded_at").first()  # by her latest number


def confirm(user: User, code: str) -> bool:
    """Whether this code gives the account back. It serves once; five wrong ones wear it out."""
    with transaction.atomic():
        row = Recovery.objects.select_for_update(of=("self",)).filter(user=user).first()
        right = row is not None and codes.is_right(row, codes.typed(code), "code_digest")
        if row is not None and right:
            _restore(row)
        _tell(user, Event.ACCESS_RESTORED, user.actor(means="code de guichet"), allowed=right)
    return right


def prove_by_second_factor(user: User) -> None:
    """The password and a second factor of the account's own, in one sign-in: nothing more is asked."""
    with transaction.atomic():
        row = Recovery.objects.select_for_update(of=("self",)).filter(user=user, restored_at=None).first()
        if row is not None:
            _restore(row)
            _tell(user, Event.ACCESS_RESTORED, user.actor(means="second facteur"))


def _locked(user: User) -> Recovery:
    row, _ = Recovery.objects.select_for_update(of=("self",)).get_or_create(user=user)
    return row


def _letter_is_due(row: Recovery) -> bool:
    since = timezone.now() - dt.timedelta(days=DAYS_BETWEEN_LETTERS)
    has_code = row.code_digest is not None and codes.is_live(row)
    return not has_code and (row.posted_at is None or row.posted_at < since)


def _new_code(row: Recovery, valid: dt.timedelta) -> str:
    """Asked for before any reset, a code shuts the account too: it is what the next sign-in wants."""
    code = codes.new()
    if row.restored_at is not None:
        row.asked_at, row.restored_at = timezone.now(), None
    row.code_digest, row.attempts = codes.digest(row.user_id, code), 0
    row.expires_at = timezone.now() + valid
    row.save()
    return code


def _restore(row: Recovery) -> None:
    row.restored_at, row.code_digest, row.expires_at = timezone.now(), None, None
    row.save(update_fields=["restored_at", "code_digest", "expires_at"])


def _tell(
    user: User,
    event: Event,
    by: Actor,
    *,
    allowed: bool = True,
    detail: dict[str, object] | None = None,
    notice: Notice.Kind | None = None,
) -> None:
    """A trace in each dossier this account opens; a notice to the holder whose account it is."""
    rows = list(Representation.objects.running().filter(user=user).values_list("dossier_id", "role"))
    for dossier_id in dict.fromkeys(key for key, _ in rows) or [None]:
        trail.record(event, by=by, dossier_id=dossier_id, allowed=allowed, object_kind="account", detail=detail)
    for dossier_id, role in rows:
        if notice is not None and role == Representation.Role.HOLDER:
            notices.tell(dossier_id, notice)
