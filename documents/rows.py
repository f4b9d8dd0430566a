"""What a deposit becomes: the rows of a document and of its results, from the message and from its content.

Where both speak, the content decides; where neither does, the depositor's own situation.
"""

import datetime as dt
import decimal
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.utils import timezone

from access.facts import Role
from access.gate import Entry
from audit.scoped import uuid7
from audit.trail import ActorKind
from documents import cda, content
from documents.content import Inspection
from documents.models import Document, Result, SubmissionSet
from fhir import systems
from fhir.read import Author
from fhir.read import Entry as Written
from patients import terms


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

    @property
    def unique_id(self) -> str:
        """As the message says it, else as the content does; empty when neither does."""
        return self.written.unique_id or (urn(self.facts["unique_id"]) if self.facts else "")


def urn(identifier: str) -> str:
    """An HL7 id as a URI: OID, or UUID (in lower case), with its extension."""
    root, mark, extension = identifier.partition("^")
    scheme = "oid" if root.replace(".", "").isdigit() else "uuid"
    return f"urn:{scheme}:{root.lower()}{mark}{extension}"


def document(entry: Entry, lot: SubmissionSet, one: Examined) -> Document:
    written, facts, now = one.written, one.facts, timezone.now()
    authors = _authors(one)
    first = authors[0] if authors else Author()
    withheld = systems.WITHHELD in written.labels
    return Document(
        id=one.id,
        dossier=entry.dossier,
        submission_set=lot,
        unique_id=one.unique_id or f"urn:uuid:{uuid7()}",
        origin=_origin(entry),
        type_code=one.term.code,
        type_system=one.term.system,
        class_code=one.term.extra["class_code"],
        family=one.term.extra["family"],
        title=written.title or facts.get("title", "")[:300] or one.term.display[:300],
        description=written.description,
        created=cda.to_datetime(facts.get("effective_time")) or written.created or now,
        service_start=cda.to_datetime(facts.get("service_start")) or written.service_start,
        service_stop=cda.to_datetime(facts.get("service_stop")) or written.service_stop,
        event_codes=[code[:60] for code in facts.get("event_codes") or written.event_codes],
        format_code=written.format_code or content.format_of(one.inspection),
        facility_type=(facts.get("facility_type") or written.facility_type)[:20],
        practice_setting=(facts.get("practice_setting") or written.practice_setting)[:20],
        language=(facts.get("language") or written.language)[:10],
        reference_ids=list(written.reference_ids),
        author_ids=unique([*(author.identifier for author in authors), entry.caller.author]),
        author_family=first.family or ("" if authors else entry.actor.name[:100]),
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
        masked=systems.MASKED in written.labels or (_masked_by_default(entry) and not withheld),
        withheld=withheld,
        visible_from=visible_from(now) if withheld else None,
        secret=systems.SECRET in written.labels or entry.secret,  # EX_0.1-1100
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


def _masked_by_default(entry: Entry) -> bool:
    """The holder wants what professionals add from now on masked; he shows each when he likes (R1111-49)."""
    by_professional = entry.caller.role in {Role.PROFESSIONAL, Role.STRUCTURE}
    return entry.dossier.masks_new_documents and by_professional


def _origin(entry: Entry) -> Document.Origin:
    by_care = entry.actor.kind in (ActorKind.PROFESSIONAL, ActorKind.STRUCTURE)
    return Document.Origin.PROFESSIONAL if by_care else Document.Origin.HOLDER


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


def results(document: Document, one: Examined) -> list[Result]:
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
        at=cda.to_datetime(point["effective_time"]),
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


def unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))
