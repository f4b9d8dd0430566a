"""What the trace of each act says, or the test that left it fails: about what, with which details, in which words.
And what history says: who changed a row.

A line is « kind +id +title +reason: details [details that may be left out] ». Traces that tests write are not judged.
"""

import re
import sys
from collections.abc import Callable
from functools import cache, wraps
from types import FrameType
from typing import Any

from simple_history.signals import post_create_historical_record

from access.models import User
from audit import trail
from tests.one_dossier import place_of

DECISION = "professional +id +title: idnat profession"
DOCUMENT = "document +id +title"
SAID: dict[str, list[str]] = {
    "access_code_given": ["account: way [evidence]"],
    "access_contested": ["trace +id:"],
    "access_granted": [f"{DECISION} extent source until", ": kept"],
    "access_restored": ["account:"],
    "access_withdrawn": [DECISION],
    "care_read": [": lines page"],
    "clock_avowed": [":"],
    "consent_answered": ["professional +id +title: answer means"],
    "consent_asked": [": means"],
    "contact_changed": [": changed setting [evidence proven]"],
    "contact_code_sent": [": to"],
    "contest_answered": ["trace +id:"],
    "copy_asked": ["copy +id: kind", "legal_copy +id +reason: changes types"],
    "copy_destroyed": ["copy +id: kind why"],
    "copy_fetched": ["copy +id: kind [handed_over]", "legal_copy +id: kind"],
    "copy_made": ["copy +id: kind [documents]"],
    "document_announced": [f"{DOCUMENT}: changes version [masked]"],
    "document_archived": [f"{DOCUMENT}: changes version"],
    "document_closed_to": [f"{DOCUMENT}: to to_name [masked]"],
    "document_deposited": [": again", f"{DOCUMENT}: [again masked secret set withheld]"],
    "document_listed": [": count [own query]"],
    "document_masked": [f"{DOCUMENT}: changes version [asked_by masked until]", "document +id: what"],
    "document_opened_to": [f"{DOCUMENT}: to to_name until [masked]"],
    "document_read": ["document +id: [masked metadata purpose range secret withheld]"],
    "document_replaced": [f"{DOCUMENT}: by [masked secret withheld]"],
    "document_unmasked": [f"{DOCUMENT}: changes version [asked_by]"],
    "document_withdrawn": [f"{DOCUMENT}: changes version [withheld]"],
    "copy_imported": [": digest documents"],
    "dossier_closed": [": closure"],
    "dossier_found": [":"],
    "dossier_opened": [": channel evidence"],
    "dossier_reopened": [": channel ended evidence"],
    "email_changed": ["account: [changes]"],
    "emergency_changed": [": setting [allows_break_glass allows_regulation changed on shows_masked_in_emergency]"],
    "envelope_asked": ["envelope +id: again envelope pages"],
    "envelope_handed": ["envelope +id: envelope evidence pages"],
    "envelope_printed": ["copy +id: envelope kind pages"],
    "glass_attested": ["+reason: access end late"],
    "glass_broken": ["+reason: access end motif new"],
    "hold_lifted": ["hold +id +reason: changes"],
    "hold_set": ["hold +id +reason: changes"],
    "identity_searched": ["+reason: by found"],
    "invited": ["person +id: rights role"],
    "lists_read": [": count query", "set +id:"],
    "means_changed": [": means [evidence]"],
    "number_attached": [": evidence"],
    "number_made": [":"],
    "number_used": [": access end new"],
    "opening_asked": [":"],
    "password_reset": ["account:"],
    "previewed": ["professional +id +title: count"],
    "professional_blocked": [DECISION],
    "professional_unblocked": [DECISION],
    "representation_added": ["person +id: changes rights role", "person +id: role"],
    "representation_ended": ["person +id: role", "person +id: invitation"],
    "request_answered": ["request +id: changes kind"],
    "request_handled": ["request +id: changes kind"],
    "request_made": ["request +id: changes kind", ": again"],
    "request_read": ["request +id: [envelope letter]"],
    "sessions_closed": ["account: count"],
    "sheet_read": ["contacts:", "history:", "person:"],
    "signed_in": ["account: [changes]", ": [page]"],
    "staff_added": ["account +id +reason: kind [caisse]"],
    "staff_changed": [f"account +id +reason: {more}" for more in ("act", "act caisse", "act kind [caisse]")],
    "staff_ended": ["account +id +reason:"],
    "team_agreed": ["team +id +title: team until"],
    "team_ended": ["team +id +title: team"],
    "team_joined": [f"{DECISION} team"],
    "traces_exported": ["+reason: idnat since until"],
    "trail_read": [": [page]"],
    "treating_ended": [DECISION],
    "treating_named": [f"{DECISION} source", ": kept"],
}
# Of what was refused, these say more than that.
REFUSED: dict[str, list[str]] = {
    "copy_made": ["copy +id: kind"],
    "access_restored": ["account:"],
    "consent_answered": [": means result"],
    "document_deposited": [": code"],
    "document_read": ["document +id: interrupted"],
    "identity_searched": ["+reason: by found"],
    "sign_in_refused": ["account:", "account +id:", ": check"],
    "trail_read": [": page"],
}
WORDS = {
    "act": {"role", "take_back", "serve", "leave", "reset"},
    "answer": {"yes", "no"},
    "asked_by": {"holder"},
    "channel": {"counter", "web", "professional", "pharmacy", "operator", "post"},
    "check": {
        "account", "claims", "mix_up", "no_situation", "userinfo", "userinfo_sub",
        # as the libraries call theirs
        "KeyError", "ValueError", "access_denied", "bad_signature", "decode_error", "exceeded_size", "expired_token",
        "invalid_claim", "invalid_grant", "mismatching_state", "missing_claim", "unsupported_algorithm",
    },
    "extent": {"general", "limited", "emergency"},
    "letter": {"recu", "reponse", "remise"},
    "means": {"page", "grid", "pin"},
    "motif": {"inconscience", "detresse", "confusion", "langue", "autre"},
    "page": {
        "accueil", "activite", "aidant", "aidants", "ajouter", "annuaire", "autorisations", "copies", "demandes",
        "dossier", "profil", "remboursements", "situation", "urgence",
    },
    "proven": {"email", "phone"},
    "purpose": {"confirm", "download", "preview", "readers", "masked"},
    "result": {"wrong", "ended", "locked"},
    "role": {"carer", "parent", "guardian", "holder"},
    "setting": {"carte", "contacts", "nouveaux", "proches", "urgence"},
    "source": {"web", "page", "grid", "pin", "api", "team", "professional", "holder", "démonstration"},
    "way": {"guichet", "courrier"},
    "why": {"asked", "closed", "expired", "handed"},
}  # fmt: skip
BY = {
    "", "backoffice", "certificate", "code", "code de guichet", "commande", "commande+code", "compte", "compte+code",
    "cpe", "cps", "démonstration", "e-mail", "e-mail+code", "fichier", "mfa", "password", "password+code",
    "password+code+counter_code", "password+mfa", "password+mfa+counter_code", "psc", "second facteur",
}  # fmt: skip


# Invented rows; and a hold that goes with the dossier that a backup brought back.
UNSIGNED = {
    "access/demo_people.py:_load_staff",
    "archival/management/commands/demo_ten_years.py:_open",
    "archival/restored.py:destroy_again",
}


class Auditor:
    """Keeps what it found until a test takes it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def sign(self, history_instance: Any, **_: Any) -> None:
        """Receives `post_create_historical_record`. An account may be made by who is signing in."""
        place = place_of(_beyond(sys._getframe(1)))
        nobody = place and place not in UNSIGNED and not history_instance.history_user_id
        if nobody and history_instance.instance_type is not User:
            self.found.append(f"{place}: {history_instance.instance_type.__name__} changed by nobody")

    def judge(self, event: str, by: Any, fields: dict[str, Any]) -> None:
        detail, allowed = fields.get("detail") or {}, fields.get("allowed", True)
        here = {name for name in ("id", "title", "reason") if fields.get(f"object_{name}", fields.get(name))}
        kind = fields.get("object_kind", "")
        lines = SAID.get(event, []) if allowed else REFUSED.get(event, [])
        if not any(_fits(line, kind, here, set(detail)) for line in lines) and (allowed or detail):
            self.found.append(f"{event}: « {kind} » {sorted(here)}: {sorted(detail)}")
        for name, value in detail.items():
            if isinstance(value, str) and value not in WORDS.get(name, {value}) | {"test"}:
                self.found.append(f"{event}: {name}: {value}")
        if by.means not in ("", "test") and not by.name and by.kind != "structure":
            self.found.append(f"{event}: by nobody that is named")
        if by.means not in BY | {"test"}:
            self.found.append(f"{event}: by means of « {by.means} »")


def _fits(line: str, kind: str, here: set[str], names: set[str]) -> bool:
    wanted, said, needed, more = _read(line)
    return kind == wanted and said <= here and needed <= names <= needed | more


@cache
def _read(line: str) -> tuple[str, set[str], set[str], set[str]]:
    about, _, details = line.partition(":")
    more = {name for part in re.findall(r"\[(.*?)\]", details) for name in part.split()}
    words = about.split()
    kind = next((word for word in words if not word.startswith("+")), "")
    return (
        kind,
        {word[1:] for word in words if word.startswith("+")},
        set(re.sub(r"\[.*?\]", "", details).split()),
        more,
    )


auditor = Auditor()


def audit() -> None:
    """For the whole of a session."""
    record: Callable[..., Any] = trail.record

    @wraps(record)
    def judged(event: Any, *, by: Any, **fields: Any) -> Any:
        if place_of(_beyond(sys._getframe(1))):
            auditor.judge(event.value, by, fields)
        return record(event, by=by, **fields)

    trail.record = judged
    post_create_historical_record.connect(auditor.sign)


THROUGH = ("access/gate.py", "audit/trail.py", "audit/scoped.py")


def _beyond(frame: FrameType | None) -> FrameType | None:
    """Who asked the entry to trace, or saved the row: a test may."""
    while frame is not None and (frame.f_code.co_filename.endswith(THROUGH) or not _is_ours(frame)):
        frame = frame.f_back
    return frame


def _is_ours(frame: FrameType) -> bool:
    return "site-packages" not in frame.f_code.co_filename
