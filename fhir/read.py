"""What professionals' software writes to us: ITI-65 transactions and ITI-105 publications.

Strict on the INS, the author, the type and the content; lenient where the guide's own examples are
(custodian, category, kinds of author). Every refusal names the element.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from fhir import systems
from fhir.problems import Problem, invalid, malformed, required

# What an entry of a lot may be, and do (MHD 3.65.4.1.2).
METHODS = {
    "List": {"POST", "PUT"},
    "DocumentReference": {"POST"},
    "Binary": {"POST"},
    "Parameters": {"PATCH"},
    "Patient": {"GET", "POST", "PUT"},
}
ENTRIES = set(METHODS)
OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+(\^.+)?")
UUID = re.compile(r"urn:uuid:[0-9A-Za-z-]{1,64}")  # the guide's own examples are no strict UUIDs
PARIS = "Europe/Paris"
FIRST_YEAR, LAST_YEAR = 1800, 2200


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


@dataclass(frozen=True)
class Submission:
    """A lot: its own metadata and its documents. `slots`: what each entry of the message was."""

    unique_id: str
    documents: tuple[Entry, ...]
    source_id: str = ""
    designation: str = ""
    title: str = ""
    date: dt.datetime | None = None
    author: Author = field(default_factory=Author)
    subject: Subject | None = None
    slots: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = ()
    simplified: bool = False


# -- entry points ----------------------------------------------------------------------------------------
def transaction(bundle: Any) -> Submission:
    """ITI-65: one SubmissionSet, one or more DocumentReference with their Binary. Raises Problem."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise malformed("Le message attendu est un Bundle.", "resourceType")
    if bundle.get("type") != "transaction":
        raise invalid("Le Bundle doit être de type transaction.", "Bundle.type")
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries or len(entries) > 200:
        raise required("Le Bundle n'a pas d'entrée, ou en a trop.", "Bundle.entry")
    return _Transaction(entries).read()


def publication(resource: Any) -> Submission:
    """ITI-105: one DocumentReference that carries its content. Raises Problem."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "DocumentReference":
        raise malformed("La ressource attendue est un DocumentReference.", "resourceType")
    attachment = _attachment(resource, "DocumentReference")
    if "url" in attachment:
        raise invalid(
            "Une publication simplifiée porte son contenu (data), pas une adresse.",
            "DocumentReference.content[0].attachment.url",
        )
    if not attachment.get("data"):
        raise required("Le contenu (attachment.data) manque.", "DocumentReference.content[0].attachment.data")
    content = _decode(attachment["data"], "DocumentReference.content[0].attachment.data")
    entry = _entry(resource, "DocumentReference", content, {})
    return Submission(
        entry.unique_id, (entry,), subject=entry.subject, slots=(("DocumentReference", 0),), simplified=True
    )


class _Transaction:
    def __init__(self, entries: list[Any]) -> None:
        self.resources: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.by_url: dict[str, tuple[str, dict[str, Any]]] = {}
        for number, entry in enumerate(entries):
            at = f"Bundle.entry[{number}]"
            if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
                if isinstance(entry, dict) and _first(entry.get("request")).get("method") == "GET":
                    self.resources.append((at, {"resourceType": "Patient"}, {}))
                    continue
                raise required("L'entrée n'a pas de ressource.", f"{at}.resource")
            resource, request = entry["resource"], _first(entry.get("request"))
            kind = resource.get("resourceType")
            if not isinstance(kind, str) or kind not in ENTRIES:
                raise invalid(
                    "Ce type de ressource n'est pas admis dans un lot.",
                    f"{at}.resource",
                    detail="FHIRDocumentNotSupported",
                )
            url = entry.get("fullUrl")
            if isinstance(url, str):
                if url in self.by_url:
                    raise invalid("Deux entrées ont le même fullUrl.", f"{at}.fullUrl")
                self.by_url[url] = (at, resource)
            if str(request.get("method")) not in METHODS[kind]:
                raise invalid("Cette opération n'est pas admise dans un lot.", f"{at}.request.method")
            self.resources.append((at, resource, request))

    def of(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return (
            (f"{at}.resource", resource) for at, resource, _ in self.resources if resource["resourceType"] == kind
        )

    def read(self) -> Submission:
        sets = [(at, one) for at, one in self.of("List") if "submissionset" in _codes(one.get("code"))]
        if len(sets) != 1:
            raise required("Il faut un lot de soumission (List submissionset), et un seul.", "Bundle.entry")
        references = list(self.of("DocumentReference"))
        if not references:
            raise required("Le lot ne contient pas de document (DocumentReference).", "Bundle.entry")
        patched = dict(self._patched())
        documents = tuple(self._document(at, one, patched) for at, one in references)
        if patched:
            raise invalid("Ce remplacement ne vise aucun document remplacé par ce lot.", next(iter(patched.values())))
        folders = any("folder" in _codes(one.get("code")) for _, one in self.of("List"))
        at, one = sets[0]
        return Submission(
            unique_id=_unique_id(one, at) or f"urn:uuid:{_new_uuid()}",
            documents=documents,
            source_id=_source_id(one),
            designation=next(iter(_codes(_extension(one, systems.DESIGNATION, "valueCodeableConcept"))), ""),
            title=_string(one, "title", at, 300),
            date=_moment(one.get("date"), f"{at}.date"),
            author=_author(one, one.get("source"), self.by_url),
            subject=_subject(one, "subject", at, self.by_url) if one.get("subject") else None,
            slots=tuple(self._slots()),
            warnings=("PartialFolderContentNotProcessed",) if folders else (),
        )

    def _slots(self) -> Iterator[tuple[str, int]]:
        number = 0
        for _, resource, _ in self.resources:
            kind = resource["resourceType"]
            if kind == "List":
                yield ("List" if "submissionset" in _codes(resource.get("code")) else "Folder"), 0
                continue
            yield kind, number if kind == "DocumentReference" else self._document_of(resource)
            number += kind == "DocumentReference"

    def _document_of(self, resource: dict[str, Any]) -> int:
        """For a Binary: the rank of the document it belongs to."""
        for number, (_, reference) in enumerate(self.of("DocumentReference")):
            url = (_first(_first(reference.get("content")).get("attachment")) or {}).get("url", "")
            if url in self.by_url and self.by_url[url][1] is resource:
                return number
        return 0

    def _document(self, at: str, resource: dict[str, Any], patched: dict[str, str]) -> Entry:
        attachment = _attachment(resource, at)
        if "data" in attachment:
            raise invalid(
                "Dans un lot, le contenu est un Binary, pas attachment.data.",
                f"{at}.content[0].attachment.data",
            )
        url = attachment.get("url")
        if not isinstance(url, str) or url not in self.by_url or self.by_url[url][1]["resourceType"] != "Binary":
            raise invalid(
                "Le contenu désigné (attachment.url) n'est pas dans le lot.",
                f"{at}.content[0].attachment.url",
            )
        binary_at, binary = self.by_url[url]
        if binary.get("contentType") and _media(binary["contentType"]) != _media(attachment.get("contentType")):
            raise invalid(
                "Le Binary et le DocumentReference n'annoncent pas le même type.",
                f"{binary_at}.resource.contentType",
            )
        content = _decode(binary.get("data"), f"{binary_at}.resource.data")
        entry = _entry(resource, at, content, self.by_url)
        patched.pop(entry.replaces, None)
        return entry

    def _patched(self) -> Iterator[tuple[str, str]]:
        """The PATCH entries that make a document superseded: they go with a `replaces`, and do no more."""
        for at, resource, request in self.resources:
            if resource["resourceType"] != "Parameters":
                continue
            target = str(request.get("url", ""))
            if not target.startswith("DocumentReference/"):
                raise invalid("Un Parameters ne peut être qu'un PATCH d'un DocumentReference.", f"{at}.request")
            if not _supersedes(resource):
                raise invalid("Ce Parameters ne peut que rendre le document superseded.", f"{at}.resource")
            yield target.removeprefix("DocumentReference/"), f"{at}.resource"


def _supersedes(parameters: dict[str, Any]) -> bool:
    """A FHIRPath patch `replace DocumentReference.status superseded`, or nothing at all."""
    said = [
        {str(part.get("name")): part for part in _all(one.get("part"))} for one in _all(parameters.get("parameter"))
    ]
    values = [
        (
            _first(one.get("type")).get("valueCode"),
            _first(one.get("path")).get("valueString"),
            _first(one.get("value")).get("valueCode"),
        )
        for one in said
    ]
    return all(value == ("replace", "DocumentReference.status", "superseded") for value in values)


# -- one document ----------------------------------------------------------------------------------------
def _entry(resource: dict[str, Any], at: str, content: bytes, others: dict[str, Any]) -> Entry:
    attachment = _attachment(resource, at)
    if resource.get("status") != "current":
        raise invalid("Un document déposé a le statut current.", f"{at}.status")
    if "docStatus" in resource:
        raise invalid("docStatus n'est pas admis.", f"{at}.docStatus")
    code, system = _type(resource, at)
    labels, confidentiality = _labels(resource, at)
    context = _first(resource.get("context"))
    period = _first(context.get("period"))
    return Entry(
        at=at,
        unique_id=_unique_id(resource, at) or "",
        subject=_subject(resource, "subject", at, others),
        type_code=code,
        type_system=system,
        title=_string(attachment, "title", f"{at}.content[0].attachment", 300)
        or _string(resource, "description", at, 300),
        content_type=str(attachment.get("contentType") or ""),
        content=content,
        created=_moment(attachment.get("creation") or resource.get("date"), f"{at}.content[0].attachment.creation"),
        authors=_authors(resource, others),
        labels=labels,
        confidentiality=confidentiality or "N",
        description=_string(resource, "description", at, 2000),
        language=_string(attachment, "language", at, 10) or "fr-FR",
        size=_size(attachment.get("size"), at),
        sha1=str(attachment.get("hash") or ""),
        format_code=str(_first(_first(resource.get("content")).get("format")).get("code") or "")[:100],
        service_start=_moment(period.get("start"), f"{at}.context.period.start"),
        service_stop=_moment(period.get("end"), f"{at}.context.period.end"),
        facility_type=next(iter(_codes(context.get("facilityType"))), "")[:20],
        practice_setting=next(iter(_codes(context.get("practiceSetting"))), "")[:20],
        event_codes=tuple(code[:60] for event in _all(context.get("event")) for code in _codes(event)),
        reference_ids=tuple(_related(context)),
        custodian=_identifier(_resolve(resource, resource.get("custodian"), others))[1][:60],
        replaces=_replaces(resource, at, others),
    )


def _attachment(resource: dict[str, Any], at: str) -> dict[str, Any]:
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
    for coding in _all(_first(resource.get("type")).get("coding")):
        if isinstance(coding.get("code"), str):
            return coding["code"][:40], systems.normal(str(coding.get("system") or ""))
    raise required("Le type du document manque.", f"{at}.type")


def _labels(resource: dict[str, Any], at: str) -> tuple[frozenset[str], str]:
    codes = [code for label in _all(resource.get("securityLabel")) for code in _codes(label)]
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
    links = _all(resource.get("relatesTo"))
    if not links:
        return ""
    if len(links) > 1 or links[0].get("code") != "replaces":
        raise invalid("Seul un lien « replaces » est pris en charge.", f"{at}.relatesTo")
    target = str(_first(links[0].get("target")).get("reference") or "")
    found = target.rpartition("DocumentReference/")[2]
    if not found:
        raise required("Le document remplacé n'est pas désigné.", f"{at}.relatesTo[0].target")
    return found


def _related(context: dict[str, Any]) -> Iterator[str]:
    for reference in _all(context.get("related")):
        identifier = _first(reference.get("identifier"))
        if identifier.get("value"):
            yield f"{identifier.get('system', '')}|{identifier['value']}"[:200]


def _unique_id(resource: dict[str, Any], at: str) -> str:
    kind = "masterIdentifier" if resource.get("resourceType") == "DocumentReference" else "identifier"
    for identifier in _all(resource.get(kind)):
        value = identifier.get("value")
        if not isinstance(value, str) or not value:
            continue
        if identifier.get("system") not in (None, systems.URI):
            raise invalid("L'identifiant unique est un URI (urn:ietf:rfc:3986).", f"{at}.{kind}.system")
        if len(value) > 200 or not (OID.fullmatch(value) or UUID.fullmatch(value)):
            raise invalid("L'identifiant unique est de la forme urn:oid:… ou urn:uuid:….", f"{at}.{kind}.value")
        return value
    return ""


def _subject(resource: dict[str, Any], name: str, at: str, others: dict[str, Any]) -> Subject:
    reference = _first(resource.get(name))
    named = subject_of(reference)
    if named:
        return named
    target = _resolve(resource, reference, others)
    for identifier in _all(target.get("identifier")):
        oid = systems.INS.get(str(identifier.get("system") or ""))
        if oid and isinstance(identifier.get("value"), str):
            return Subject(ins=identifier["value"], oid=oid)
    raise required("Le patient doit être désigné par son INS.", f"{at}.{name}")


def subject_of(reference: dict[str, Any]) -> Subject | None:
    """`Patient/<id>`, `Patient?identifier=system|value`, or a logical identifier."""
    identifier = _first(reference.get("identifier"))
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
    return tuple(_author(resource, reference, others) for reference in _all(resource.get("author")))


def _author(resource: dict[str, Any], reference: Any, others: dict[str, Any]) -> Author:
    target = _resolve(resource, reference, others)
    person = _resolve(resource, target.get("practitioner"), others) if "practitioner" in target else target
    structure = _resolve(resource, target.get("organization"), others) if "organization" in target else {}
    system, value = _identifier(person)
    if not value:
        system, value = _identifier(target)
    if system == systems.RPPS and len(value) == 11:
        value = f"8{value}"
    name = _first(person.get("name"))
    return Author(
        identifier=value[:100],
        family=str(name.get("family") or "")[:100],
        given=str(next(iter(_all_text(name.get("given"))), ""))[:100],
        speciality=next(iter(_codes(target.get("specialty"))), "")[:40],
        structure=_identifier(structure)[1][:60],
    )


def _resolve(resource: dict[str, Any], reference: Any, others: dict[str, Any]) -> dict[str, Any]:
    """What a reference points to: contained (#id), an entry of the message (urn:uuid), or its own identifier."""
    reference = _first(reference)
    name = str(reference.get("reference") or "")
    if name.startswith("#"):
        for contained in _all(resource.get("contained")):
            if f"#{contained.get('id')}" == name or contained.get("id") == name:
                return contained
        return {}
    if name in others:
        found: dict[str, Any] = others[name][1]
        return found
    return {"identifier": [reference["identifier"]]} if isinstance(reference.get("identifier"), dict) else {}


# -- small pieces ----------------------------------------------------------------------------------------
def _first(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        value = value[0] if value else {}
    return value if isinstance(value, dict) else {}


def _all(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, dict)]


def _all_text(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def _codes(concept: Any) -> list[str]:
    return [
        coding["code"]
        for one in _all(concept)
        for coding in _all(one.get("coding"))
        if isinstance(coding.get("code"), str)
    ]


def _identifier(resource: dict[str, Any]) -> tuple[str, str]:
    """System and value of the first identifier; a national one before the others."""
    found = [
        (str(one.get("system") or ""), one["value"])
        for one in _all(resource.get("identifier"))
        if isinstance(one.get("value"), str)
    ]
    national = [one for one in found if one[0] in (systems.PS_IDNAT, systems.STRUCT_IDNAT, systems.RPPS)]
    return (national or found or [("", "")])[0]


def _extension(resource: dict[str, Any], url: str, kind: Literal["valueCodeableConcept", "valueIdentifier"]) -> Any:
    for extension in _all(resource.get("extension")):
        if extension.get("url") == url:
            return extension.get(kind)
    return None


def _source_id(resource: dict[str, Any]) -> str:
    value = _first(_extension(resource, systems.SOURCE_ID, "valueIdentifier")).get("value")
    return value[:128] if isinstance(value, str) else ""


def _string(resource: dict[str, Any], name: str, at: str, longest: int) -> str:
    value = resource.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid("Un texte est attendu.", f"{at}.{name}")
    return value.strip()[:longest]


def _size(value: Any, at: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid("La taille est un nombre d'octets.", f"{at}.content[0].attachment.size")
    return value


def _media(value: Any) -> str:
    return str(value or "").split(";")[0].strip().lower()


def _decode(data: Any, at: str) -> bytes:
    if not isinstance(data, str) or not data:
        raise required("Le contenu manque.", at)
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Le contenu n'est pas en base64.", at) from error


DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)


def _moment(value: Any, at: str) -> dt.datetime | None:
    """A FHIR date or instant; the start of the day in Paris when it says no hour."""
    if value is None:
        return None
    if isinstance(value, str) and DATE.fullmatch(value):
        from zoneinfo import ZoneInfo

        whole = value + "-01-01"[len(value) - 4 :] if len(value) in (4, 7) else value
        try:
            moment = dt.datetime.fromisoformat(whole.replace("Z", "+00:00"))
            # Beyond these years no document was ever written, and moments overflow when their zone changes.
            if FIRST_YEAR <= moment.year <= LAST_YEAR:
                return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(PARIS))
        except ValueError:
            pass
    raise invalid("Cette date n'existe pas, ou n'a pas la forme AAAA-MM-JJ.", at)


def _new_uuid() -> str:
    import uuid

    return str(uuid.uuid4())
