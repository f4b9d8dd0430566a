"""Deposit documents: examine, compare with the dossier, seal, then one transaction with rows, history, trace.

The content is durable before its row is committed. A failure known to come before the commit takes it away
again; an unknown one (the connection broke) leaves it to `sweep_orphans`, and so does a crash.
"""

import uuid
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from access import gate
from access.facts import Act, Purpose
from access.gate import Caller, Entry
from access.policy import decide
from audit import trail
from audit.scoped import uuid7
from audit.trail import Event, TrailDown
from documents import content, contents, entries, rows, withheld
from documents.acts import revise, trace
from documents.content import Inadmissible
from documents.models import Document, Result, SubmissionSet
from documents.rows import Examined, urn
from documents.vault import Unreadable
from fhir import ids
from fhir.problems import Problem, invalid
from fhir.read import Entry as Written
from fhir.read import Subject, Submission
from patients import ins, notices, terms
from patients.models import Notice, Patient

# Rules.md 2.1: nobody but the holder deposits his own expression, nobody but the insurer reimbursements.
HOLDERS_OWN = ("DOCPAT", "EXPPAT")
INSURERS_OWN = {"REMB"}


def examine(submission: Submission) -> list[Examined]:
    """Inspect every content and compare it with what the message says. Raises `Problem`."""
    return [_examined(written) for written in submission.documents]


def _examined(written: Written) -> Examined:
    try:
        inspection = content.inspect(written.content, written.content_type)
        content.verify_claims(inspection, written.size, written.sha1)
    except Inadmissible as refusal:
        place = refusal.expression if refusal.expression.startswith("content") else "content[0].attachment"
        status = 413 if refusal.code == "TooLarge" else 415 if refusal.code == "Unsupported" else 422
        raise invalid(refusal.message, f"{written.at}.{place}", status=status, detail=refusal.code) from refusal
    term = terms.table("types").get(written.type_code)
    if term is None:
        raise Problem(422, "code-invalid", "Ce type de document n'est pas connu.", expression=f"{written.at}.type")
    facts = inspection.cda
    if facts and facts["type_code"] != written.type_code:
        raise invalid("Le type annoncé n'est pas celui du document CDA.", f"{written.at}.type")
    if facts and written.unique_id and written.unique_id.lower() != urn(facts["unique_id"]).lower():
        raise invalid("L'identifiant annoncé n'est pas celui du document CDA.", f"{written.at}.masterIdentifier")
    return Examined(written, inspection, term)


def place_of(submission: Submission) -> tuple[ins.Ins | None, uuid.UUID | None]:
    """The one patient all the message is about: by INS, or by our own id. Raises `Problem`."""
    subjects = {written.subject for written in submission.documents}
    subjects |= {submission.subject} if submission.subject else set()
    if len(subjects) != 1:
        raise invalid("Tout le lot doit concerner le même patient.", "Bundle", detail="XDSPatientIdDoesNotMatch")
    return resolve(subjects.pop())


def resolve(subject: Subject) -> tuple[ins.Ins | None, uuid.UUID | None]:
    """Raises `Problem` (not an INS), `gate.Absent` (not an id of ours)."""
    if subject.patient_id:
        try:
            return None, ids.dossier_of(subject.patient_id)
        except ids.UnknownId as error:
            raise gate.Absent from error
    try:
        return ins.read(subject.ins, subject.oid), None
    except ins.ValidationError as error:
        raise invalid("L'INS n'a pas la forme attendue.", "subject", detail="XDSUnknownPatientId") from error


def deposit(
    caller: Caller,
    submission: Submission,
    *,
    finish: Callable[[Entry, SubmissionSet, list[Document]], None],
    again: Callable[[Entry], bool] = lambda entry: False,
) -> list[Document]:
    """File a submission whole, or nothing of it. `finish` runs in the same transaction, last.

    `again`, asked first and with the dossier locked, says that this sending was answered already: nothing is
    done then. Raises `Problem`, `gate.Refused`, `gate.Absent` (traced, all three), `trail.TrailDown`,
    `antivirus.Unavailable`, OSError.
    """
    number, named = place_of(submission)
    dossier_id = _admitted(caller, number, named)
    stored: list[uuid.UUID] = []
    try:
        examined = examine(submission)
        for one in examined:
            contents.put(dossier_id, one.id, one.written.content)
            stored.append(one.id)
        with gate.enter(caller, Act.DEPOSIT, Event.DOCUMENT_DEPOSITED, dossier_id=dossier_id, lock=True) as entry:
            documents = [] if _answered(entry, again) else _filed(entry, submission, examined, number, finish)
    except (OperationalError, InterfaceError):
        raise  # the commit may have happened: the sweep will tell
    except Unreadable:
        _take_away(stored)
        _admitted(caller, number, named)  # destroyed meanwhile: absent, and traced as such
        raise
    except Problem as problem:
        _take_away(stored)
        _trace_refusal(caller, dossier_id, problem)
        raise
    except Exception:
        _take_away(stored)
        raise
    kept = {document.pk for document in documents}
    _take_away([name for name in stored if name not in kept])
    return documents


def _admitted(caller: Caller, number: ins.Ins | None, named: uuid.UUID | None) -> uuid.UUID:
    """The dossier; refused before any work is done on a content. Decided again with the lock."""
    try:
        dossier, facts = gate.look(caller, ins=number, dossier_id=named)
        if decide(Act.DEPOSIT, facts):
            return dossier.pk
    except gate.Absent:
        pass
    with gate.enter(caller, Act.DEPOSIT, Event.DOCUMENT_DEPOSITED, ins=number, dossier_id=named):  # no, and traced
        raise TrailDown("Le dossier vient de changer.")


def _answered(entry: Entry, again: Callable[[Entry], bool]) -> bool:
    if not again(entry):
        return False
    entry.trace(detail={"again": True})
    return True


def _filed(
    entry: Entry,
    submission: Submission,
    examined: list[Examined],
    number: ins.Ins | None,
    finish: Callable[[Entry, SubmissionSet, list[Document]], None],
) -> list[Document]:
    patient = entry.dossier.patient
    for one in examined:
        _same_person(one, patient, number)
    lot, documents = _file(entry, submission, examined, patient)
    finish(entry, lot, documents)
    return documents


def _take_away(stored: list[uuid.UUID]) -> None:
    for name in stored:
        contents.store().delete(name)


def _trace_refusal(caller: Caller, dossier_id: uuid.UUID, problem: Problem) -> None:
    trail.record_now(
        Event.DOCUMENT_DEPOSITED,
        by=caller.actor,
        dossier_id=dossier_id,
        allowed=False,
        ground="inadmissible",
        mode=gate.SECRET if caller.purpose is Purpose.SECRET else "normal",  # he was admitted: with a minor
        detail={"code": problem.detail or problem.code},
    )


def _same_person(one: Examined, patient: Patient, number: ins.Ins | None) -> None:
    """The document's patient is the dossier's: never file it silently under another."""
    if not one.facts:
        return
    known = number or patient.ins
    said = one.facts["patient"]
    if (said["ins"], said["ins_oid"]) != (known.matricule, known.oid):
        raise invalid(
            "Le patient du document n'est pas celui du message.",
            f"{one.written.at}.subject",
            detail="XDSPatientIdDoesNotMatch",
        )


def _file(
    entry: Entry, submission: Submission, examined: list[Examined], patient: Patient
) -> tuple[SubmissionSet, list[Document]]:
    known = _already_there(entry, examined)
    if known is not None:
        for document in known:
            trace(entry, Event.DOCUMENT_DEPOSITED, document, again=True)
        assert known[0].submission_set is not None
        return known[0].submission_set, known
    lot = SubmissionSet(
        dossier=entry.dossier,
        unique_id=submission.unique_id or f"urn:uuid:{uuid7()}",
        source_id=submission.source_id,
        designation=submission.designation,
        title=submission.title,
        author_ids=rows.unique([entry.caller.author, submission.author.identifier]),
        author_family=submission.author.family,
        author_given=submission.author.given,
        author_structure=submission.author.structure or entry.actor.structure_id,
        date=submission.date or timezone.now(),
    )
    if submission.unique_id and SubmissionSet.objects.filter(dossier=entry.dossier, unique_id=lot.unique_id).exists():
        raise _duplicate("Ce lot de soumission a déjà été reçu.", "Bundle.entry[0].resource.identifier")
    documents = [rows.document(entry, lot, one) for one in examined]
    for document, one in zip(documents, examined, strict=True):
        _may_deposit(document, one)
    lot.fhir = entries.text_of_set(lot)
    lot.save(force_insert=True)
    for document, one in zip(documents, examined, strict=True):
        _supersede(entry, document, one, patient.oid)
        document.fhir = entries.text_of(document, patient.oid)
        document._history_user = entry.actor  # type: ignore[attr-defined]
        document.save(force_insert=True)
        Result.objects.bulk_create(rows.results(document, one))
        trace(entry, Event.DOCUMENT_DEPOSITED, document, set=lot.pk.hex)
    _tell(entry, documents)
    if any(one.withheld or (one.replaces and one.replaces.withheld) for one in documents):
        withheld.plan(entry.dossier.pk)
    return lot, documents


def _tell(entry: Entry, documents: list[Document]) -> None:
    """Not of what awaits an announcement or a minor keeps secret, nor of what the holder deposited himself."""
    if any(
        document.origin != Document.Origin.HOLDER and document.visible_to_holder and not document.secret
        for document in documents
    ):
        notices.tell(entry.dossier.pk, Notice.Kind.DOCUMENT_ADDED)


def _already_there(entry: Entry, examined: list[Examined]) -> list[Document] | None:
    """The documents of a message sent again by the same sender; None when it is new. Raises 409, the same whatever
    hides the other document (docs/adr/0012).
    """
    known = [one.unique_id for one in examined if one.unique_id]
    names = {one.unique_id: one for one in examined if one.unique_id}
    if len(names) < len(known):
        raise _duplicate("Deux documents du lot portent le même identifiant.", "Bundle.entry")
    same = Document.objects.filter(dossier_id=entry.dossier.pk, unique_id__in=names)
    # Nearly always none: forty columns and a join are not asked for before it is known.
    found = list(same.select_related("submission_set")) if same.exists() else []
    for document in found:
        one = names[document.unique_id]
        at = f"{one.written.at}.masterIdentifier"
        if bytes(document.sha256) != one.inspection.sha256:
            raise _duplicate("Un autre document porte déjà cet identifiant.", at, "XDSNonIdenticalHash")
        if entry.caller.author not in document.author_ids or document.state == Document.State.DELETED:
            raise _duplicate("Ce document est déjà dans le dossier.", at)
    if not found:
        return None
    if len(found) != len(examined):
        raise _duplicate("Une partie de ce lot est déjà dans le dossier.", "Bundle.entry")
    order = [one.unique_id for one in examined]
    return sorted(found, key=lambda document: order.index(document.unique_id))


def _duplicate(text: str, at: str, detail: str = "XDSDuplicateUniqueIdInRegistry") -> Problem:
    return Problem(409, "duplicate", text, detail=detail, expression=at)


def _may_deposit(document: Document, one: Examined) -> None:
    at = one.written.at
    from_holder = document.origin == Document.Origin.HOLDER
    if one.term.code.startswith(HOLDERS_OWN) != from_holder or one.term.code in INSURERS_OWN:
        raise Problem(
            422, "business-rule", "Ce type de document est réservé à un autre déposant.", expression=f"{at}.type"
        )
    if document.masked and document.withheld:
        raise invalid(
            "Un document ne peut pas être à la fois masqué aux professionnels et non visible du patient.",
            f"{at}.securityLabel",
        )


def _supersede(entry: Entry, document: Document, one: Examined, oid: str) -> None:
    """Replace (RPLC): only an author of the document may, and the old one stays readable as superseded."""
    if not one.written.replaces:
        return
    at = f"{one.written.at}.relatesTo[0].target"
    try:
        dossier_id, old_id = ids.split(one.written.replaces)
    except ids.UnknownId:
        dossier_id, old_id = entry.dossier.pk, uuid.UUID(int=0)
    old = Document.objects.filter(dossier_id=entry.dossier.pk, pk=old_id).first()
    if old is None or dossier_id != entry.dossier.pk or entry.caller.author not in old.author_ids:
        raise invalid("Le document à remplacer n'est pas l'un des vôtres.", at, detail="XDSReplaceFailed")
    if old.state != Document.State.CURRENT:
        raise invalid("Le document à remplacer n'est plus en vigueur.", at, detail="XDSReplaceFailed")
    _hide_nothing_shown(document, old, at)
    _stay_hidden(document, old)
    document.replaces = old
    revise(entry, old, oid, state=Document.State.SUPERSEDED)
    trace(entry, Event.DOCUMENT_REPLACED, old, by=document.pk.hex)


def _hide_nothing_shown(document: Document, old: Document, at: str) -> None:
    """What was shown is not hidden again by a replacement; what is withheld is not withheld for longer (R1111-53)."""
    if (old.visible_to_holder and not document.visible_to_holder) or (document.secret and not old.secret):
        raise Problem(
            422,
            "business-rule",
            "Ce document a déjà été montré : ce qui le remplace ne peut pas être caché aux mêmes personnes.",
            expression=at,
        )
    if document.withheld and document.visible_from and old.visible_from:
        document.visible_from = min(document.visible_from, old.visible_from)


def _stay_hidden(document: Document, old: Document) -> None:
    """What the holder masked, or a minor keeps secret, is not shown by replacing it: that is lifted at their request
    only (D8, D11). Whether the new one awaits an announcement is its author's to say (D9).
    """
    if old.is_masked and not document.masked:
        document.masked, document.masked_until = True, old.masked_until
    document.secret = document.secret or old.secret
