"""What professionals' software writes to us: ITI-65 transactions and ITI-105 publications."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir import systems
from fhir.elements import codes_of, decode, every, first, media, moment, string
from fhir.problems import invalid, malformed, required
from fhir.read_document import (
    Author,
    Entry,
    Subject,
    attachment_of,
    author_of,
    entry_of,
    labels_of,
    subject_in,
    subject_of,
    unique_id_of,
)

__all__ = ["Author", "Entry", "Subject", "Submission", "labels_of", "publication", "subject_of", "transaction"]

# What an entry of a lot may be, and do (MHD 3.65.4.1.2): only folders and patients exist already.
METHODS = {
    "List": {"POST", "PUT"},
    "DocumentReference": {"POST"},
    "Binary": {"POST"},
    "Parameters": {"PATCH"},
    "Patient": {"GET", "POST", "PUT"},
}


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
    attachment = attachment_of(resource, "DocumentReference")
    if "url" in attachment:
        raise invalid(
            "Une publication simplifiée porte son contenu (data), pas une adresse.",
            "DocumentReference.content[0].attachment.url",
        )
    if not attachment.get("data"):
        raise required("Le contenu (attachment.data) manque.", "DocumentReference.content[0].attachment.data")
    content = decode(attachment["data"], "DocumentReference.content[0].attachment.data")
    entry = entry_of(resource, "DocumentReference", content, {})
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
                if isinstance(entry, dict) and first(entry.get("request")).get("method") == "GET":
                    self.resources.append((at, {"resourceType": "Patient"}, {}))
                    continue
                raise required("L'entrée n'a pas de ressource.", f"{at}.resource")
            resource, request = entry["resource"], first(entry.get("request"))
            kind = resource.get("resourceType")
            if not isinstance(kind, str) or kind not in METHODS:
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
            method = str(request.get("method"))
            if method not in METHODS[kind] or (method == "PUT" and _is_set(resource)):
                raise invalid("Cette opération n'est pas admise dans un lot.", f"{at}.request.method")
            self.resources.append((at, resource, request))

    def of(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return (
            (f"{at}.resource", resource) for at, resource, _ in self.resources if resource["resourceType"] == kind
        )

    def read(self) -> Submission:
        sets = [(at, one) for at, one in self.of("List") if _is_set(one)]
        if len(sets) != 1:
            raise required("Il faut un lot de soumission (List submissionset), et un seul.", "Bundle.entry")
        references = list(self.of("DocumentReference"))
        if not references:
            raise required("Le lot ne contient pas de document (DocumentReference).", "Bundle.entry")
        patched = dict(self._patched())
        documents = tuple(self._document(at, one, patched) for at, one in references)
        if patched:
            raise invalid("Ce remplacement ne vise aucun document remplacé par ce lot.", next(iter(patched.values())))
        folders = any("folder" in codes_of(one.get("code")) for _, one in self.of("List"))
        at, one = sets[0]
        return Submission(
            unique_id=unique_id_of(one, at) or f"urn:uuid:{uuid.uuid4()}",
            documents=documents,
            source_id=_source_id(one),
            designation=next(iter(codes_of(_extension(one, systems.DESIGNATION, "valueCodeableConcept"))), ""),
            title=string(one, "title", at, 300),
            date=moment(one.get("date"), f"{at}.date"),
            author=author_of(one, one.get("source"), self.by_url),
            subject=subject_in(one, "subject", at, self.by_url) if one.get("subject") else None,
            slots=tuple(self._slots()),
            warnings=("PartialFolderContentNotProcessed",) if folders else (),
        )

    def _slots(self) -> Iterator[tuple[str, int]]:
        number = 0
        for _, resource, _ in self.resources:
            kind = resource["resourceType"]
            if kind == "List":
                yield ("List" if _is_set(resource) else "Folder"), 0
                continue
            yield kind, number if kind == "DocumentReference" else self._document_of(resource)
            number += kind == "DocumentReference"

    def _document_of(self, resource: dict[str, Any]) -> int:
        """For a Binary: the rank of the document it belongs to."""
        for number, (_, reference) in enumerate(self.of("DocumentReference")):
            url = (first(first(reference.get("content")).get("attachment")) or {}).get("url", "")
            if url in self.by_url and self.by_url[url][1] is resource:
                return number
        return 0

    def _document(self, at: str, resource: dict[str, Any], patched: dict[str, str]) -> Entry:
        attachment = attachment_of(resource, at)
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
        if binary.get("contentType") and media(binary["contentType"]) != media(attachment.get("contentType")):
            raise invalid(
                "Le Binary et le DocumentReference n'annoncent pas le même type.",
                f"{binary_at}.resource.contentType",
            )
        content = decode(binary.get("data"), f"{binary_at}.resource.data")
        entry = entry_of(resource, at, content, self.by_url)
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


def _is_set(resource: dict[str, Any]) -> bool:
    return resource["resourceType"] == "List" and "submissionset" in codes_of(resource.get("code"))


def _supersedes(parameters: dict[str, Any]) -> bool:
    """A FHIRPath patch `replace DocumentReference.status superseded`, or nothing at all."""
    said = [
        {str(part.get("name")): part for part in every(one.get("part"))} for one in every(parameters.get("parameter"))
    ]
    values = [
        (
            first(one.get("type")).get("valueCode"),
            first(one.get("path")).get("valueString"),
            first(one.get("value")).get("valueCode"),
        )
        for one in said
    ]
    return all(value == ("replace", "DocumentReference.status", "superseded") for value in values)


def _extension(resource: dict[str, Any], url: str, kind: str) -> Any:
    found = (one.get(kind) for one in every(resource.get("extension")) if one.get("url") == url)
    return next(found, None)


def _source_id(resource: dict[str, Any]) -> str:
    value = first(_extension(resource, systems.SOURCE_ID, "valueIdentifier")).get("value")
    return value[:128] if isinstance(value, str) else ""
