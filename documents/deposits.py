"""Deposit documents: examine, compare with the dossier, seal, then one transaction with rows, history, trace.

The content is durable before its row is committed. A failure known to come before the commit takes it away
again; an unknown one (the connection broke) leaves it to `sweep_orphans`, and so does a crash.
"""

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from access import gate
from access.gate import Caller, Entry
from access.policy import Act, decide
from audit import trail
from audit.scoped import uuid7
from audit.trail import Event, TrailDown
from documents import cda, content, contents, entries
from documents.content import Inadmissible, Inspection
from documents.models import Document, Result, SubmissionSet
from fhir import ids, systems
from fhir.problems import Problem, invalid
from fhir.read import Author, Subject, Submission
from fhir.read import Entry as Written
from patients import ins, notices, terms
from patients.models import Notice, Patient

# Rules.md 2.1: nobody but the holder deposits his own expression, nobody but the insurer reimbursements.
HOLDERS_OWN = ("DOCPAT", "EXPPAT")
INSURERS_OWN = {"REMB"}


@dataclass(frozen=True)
class Examined:
    """A document of the message, with what its content turned out to be."""

    written: Written
    inspection: Inspection
    term: terms.Term
    id: uuid.UUID = field(default_factory=uuid7)

    @property
    def facts(self) -> dict[str, Any]:
        return self.inspection.cda or {}


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
    if facts and written.unique_id and written.unique_id.lower() != _urn(facts["unique_id"]).lower():
        raise invalid("L'identifiant annoncé n'est pas celui du document CDA.", f"{written.at}.masterIdentifier")
    return Examined(written, inspection, term)


def _urn(identifier: str) -> str:
    """An HL7 id as a URI: OID, or UUID (in lower case), with its extension."""
    root, mark, extension = identifier.partition("^")
    scheme = "oid" if root.replace(".", "").isdigit() else "uuid"
    return f"urn:{scheme}:{root.lower()}{mark}{extension}"


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
    patient = Patient.objects.get(dossier_id=entry.dossier.pk)
    for one in examined:
        _same_person(one, patient, number)
    lot, documents = _file(entry, submission, examined, patient)
    finish(entry, lot, documents)
    return documents


def _take_away(stored: list[uuid.UUID]) -> None:
    for name in stored:
        contents.store().delete(name)


def _trace_refusal(caller: Caller, dossier_id: uuid.UUID, problem: Problem) -> None:
    with transaction.atomic(durable=True):
        trail.record(
            Event.DOCUMENT_DEPOSITED,
            by=caller.actor,
            dossier_id=dossier_id,
            allowed=False,
            ground="inadmissible",
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
        author_ids=_unique([entry.caller.author, submission.author.identifier]),
        author_family=submission.author.family,
        author_given=submission.author.given,
        author_structure=submission.author.structure or entry.actor.structure_id,
        date=submission.date or timezone.now(),
    )
    if SubmissionSet.objects.filter(dossier=entry.dossier, unique_id=lot.unique_id).exists():
        raise _duplicate("Ce lot de soumission a déjà été reçu.", "Bundle.entry[0].resource.identifier")
    documents = [_row(entry, lot, one) for one in examined]
    for document, one in zip(documents, examined, strict=True):
        _may_deposit(document, one)
    lot.fhir = entries.text_of_set(lot)
    lot.save(force_insert=True)
    for document, one in zip(documents, examined, strict=True):
        _supersede(entry, document, one, patient.oid)
        document.fhir = entries.text_of(document, patient.oid)
        document._history_user = entry.actor  # type: ignore[attr-defined]
        document.save(force_insert=True)
        Result.objects.bulk_create(_results(document, one))
        trace(entry, Event.DOCUMENT_DEPOSITED, document, set=lot.pk.hex)
    _tell(entry, documents)
    return lot, documents


def _tell(entry: Entry, documents: list[Document]) -> None:
    """Not of what awaits an announcement or a minor keeps secret, nor of what the holder deposited himself."""
    if any(
        document.origin != Document.Origin.HOLDER and document.visible_to_holder and not document.secret
        for document in documents
    ):
        notices.tell(entry.dossier.pk, Notice.Kind.DOCUMENT_ADDED)


def trace(entry: Entry, event: Event, document: Document, **detail: Any) -> None:
    """One act on one document. `detail` says when it is hidden from somebody, so that its trace is too (D12)."""
    hidden = {name: True for name in ("masked", "withheld", "secret") if getattr(document, name)}
    entry.trace(
        event,
        object_kind="document",
        object_id=document.pk,
        object_type=document.type_code,
        object_title=document.title,
        detail=detail | hidden,
    )


def _already_there(entry: Entry, examined: list[Examined]) -> list[Document] | None:
    """The documents of a message sent again by the same sender; None when it is new. Raises 409."""
    known = [_unique_id(one) for one in examined if _unique_id(one)]
    names = {_unique_id(one): one for one in examined if _unique_id(one)}
    if len(names) < len(known):
        raise _duplicate("Deux documents du lot portent le même identifiant.", "Bundle.entry")
    found = list(Document.objects.filter(dossier=entry.dossier, unique_id__in=names).select_related("submission_set"))
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
    order = [_unique_id(one) for one in examined]
    return sorted(found, key=lambda document: order.index(document.unique_id))


def _duplicate(text: str, at: str, detail: str = "XDSDuplicateUniqueIdInRegistry") -> Problem:
    return Problem(409, "duplicate", text, detail=detail, expression=at)


def _unique_id(one: Examined) -> str:
    return one.written.unique_id or (_urn(one.facts["unique_id"]) if one.facts else "")


def _row(entry: Entry, lot: SubmissionSet, one: Examined) -> Document:
    written, facts, now = one.written, one.facts, timezone.now()
    authors = _authors(one)
    first = authors[0] if authors else Author()
    withheld = systems.WITHHELD in written.labels
    return Document(
        id=one.id,
        dossier=entry.dossier,
        submission_set=lot,
        unique_id=_unique_id(one) or f"urn:uuid:{uuid7()}",
        origin=_origin(entry),
        type_code=one.term.code,
        type_system=one.term.system,
        class_code=one.term.extra["class_code"],
        family=one.term.extra["family"],
        title=written.title or facts.get("title", "")[:300] or one.term.display[:300],
        description=written.description,
        created=_moment(facts.get("effective_time")) or written.created or now,
        service_start=_moment(facts.get("service_start")) or written.service_start,
        service_stop=_moment(facts.get("service_stop")) or written.service_stop,
        event_codes=[code[:60] for code in facts.get("event_codes") or written.event_codes],
        format_code=written.format_code or content.format_of(one.inspection),
        facility_type=(facts.get("facility_type") or written.facility_type)[:20],
        practice_setting=(facts.get("practice_setting") or written.practice_setting)[:20],
        language=(facts.get("language") or written.language)[:10],
        reference_ids=list(written.reference_ids),
        author_ids=_unique([*(author.identifier for author in authors), entry.caller.author]),
        author_family=first.family or ("" if authors else _family(entry)),
        author_given=first.given,
        author_speciality=first.speciality,
        author_structure=first.structure or entry.actor.structure_id,
        author_structure_name=_structure_name(one) or entry.actor.structure_name,
        custodian=written.custodian or _custodian(one) or entry.actor.structure_id,
        legal_authenticator=next(iter(facts.get("legal_authenticators") or ()), "")[:100],
        deposited_by=entry.actor.reference,
        deposited_at=now,
        last_updated=now,
        confidentiality=_stricter(str(facts.get("confidentiality") or "N"), written.confidentiality),
        masked=systems.MASKED in written.labels,
        withheld=withheld,
        visible_from=visible_from(now) if withheld else None,
        secret=systems.SECRET in written.labels,
        media_type=one.inspection.media_type,
        size=one.inspection.size,
        sha1=one.inspection.sha1,
        sha256=one.inspection.sha256,
        level=one.inspection.level,
        scan=one.inspection.scan,
        flags=_flags(one),
    )


def _stricter(one: str, other: str) -> str:
    """Of what the document and the message say: N, then R, then V."""
    return max(one, other, key="NRV".find)


def visible_from(deposited: dt.datetime) -> dt.datetime:
    """One calendar month later, same hour in Paris, the month's last day at most (R1111-53, D9)."""
    return timezone.localtime(deposited) + relativedelta(months=settings.WITHHELD_MONTHS)


def _authors(one: Examined) -> list[Author]:
    """The document's own authors when it has some, else the message's."""
    said = [
        Author(
            identifier=(author["identifier"] or "")[:100],
            family=(author["family"] or author["device"] or "")[:100],
            given=(author["given"] or "")[:100],
            speciality=(author["specialty"] or "")[:40],
            structure=next(iter(author["organizations"] or ()), "")[:60],
        )
        for author in one.facts.get("authors", ())
    ]
    return said or [author for author in one.written.authors if author.identifier or author.family]


def _origin(entry: Entry) -> Document.Origin:
    return Document.Origin.PROFESSIONAL if entry.actor.kind == "professional" else Document.Origin.HOLDER


def _family(entry: Entry) -> str:
    return entry.actor.name[:100]


def _structure_name(one: Examined) -> str:
    authors = one.facts.get("authors") or [{}]
    return str(authors[0].get("organization_name") or "")[:200]


def _custodian(one: Examined) -> str:
    found = (one.facts.get("custodian") or {}).get("ids") or [{}]
    return str(found[0].get("extension") or "")[:60]


def _flags(one: Examined) -> list[str]:
    """What is odd and was filed all the same: said to whoever reads it."""
    flags = []
    if one.facts and not one.facts["patient"]["ins_key_valid"]:
        flags.append("ins-key")
    if one.inspection.dicom and one.inspection.dicom.get("PatientID", "").strip() != one.written.subject.ins:
        flags.append("dicom-patient")  # hospitals write their own number there: remarked, never refused
    return flags


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
    document.replaces = old
    revise(entry, old, oid, state=Document.State.SUPERSEDED)
    trace(entry, Event.DOCUMENT_REPLACED, old, by=document.pk.hex)


def revise(entry: Entry, document: Document, oid: str, **changes: Any) -> None:
    """Change metadata: a new version, its FHIR text, its history row."""
    for name, value in changes.items():
        setattr(document, name, value)
    document.version += 1
    document.last_updated = timezone.now()
    document.fhir = entries.text_of(document, oid)
    document._history_user = entry.actor  # type: ignore[attr-defined]
    document.save(update_fields=[*changes, "version", "last_updated", "fhir"])


def _results(document: Document, one: Examined) -> list[Result]:
    """Points of the trends; prior results only where the report itself does not hold them."""
    rows: list[Result] = []
    seen = set()
    for prior, points in ((False, one.facts.get("results", ())), (True, one.facts.get("priors", ()))):
        for point in points:
            same = (point["code"], point["effective_time"], point["value"])
            if not point["code"] or point["value"] is None or (prior and same in seen):
                continue
            seen.add(same)
            rows.append(_result(document, point, len(rows), prior))
    return rows


def _result(document: Document, point: dict[str, Any], rank: int, prior: bool) -> Result:
    return Result(
        dossier_id=document.dossier_id,
        document=document,
        rank=rank,
        code=point["code"][:60],
        system=(point["code_system"] or "")[:120],
        display=(point["display"] or point["code"])[:400],
        value=str(point["value"])[:400],
        number=_number(point),
        unit=(point["unit"] or "")[:60],
        low=(point["low"] or "")[:60],
        high=(point["high"] or "")[:60],
        interpretation=(point["interpretation"] or "")[:10],
        at=_moment(point["effective_time"]),
        prior=prior,
    )


def _number(point: dict[str, Any]) -> decimal.Decimal | None:
    if point["kind"] not in ("PQ", "REAL", "INT"):
        return None
    try:
        number = decimal.Decimal(point["value"])
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < 10**13 else None


def _moment(value: str | None) -> dt.datetime | None:
    return cda.to_datetime(value)


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))
