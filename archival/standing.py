"""For whom a copy is made, and what exists for her: decided when it is asked, made and fetched, each time anew.

A copy goes to the holder or to who represents her (L1111-7, R1111-1): no carer's right is a right to a copy. Of a
closed dossier nothing is browsed (D13): a copy of it rests on a recorded request.
"""

from dataclasses import replace

from access import gate
from access.facts import REPRESENTATIVES, Act, Facts, Ground, Role
from access.gate import Caller, Entry
from access.models import User
from access.policy import Decision, Scope, decide
from archival.copies_models import Copy, LegalCopy
from audit.trail import Actor, ActorKind, Event
from documents.models import Document, DocumentQuerySet
from patients.models_requests import Kind, Request

KINDS = {
    Role.HOLDER: ActorKind.HOLDER,
    Role.PARENT: ActorKind.REPRESENTATIVE,
    Role.GUARDIAN: ActorKind.REPRESENTATIVE,
}


def of(copy: Copy, event: Event, *, lock: bool = False) -> Entry:
    """Inside the door, as she stands now. Raises `gate.Refused`, `gate.Absent`; the caller traces."""
    caller = _caller(copy)
    dossier, facts = gate.look(caller, dossier_id=copy.dossier_id, lock=lock)
    if copy.asker_id is None:
        facts = replace(facts, role=_without_account(copy, facts))
    decision = _legal(copy, facts) if copy.legal_id else _decide(copy, facts)
    if not decision:
        raise gate.Refused(decision, dossier)
    actor = replace(caller.actor, kind=KINDS.get(facts.role, caller.actor.kind))
    return Entry(dossier, replace(caller, actor=actor, role=facts.role), decision, facts, event)


def _caller(copy: Copy) -> Caller:
    user = User.objects.filter(pk=copy.asker_id, is_active=True).first() if copy.asker_id else None
    if user is not None:
        return Caller(user, user.actor(ActorKind.HOLDER, means="copie"))
    return Caller(None, Actor(ActorKind.HOLDER, "sans compte", means="copie"))


def _without_account(copy: Copy, facts: Facts) -> Role:
    """Identified at the counter or by her letter. Nobody but a parent asks for a minor (D11)."""
    if facts.minor:
        return Role.PARENT
    return Role.HOLDER if copy.quality == Copy.Quality.HOLDER else Role.GUARDIAN


def _decide(copy: Copy, facts: Facts) -> Decision:
    may = decide(Act.MANAGE, facts)
    if not may:
        return may
    if not facts.is_open and copy.request_id is None:
        return Decision(False, Ground.CLOSED)
    return decide(Act.LIST, replace(facts, is_open=True))


def legal_of(copy: Copy) -> LegalCopy:
    assert copy.legal_id is not None
    return LegalCopy.objects.get(dossier_id=copy.dossier_id, pk=copy.legal_id)


def _legal(copy: Copy, facts: Facts) -> Decision:
    """By two operators, on a recorded request: within the types that they named, masked or not.

    What a minor kept secret stays so after him: his heirs are the parents from whom he kept it (D11, D12, L1111-5);
    and a minor's expert is asked for by his parents.
    """
    row = legal_of(copy)
    if row.approved_by is None or row.request_id is None:
        return Decision(False, Ground.NOT_CONCERNED)
    for_heirs = Request.objects.filter(dossier_id=copy.dossier_id, pk=row.request_id, kind=Kind.HEIRS).exists()
    secret = not for_heirs and not facts.minor
    scope = Scope(facts.dossier_id, facts.at, types=frozenset(row.types), masked=True, withheld=True, secret=secret)
    return Decision(True, Ground.REPRESENTATIVE, scope)


def documents(copy: Copy, entry: Entry) -> DocumentQuerySet:
    """Those that go in, older versions included."""
    rows = Document.objects.within(entry.scope)
    if copy.legal_id:
        row = legal_of(copy)
        rows = rows.filter(created__date__gte=row.since) if row.since else rows
        rows = rows.filter(created__date__lte=row.until) if row.until else rows
    return rows.latest_first()


def left_out(copy: Copy, count: int) -> int:
    """How many documents of the dossier are not in it: for the operator, who reads none."""
    everything = Document.objects.filter(dossier_id=copy.dossier_id).exclude(state=Document.State.DELETED)
    return everything.count() - count


def may_care(copy: Copy, entry: Entry) -> bool:
    """Reimbursements betray what a mask hides (M5): for who reads masked documents too, and for no third person."""
    return entry.scope.masked and copy.legal_id is None


def is_representative(role: Role) -> bool:
    return role in REPRESENTATIVES
