"""What a holder does with documents: add her own, delete her own (D10), mask and unmask any (R1111-49)."""

import uuid

from access.gate import Caller, Entry
from documents import deposits
from documents.models import Document
from fhir.problems import Problem
from fhir.read import Author, Subject, Submission
from fhir.read import Entry as Written
from patients import terms

LARGEST = 5 * 1024 * 1024  # bytes
KINDS = frozenset({"pdf", "jpeg", "png", "tiff", "rtf", "text"})  # of documents.content.SERVED


class NotTaken(Exception):
    """The file is refused; `args[0]`: why and what to do, in French."""


def deposit(
    caller: Caller,
    dossier_id: uuid.UUID,
    *,
    content: bytes,
    media_type: str,
    title: str,
    type_code: str,
    sending: uuid.UUID,
) -> Document:
    """File one document of hers. The same `sending` again gives the same document, not a second one.

    Raises `NotTaken`, what the gate raises, `antivirus.Unavailable`, OSError.
    """
    term = terms.table("types").get(type_code)
    user = caller.user
    assert user is not None
    written = Written(
        at="document",
        unique_id=f"urn:uuid:{sending}",
        subject=Subject(patient_id=dossier_id.hex),
        type_code=type_code,
        type_system=term.system if term else "",
        title=title,
        content_type=media_type,
        content=content,
        created=None,
        authors=(Author(identifier=str(user.pk), family=user.last_name, given=user.first_name),),
    )
    lot = Submission(unique_id=f"urn:uuid:{uuid.uuid4()}", documents=(written,), subject=written.subject)
    try:
        return deposits.deposit(caller, lot, finish=lambda entry, submission_set, documents: None)[0]
    except Problem as problem:
        raise NotTaken(problem.text) from problem


def may_delete(entry: Entry, document: Document) -> bool:
    """Hers: what she deposited herself, and nothing that a professional wrote (D10)."""
    mine = document.origin == Document.Origin.HOLDER and entry.caller.author in document.author_ids
    return mine and entry.dossier.is_open
