"""One DocumentReference that somebody sends: its metadata, the patient and the authors it names.

Strict on the INS, the author, the type and the content; lenient where the guide's own examples are
(custodian, category, kinds of author). Every refusal names the element.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhir import systems
from fhir.elements import codes_of, every, first, identifier_of, moment, size, string, texts
from fhir.problems import Problem, invalid, required

OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+(\^.+)?", re.ASCII)
UUID = re.compile(r"urn:uuid:[0-9A-Za-z-]{1,64}")  # the guide's own examples are no strict UUIDs


@dataclass(frozen=True)
class Subject:
    """The patient a resource names: by INS (matricule, OID) or by our own Patient id."""

    ins: str = ""
    oid: str = ""
    patient_id: str = ""


@dataclass(frozen=True)
class Author:
    identifier: str = ""  # PS_IdNat when the system says so, else as sent
    family: str = ""
    given: str = ""
    speciality: str = ""
    structure: str = ""  # Struct_IdNat


@dataclass(frozen=True)
class Entry:
    """One document to file, as its DocumentReference says, with its content."""

    at: str  # where it stands in the message, for errors
    unique_id: str
    subject: Subject
    type_code: str
    type_system: str
    title: str
    content_type: str
    content: bytes
    created: dt.datetime | None
    authors: tuple[Author, ...]
    labels: frozenset[str] = frozenset()
    confidentiality: str = "N"
    description: str = ""
    language: str = "fr-FR"
    size: int | None = None
    sha1: str = ""
    format_code: str = ""
    service_start: dt.datetime | None = None
    service_stop: dt.datetime | None = None
    facility_type: str = ""
    practice_setting: str = ""
    event_codes: tuple[str, ...] = ()
    reference_ids: tuple[str, ...] = ()
    custodian: str = ""
    replaces: str = ""  # DocumentReference id of the one replaced


def entry_of(resource: dict[str, Any], at: str, content: bytes, others: dict[str, Any]) -> Entry:
    attachment = attachment_of(resource, at)
    if resource.get("status") != "current":
        raise invalid("Un document déposé a le statut current.", f"{at}.status")
    if "docStatus" in resource:
        raise invalid("docStatus n'est pas admis.", f"{at}.docStatus")
    code, system = _type(resource, at)
    labels, confidentiality = _labels(resource, at)
    context = first(resource.get("context"))
    period = first(context.get("period"))
    return Entry(
        at=at,
        unique_id=unique_id_of(resource, at) or "",
        subject=subject_in(resource, "subject", at, others),
        type_code=code,
        type_system=system,
        title=string(attachment, "title", f"{at}.content[0].attachment", 300)
        or string(resource, "description", at, 300),
        content_type=str(attachment.get("contentType") or ""),
        content=content,
        created=moment(attachment.get("creation") or resource.get("date"), f"{at}.content[0].attachment.creation"),
        authors=_authors(resource, others),
        labels=labels,
        confidentiality=confidentiality or "N",
        description=string(resource, "description", at, 2000),
        language=string(attachment, "language", at, 10) or "fr-FR",
        size=size(attachment.get("size"), at),
        sha1=str(attachment.get("hash") or ""),
        format_code=next(iter(codes_of({"coding": first(resource.get("content")).get("format")})), "")[:100],
        service_start=moment(period.get("start"), f"{at}.context.period.start"),
        service_stop=moment(period.get("end"), f"{at}.context.period.end"),
        facility_type=next(iter(codes_of(context.get("facilityType"))), "")[:20],
        practice_setting=next(iter(codes_of(context.get("practiceSetting"))), "")[:20],
        event_codes=tuple(code[:60] for event in every(context.get("event")) for code in codes_of(event)),
        reference_ids=tuple(_related(context)),
        custodian=identifier_of(_resolve(resource, resource.get("custodian"), others))[1][:60],
        replaces=_replaces(resource, at, others),
    )


def attachment_of(resource: dict[str, Any], at: str) -> dict[str, Any]:
    contents = resource.get("content")
    if not isinstance(contents, list) or len(contents) != 1 or not isinstance(contents[0], dict):
        raise required("Il faut un contenu, et un seul.", f"{at}.content")
    attachment = contents[0].get("attachment")
    if not isinstance(attachment, dict):
        raise required("Le contenu n'a pas d'attachment.", f"{at}.content[0].attachment")
    if not isinstance(attachment.get("contentType"), str):
        raise required("Le type du contenu (contentType) manque.", f"{at}.content[0].attachment.contentType")
    return attachment


def _type(resource: dict[str, Any], at: str) -> tuple[str, str]:
    for coding in every(first(resource.get("type")).get("coding")):
        if isinstance(coding.get("code"), str):
            return coding["code"][:40], systems.normal(str(coding.get("system") or ""))
    raise required("Le type du document manque.", f"{at}.type")


def _labels(resource: dict[str, Any], at: str) -> tuple[frozenset[str], str]:
    codes = [code for label in every(resource.get("securityLabel")) for code in codes_of(label)]
    return labels_of(codes, f"{at}.securityLabel")


def labels_of(codes: list[str], at: str) -> tuple[frozenset[str], str]:
    """Visibility labels, and the one confidentiality level (empty when none is said)."""
    unknown = [code for code in codes if code not in systems.LABELS | systems.LEVELS]
    if unknown:
        raise Problem(422, "code-invalid", "Ce code de confidentialité n'est pas connu.", expression=at)
    levels = [code for code in codes if code in systems.LEVELS]
    if len(set(levels)) > 1:
        raise invalid("Un document n'a qu'un niveau de confidentialité (N, R ou V).", at)
    return frozenset(codes) & systems.LABELS, levels[0] if levels else ""


def _replaces(resource: dict[str, Any], at: str, others: dict[str, Any]) -> str:
    links = every(resource.get("relatesTo"))
    if not links:
        return ""
    if len(links) > 1 or links[0].get("code") != "replaces":
        raise invalid("Seul un lien « replaces » est pris en charge.", f"{at}.relatesTo")
    target = str(first(links[0].get("target")).get("reference") or "")
    found = target.rpartition("DocumentReference/")[2]
    if not found:
        raise required("Le document remplacé n'est pas désigné.", f"{at}.relatesTo[0].target")
    return found


def _related(context: dict[str, Any]) -> Iterator[str]:
    for reference in every(context.get("related")):
        system, value = identifier_of(reference)
        if value:
            yield f"{system}|{value}"[:200]


def unique_id_of(resource: dict[str, Any], at: str) -> str:
    kind = "masterIdentifier" if resource.get("resourceType") == "DocumentReference" else "identifier"
    for identifier in every(resource.get(kind)):
        value = identifier.get("value")
        if not isinstance(value, str) or not value:
            continue
        if identifier.get("system") not in (None, systems.URI):
            raise invalid("L'identifiant unique est un URI (urn:ietf:rfc:3986).", f"{at}.{kind}.system")
        if len(value) > 200 or not (OID.fullmatch(value) or UUID.fullmatch(value)):
            raise invalid("L'identifiant unique est de la forme urn:oid:… ou urn:uuid:….", f"{at}.{kind}.value")
        return value
    return ""


def subject_in(resource: dict[str, Any], name: str, at: str, others: dict[str, Any]) -> Subject:
    reference = first(resource.get(name))
    named = subject_of(reference)
    if named:
        return named
    target = _resolve(resource, reference, others)
    for identifier in every(target.get("identifier")):
        oid = systems.INS.get(str(identifier.get("system") or ""))
        if oid and isinstance(identifier.get("value"), str):
            return Subject(ins=identifier["value"], oid=oid)
    raise required("Le patient doit être désigné par son INS.", f"{at}.{name}")


def subject_of(reference: dict[str, Any]) -> Subject | None:
    """`Patient/<id>`, `Patient?identifier=system|value`, or a logical identifier."""
    identifier = first(reference.get("identifier"))
    oid = systems.INS.get(str(identifier.get("system") or ""))
    if oid and isinstance(identifier.get("value"), str):
        return Subject(ins=identifier["value"], oid=oid)
    text = str(reference.get("reference") or "")
    conditional = text.partition("Patient?identifier=")[2]
    if conditional:
        system, _, value = conditional.partition("|")
        if systems.INS.get(system) and value:
            return Subject(ins=value, oid=systems.INS[system])
        return None
    kind, _, name = text.rpartition("/")
    return Subject(patient_id=name) if kind.endswith("Patient") and name else None


def _authors(resource: dict[str, Any], others: dict[str, Any]) -> tuple[Author, ...]:
    return tuple(author_of(resource, reference, others) for reference in every(resource.get("author")))


def author_of(resource: dict[str, Any], reference: Any, others: dict[str, Any]) -> Author:
    target = _resolve(resource, reference, others)
    person = _resolve(resource, target.get("practitioner"), others) if "practitioner" in target else target
    structure = _resolve(resource, target.get("organization"), others) if "organization" in target else {}
    system, value = identifier_of(person)
    if not value:
        system, value = identifier_of(target)
    if system == systems.RPPS and len(value) == 11:
        value = f"8{value}"
    name = first(person.get("name"))
    return Author(
        identifier=value[:100],
        family=next(iter(texts(name.get("family"))), "")[:100],
        given=next(iter(texts(name.get("given"))), "")[:100],
        speciality=next(iter(codes_of(target.get("specialty"))), "")[:40],
        structure=identifier_of(structure)[1][:60],
    )


def _resolve(resource: dict[str, Any], reference: Any, others: dict[str, Any]) -> dict[str, Any]:
    """What a reference points to: contained (#id), an entry of the message (urn:uuid), or its own identifier."""
    reference = first(reference)
    name = str(reference.get("reference") or "")
    if name.startswith("#"):
        for contained in every(resource.get("contained")):
            if f"#{contained.get('id')}" == name or contained.get("id") == name:
                return contained
        return {}
    if name in others:
        found: dict[str, Any] = others[name][1]
        return found
    return {"identifier": [reference["identifier"]]} if isinstance(reference.get("identifier"), dict) else {}
