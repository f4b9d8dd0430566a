"""Reads a CDA R2 document (CI-SIS, levels 1 and 3): header facts and laboratory results.

Runs in the sandbox: no Django here. Key checks of identity numbers are flags on what documents say, never
refusals: official samples carry wrong keys.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from stdnum.fr import nir

from documents.cda_xml import NS, NotCda, attribute, find, identifier, parse, text_of

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
INS_OIDS = ("1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
PS_IDNAT, STRUCT_IDNAT = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
RESULT = "1.3.6.1.4.1.19376.1.3.1.6"  # IHE PaLM laboratory observation
PARIS = ZoneInfo("Europe/Paris")
MAX_RESULTS = 5000
MAX_MEDIA = 50
OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class CdaFacts:
    """What the header and the results say. Dates are HL7 TS as written; ids are `root[^extension]`."""

    unique_id: str
    type_code: str
    type_system: str
    type_display: str
    title: str
    effective_time: str
    confidentiality: str
    language: str
    patient: dict[str, Any]
    set_id: str | None = None
    version_number: str | None = None
    replaces: tuple[str, ...] = ()
    authors: tuple[dict[str, Any], ...] = ()
    legal_authenticators: tuple[str, ...] = ()
    custodian: dict[str, Any] = field(default_factory=dict)
    service_start: str | None = None
    service_stop: str | None = None
    event_codes: tuple[str, ...] = ()
    practice_setting: str | None = None
    facility_type: str | None = None
    templates: tuple[str, ...] = ()
    body_level: str = "N3"
    wrapped: bool = False
    body_media_type: str | None = None
    embedded_media: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    results: tuple[dict[str, Any], ...] = ()
    priors: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


Media = list[tuple[str, bytes]]


def read(content: bytes) -> tuple[CdaFacts, bytes | None, Media]:
    """The facts, the decoded body of a level 1, the decoded media of a level 3. Raises `NotCda`."""
    root, wrapped = parse(content)
    body, body_type = _level1_body(root)
    return _facts(root, wrapped=wrapped, body_type=body_type), body, list(_media(root))


def _level1_body(root: Any) -> tuple[bytes | None, str | None]:
    text = root.find("h:component/h:nonXMLBody/h:text", NS)
    if text is None:
        if root.find("h:component/h:structuredBody", NS) is None:
            raise NotCda("Le document CDA n'a pas de corps.", "ClinicalDocument.component")
        return None, None
    body = _decoded(text)
    if not body:
        raise NotCda(
            "Le corps du document est vide, ou son base64 est abîmé.", "ClinicalDocument.component.nonXMLBody"
        )
    return body, text.get("mediaType") or "text/plain"  # CDA R2's default (data type ED)


def _decoded(node: Any) -> bytes | None:
    """The bytes of an ED: base64 when it says so, else its text; None when the base64 is damaged."""
    written = "".join(node.itertext())
    if node.get("representation") != "B64":
        return written.encode()
    try:
        return base64.b64decode("".join(written.split()).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _media(root: Any) -> Iterator[tuple[str, bytes]]:
    found = find(root, ".//h:observationMedia/h:value[@representation='B64']")
    if len(found) > MAX_MEDIA:
        raise NotCda(
            f"Le document porte plus de {MAX_MEDIA} images ou fichiers joints.", "ClinicalDocument.component"
        )
    for node in found:
        yield node.get("mediaType") or "text/plain", _decoded(node) or b""


def _facts(root: Any, *, wrapped: bool, body_type: str | None) -> CdaFacts:
    code = _required(root, "h:code")
    main = next(
        iter(find(root, "h:documentationOf/h:serviceEvent[h:effectiveTime/h:low/@value]")),
        None,
    )
    main = main if main is not None else root.find("h:documentationOf/h:serviceEvent", NS)
    return CdaFacts(
        unique_id=_unique_id(_required(root, "h:id")),
        type_code=_said(code.get("code"), "code"),
        type_system=code.get("codeSystem") or "",
        type_display=code.get("displayName") or "",
        title=_said(text_of(_required(root, "h:title")), "title"),
        effective_time=_valid_time(_required(root, "h:effectiveTime").get("value")),
        confidentiality=attribute(root, "h:confidentialityCode/@code") or "N",
        language=attribute(root, "h:languageCode/@code") or "fr-FR",
        patient=_patient(root),
        set_id=identifier(root.find("h:setId", NS)),
        version_number=attribute(root, "h:versionNumber/@value"),
        replaces=tuple(
            replaced
            for node in find(root, "h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id")
            if (replaced := identifier(node))
        ),
        authors=tuple(_author(node) for node in find(root, "h:author/h:assignedAuthor")),
        legal_authenticators=tuple(find(root, "h:legalAuthenticator/h:assignedEntity/h:id/@extension")),
        custodian=_custodian(root),
        service_start=attribute(main, "h:effectiveTime/h:low/@value"),
        service_stop=attribute(main, "h:effectiveTime/h:high/@value"),
        event_codes=tuple(find(root, "h:documentationOf/h:serviceEvent/h:code/@code")),
        practice_setting=attribute(
            root, "h:documentationOf/h:serviceEvent/h:performer//h:standardIndustryClassCode/@code"
        ),
        facility_type=attribute(
            root, "h:componentOf/h:encompassingEncounter/h:location/h:healthCareFacility/h:code/@code"
        ),
        templates=tuple(find(root, "h:templateId/@root")),
        body_level="N1" if body_type else "N3",
        wrapped=wrapped,
        body_media_type=body_type,
        embedded_media=tuple(find(root, ".//h:observationMedia/h:value/@mediaType")),
        sections=tuple(find(root, "h:component/h:structuredBody/h:component/h:section/h:code/@code")),
        **_results(root),
    )


def _required(root: Any, path: str) -> Any:
    node = root.find(path, NS)
    if node is None:
        _said(None, path.replace("h:", "").replace("/", "."))
    return node


def _said(value: str | None, name: str) -> str:
    if not value:
        raise NotCda(f"Il manque « {name} » dans l'en-tête du document.", f"ClinicalDocument.{name}")
    return value


def _unique_id(node: Any) -> str:
    if not (OID.fullmatch(node.get("root") or "") or UUID.fullmatch(node.get("root") or "")):
        raise NotCda("L'identifiant du document n'est ni un OID ni un UUID.", "ClinicalDocument.id")
    return identifier(node) or ""


def _patient(root: Any) -> dict[str, Any]:
    role = _required(root, "h:recordTarget/h:patientRole")
    found = [node for node in role.findall("h:id", NS) if node.get("root") in INS_OIDS]
    if not found:
        raise NotCda("Le document ne porte pas l'INS du patient.", "ClinicalDocument.recordTarget.patientRole.id")
    ins = _said(found[0].get("extension"), "recordTarget.patientRole.id")
    patient = role.find("h:patient", NS)
    family, given = _by_qualifier(patient, "family"), _by_qualifier(patient, "given")
    return {
        "ins": ins,
        "ins_oid": found[0].get("root"),
        "ins_key_valid": bool(nir.is_valid(ins)),
        "other_ids": [
            {"root": node.get("root"), "extension": node.get("extension")}
            for node in role.findall("h:id", NS)
            if node is not found[0]
        ],
        "birth_family": family.get("BR") or family.get(None),
        "used_family": family.get("CL"),
        "given_first": given.get("BR") or (given.get(None) or "").split(" ")[0] or None,
        "birth_date": attribute(patient, "h:birthTime/@value"),
        "gender": attribute(patient, "h:administrativeGenderCode/@code"),
        "birthplace": attribute(patient, "h:birthplace//h:county/text()"),
    }


def _by_qualifier(patient: Any, part: str) -> dict[str | None, str | None]:
    """Parts of the name: BR at birth, CL used, none when nothing is said (the first written wins)."""
    parts: dict[str | None, str | None] = {}
    for node in [] if patient is None else find(patient, f"h:name[1]/h:{part}"):
        parts.setdefault(node.get("qualifier"), text_of(node))
    return parts


def _author(node: Any) -> dict[str, Any]:
    known = find(node, f"h:id[@root='{PS_IDNAT}']") or node.findall("h:id", NS)
    identity = known[0] if known else None
    organizations = find(node, "h:representedOrganization/h:id/@extension")
    return {
        "identifier": identity.get("extension") if identity is not None else None,
        "root": identity.get("root") if identity is not None else None,
        "family": text_of(node.find("h:assignedPerson/h:name/h:family", NS)),
        "given": text_of(node.find("h:assignedPerson/h:name/h:given", NS)),
        "specialty": attribute(node, "h:code/@code"),
        "device": text_of(node.find("h:assignedAuthoringDevice/h:softwareName", NS)),
        "organizations": list(map(str, organizations)) or None,
        "organization_name": text_of(node.find("h:representedOrganization/h:name", NS)),
    }


def _custodian(root: Any) -> dict[str, Any]:
    node = root.find("h:custodian/h:assignedCustodian/h:representedCustodianOrganization", NS)
    if node is None:
        return {"ids": [], "name": None}
    ids = [{"root": i.get("root"), "extension": i.get("extension")} for i in node.findall("h:id", NS)]
    return {"ids": ids, "name": text_of(node.find("h:name", NS))}


def _results(root: Any) -> dict[str, Any]:
    """Laboratory observations; a REFR child is a prior result of the one above it."""
    results: list[dict[str, Any]] = []
    priors: list[dict[str, Any]] = []
    own = "not(parent::h:entryRelationship[@typeCode='REFR'])"
    for node in find(root, f".//h:observation[h:templateId/@root='{RESULT}'][{own}]")[:MAX_RESULTS]:
        results.append(_result(node))
        for prior in find(node, "h:entryRelationship[@typeCode='REFR']/h:observation"):
            if len(priors) < MAX_RESULTS:
                priors.append(_result(prior))
    return {"results": tuple(results), "priors": tuple(priors)}


def _result(node: Any) -> dict[str, Any]:
    code, value = node.find("h:code", NS), node.find("h:value", NS)
    translation = code.find("h:translation", NS) if code is not None else None
    named = code if code is not None and code.get("code") else translation if translation is not None else code
    bounds = node.find("h:referenceRange/h:observationRange/h:value", NS)
    return {
        "code": named.get("code") if named is not None else None,
        "code_system": named.get("codeSystem") if named is not None else None,
        "display": named.get("displayName") if named is not None else None,
        "effective_time": attribute(node, "h:effectiveTime/@value")
        or attribute(node, "h:effectiveTime/h:low/@value"),
        "interpretation": attribute(node, "h:interpretationCode/@code"),
        "low": attribute(bounds, "h:low/@value"),
        "high": attribute(bounds, "h:high/@value"),
        **_value(value),
    }


def _value(node: Any) -> dict[str, Any]:
    """`kind` is the HL7 data type; `value` a number for PQ, a text that a person can read otherwise."""
    if node is None:
        return {"kind": None, "value": None, "unit": None}
    kind = (node.get(XSI_TYPE) or "").rpartition(":")[2]
    if kind == "IVL_PQ":
        sides = []
        for tag, sign in (
            ("low", "≥" if _inclusive(node, "low") else ">"),
            ("high", "≤" if _inclusive(node, "high") else "<"),
        ):
            side = node.find(f"h:{tag}", NS)
            if side is not None and side.get("value"):
                sides.append((f"{sign} {side.get('value')}", side.get("unit")))
        return {
            "kind": kind,
            "value": " et ".join(text for text, _ in sides) or None,
            "unit": sides[0][1] if sides else None,
        }
    text = node.get("value") or node.get("displayName") or node.get("code") or text_of(node) or node.get("nullFlavor")
    return {"kind": kind, "value": text, "unit": node.get("unit")}


def _inclusive(node: Any, tag: str) -> bool:
    side = node.find(f"h:{tag}", NS)
    return side is not None and side.get("inclusive", "true") == "true"


def _valid_time(value: str | None) -> str:
    if to_datetime(_said(value, "effectiveTime")) is None:
        raise NotCda("La date du document n'existe pas dans le calendrier.", "ClinicalDocument.effectiveTime")
    return str(value)


_TS = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.\d+)?(?:([+-])(\d\d)(\d{1,2}))?", re.ASCII)
YEARS = range(1800, 2200)  # outside, a moment may not have another zone's date, and is a mistake


def to_datetime(value: str | None) -> dt.datetime | None:
    """An HL7 TS as a moment (start of what it names; Europe/Paris when it says no zone), or None."""
    match = _TS.fullmatch(value or "")
    if not match:
        return None
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        zone: dt.tzinfo = PARIS
        if sign:
            # Five official samples carry a three-digit zone: hours, then what is there of the minutes.
            offset = dt.timedelta(hours=int(hours), minutes=int(minutes.ljust(2, "0")))
            zone = dt.timezone(offset if sign == "+" else -offset)
        date = dt.date(int(year), int(month or 1), int(day or 1))
        time = dt.time(int(hour or 0), int(minute or 0), int(second or 0), tzinfo=zone)
    except ValueError:
        return None
    return dt.datetime.combine(date, time) if date.year in YEARS else None
