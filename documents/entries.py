"""The FHIR text of a document and of a submission set, from their rows.

The number of the patient is not stored in these texts: `MARK` stands in its place until they are served.
"""

import datetime as dt
import re
import uuid
from collections.abc import Sequence

from django.utils import timezone

from documents.models import Document, SubmissionSet
from fhir import ids, systems, wire
from fhir.write import DocumentView, SetView, document_reference, submission_set
from patients import terms

MARK = "@INS@"
_STATUS = {"current": "current", "superseded": "superseded", "deleted": "entered-in-error"}


def labels_of(document: Document) -> list[str]:
    """The visibility labels in force, in a stable order."""
    flags = (
        (document.is_masked, systems.MASKED),
        (not document.visible_to_holder, systems.WITHHELD),
        (document.secret, systems.SECRET),
    )
    return [label for on, label in flags if on]


def text_of(document: Document, patient_oid: str) -> str:
    """The DocumentReference as it is stored and served."""
    identifier = ids.join(document.dossier_id, document.pk)
    return wire.text(
        document_reference(
            DocumentView(
                id=identifier,
                version=document.version,
                last_updated=document.last_updated,
                logical_id=f"urn:uuid:{document.pk}",
                unique_id=document.unique_id,
                status=_STATUS[document.state],
                patient_id=document.dossier_id.hex,
                patient_oid=patient_oid,
                patient_ins=MARK,
                type_code=document.type_code,
                type_system=document.type_system,
                type_display=terms.display("types", document.type_code),
                class_code=document.class_code,
                class_display=terms.display("classes", document.class_code),
                created=document.created,
                author_id=next(iter(document.author_ids), ""),
                author_family=document.author_family,
                author_given=document.author_given,
                author_speciality=document.author_speciality,
                structure=document.author_structure,
                structure_name=document.author_structure_name,
                custodian=document.custodian,
                confidentiality=document.confidentiality,
                labels=labels_of(document),
                title=document.title,
                description=document.description,
                language=document.language,
                media_type=document.media_type,
                size=document.size,
                sha1=bytes(document.sha1),
                format_code=document.format_code,
                service_start=document.service_start,
                service_stop=document.service_stop,
                event_codes=document.event_codes,
                reference_ids=document.reference_ids,
                facility_type=document.facility_type,
                practice_setting=document.practice_setting,
                replaces=ids.join(document.dossier_id, document.replaces_id) if document.replaces_id else "",
                archived=document.archived,
            )
        )
    )


def _label_text(label: str) -> str:
    """A label as the stored text says it, after the confidentiality; its quotes cannot stand inside a JSON text."""
    code = {"system": systems.VISIBILITY, "code": label}
    return "," + wire.dumps({"coding": [code]}).decode()


_MASKED, _WITHHELD = _label_text(systems.MASKED), _label_text(systems.WITHHELD)


def in_force(text: str, masked_until: dt.datetime | None, visible_from: dt.datetime | None) -> str:
    """The stored text without a label that time has taken away: no job rewrites it (features S41, R1111-53)."""
    now = timezone.now()
    for label, end in ((_MASKED, masked_until), (_WITHHELD, visible_from)):
        if end is not None and end <= now:
            text = text.replace(label, "")
    return text


# Its quotes cannot stand inside a JSON text, and the status comes before it.
_LINK = re.compile(r',"relatesTo":\[[^\]]*\]')


def without_link(text: str) -> str:
    """For one for whom the replaced document does not exist: its name would tell that it does."""
    return _LINK.sub("", text)


NO_ENTRY = '"entry":[]'  # never inside a JSON text: its quotes would be escaped


def with_entries(text: str, dossier_id: uuid.UUID, documents: Sequence[uuid.UUID]) -> str:
    """The List for one reader: it names the documents that exist for him."""
    items = [{"item": {"reference": f"DocumentReference/{ids.join(dossier_id, one)}"}} for one in documents]
    return text.replace(NO_ENTRY, f'"entry":{wire.dumps(items).decode()}')


def text_of_set(lot: SubmissionSet) -> str:
    """The List without its entries: which documents of the lot exist depends on the reader."""
    return wire.text(
        submission_set(
            SetView(
                id=ids.join(lot.dossier_id, lot.pk),
                unique_id=lot.unique_id,
                patient_id=lot.dossier_id.hex,
                date=lot.date,
                source_id=lot.source_id,
                designation=lot.designation,
                title=lot.title,
                author_id=next(iter(lot.author_ids), ""),
                author_family=lot.author_family,
                author_given=lot.author_given,
                documents=[],
            )
        )
    )
