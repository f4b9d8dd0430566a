"""Reads a CDA R2 document (CI-SIS, levels 1 and 3): header facts and laboratory results.

Runs in the sandbox: no Django here. Untrusted XML: no DTD, no entity, no network, bounded depth. Key
checks of identity numbers are flags on what documents say, never refusals (interop.md, section b).
"""

import base64
import binascii
import datetime as dt
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from lxml import etree
from stdnum.fr import nir

NS = {"h": "urn:hl7-org:v3", "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2"}
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
INS_OIDS = ("1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
PS_IDNAT, STRUCT_IDNAT = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
RESULT = "1.3.6.1.4.1.19376.1.3.1.6"  # IHE PaLM laboratory observation
DOCTYPE = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
MAX_DEPTH = 200
MAX_RESULTS = 5000


class NotCda(Exception):
    """Not a CDA document this service can file. `args`: French sentence, XPath-like place."""


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

    as_dict = asdict


def read(content: bytes) -> tuple[CdaFacts, bytes | None]:
    """The facts, and the decoded body of a level 1 document. Raises `NotCda`."""
    root, wrapped = parse(content)
    body, body_type = _level1_body(root)
    return _facts(root, wrapped=wrapped, body_type=body_type), body


def parse(content: bytes) -> tuple[Any, bool]:
    """The ClinicalDocument element, and whether it came inside its own stylesheet (auto-présentable)."""
    if any(mark in content for mark in DOCTYPE):
        raise NotCda("Le document contient une DTD (DOCTYPE), ce qui n'est pas admis.", "/")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotCda("Le document n'est pas du XML bien formé.", "/") from error
    if root.getroottree().docinfo.doctype:
        raise NotCda("Le document contient une DTD (DOCTYPE), ce qui n'est pas admis.", "/")
    for node in root.xpath("preceding-sibling::processing-instruction('xml-stylesheet')"):
        href = re.search(r"""href\s*=\s*["']([^"']*)""", node.text or "")
        # Software writes the relative name of ANS's sheet here; an address elsewhere is another matter.
        if href and (":" in href[1] or href[1].startswith("//")):
            raise NotCda("Le document appelle une feuille de style extérieure.", "/processing-instruction()")
    if _depth(root) > MAX_DEPTH:
        raise NotCda("Le document est imbriqué au-delà du raisonnable.", "/")
    if root.tag == "{urn:hl7-org:v3}ClinicalDocument":
        return root, False
    if root.tag == "{http://www.w3.org/1999/XSL/Transform}stylesheet":
        inside = root.findall(".//{urn:asip-sante:ci-sis}Contenu//h:ClinicalDocument", NS)
        if len(inside) == 1:
            return inside[0], True
    raise NotCda("Le document n'est pas un CDA R2 (ClinicalDocument).", "/")


def _depth(root: Any) -> int:
    deepest = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def _level1_body(root: Any) -> tuple[bytes | None, str | None]:
    text = root.find("h:component/h:nonXMLBody/h:text", NS)
    if text is None:
        if root.find("h:component/h:structuredBody", NS) is None:
            raise NotCda("Le document CDA n'a pas de corps.", "ClinicalDocument.component")
        return None, None
    try:
        content = base64.b64decode("".join(text.itertext()).strip().encode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise NotCda("Le corps du document n'est pas en base64.", "ClinicalDocument.component.nonXMLBody") from error
    return content, text.get("mediaType")


def _facts(root: Any, *, wrapped: bool, body_type: str | None) -> CdaFacts:
    code = _required(root, "h:code")
    main = next(
        iter(root.xpath("h:documentationOf/h:serviceEvent[h:effectiveTime/h:low/@value]", namespaces=NS)),
        None,
    )
    main = main if main is not None else root.find("h:documentationOf/h:serviceEvent", NS)
    return CdaFacts(
        unique_id=_id(_required(root, "h:id")) or "",
        type_code=code.get("code") or "",
        type_system=code.get("codeSystem") or "",
        type_display=code.get("displayName") or "",
        title=_text(_required(root, "h:title")) or "",
        effective_time=_valid_time(_required(root, "h:effectiveTime").get("value")),
        confidentiality=_attribute(root, "h:confidentialityCode/@code") or "N",
        language=_attribute(root, "h:languageCode/@code") or "fr-FR",
        patient=_patient(root),
        set_id=_id(root.find("h:setId", NS)),
        version_number=_attribute(root, "h:versionNumber/@value"),
        replaces=tuple(
            filter(
                None,
                map(
                    _id,
                    root.xpath("h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id", namespaces=NS),
                ),
            )
        ),
        authors=tuple(_author(node) for node in root.xpath("h:author/h:assignedAuthor", namespaces=NS)),
        legal_authenticators=tuple(
            root.xpath("h:legalAuthenticator/h:assignedEntity/h:id/@extension", namespaces=NS)
        ),
        custodian=_custodian(root),
        service_start=_attribute(main, "h:effectiveTime/h:low/@value"),
        service_stop=_attribute(main, "h:effectiveTime/h:high/@value"),
        event_codes=tuple(root.xpath("h:documentationOf/h:serviceEvent/h:code/@code", namespaces=NS)),
        practice_setting=_attribute(
            root, "h:documentationOf/h:serviceEvent/h:performer//h:standardIndustryClassCode/@code"
        ),
        facility_type=_attribute(
            root, "h:componentOf/h:encompassingEncounter/h:location/h:healthCareFacility/h:code/@code"
        ),
        templates=tuple(root.xpath("h:templateId/@root", namespaces=NS)),
        body_level="N1" if body_type else "N3",
        wrapped=wrapped,
        body_media_type=body_type,
        embedded_media=tuple(root.xpath(".//h:observationMedia/h:value/@mediaType", namespaces=NS)),
        sections=tuple(root.xpath("h:component/h:structuredBody/h:component/h:section/h:code/@code", namespaces=NS)),
        **_results(root),
    )


def _required(root: Any, path: str) -> Any:
    node = root.find(path, NS)
    if node is None:
        raise NotCda(f"Il manque « {path[2:]} » dans l'en-tête du document.", f"ClinicalDocument.{path[2:]}")
    return node


def _attribute(node: Any, path: str) -> str | None:
    found = [] if node is None else node.xpath(path, namespaces=NS)
    return str(found[0]) if found else None


def _text(node: Any) -> str | None:
    return None if node is None else " ".join("".join(node.itertext()).split()) or None


def _id(node: Any) -> str | None:
    if node is None or not node.get("root"):
        return None
    extension = node.get("extension")
    return f"{node.get('root')}^{extension}" if extension else str(node.get("root"))


def _patient(root: Any) -> dict[str, Any]:
    role = _required(root, "h:recordTarget/h:patientRole")
    found = [node for node in role.findall("h:id", NS) if node.get("root") in INS_OIDS]
    if not found:
        raise NotCda("Le document ne porte pas l'INS du patient.", "ClinicalDocument.recordTarget.patientRole.id")
    ins = found[0].get("extension") or ""
    name, patient = role.find("h:patient/h:name", NS), role.find("h:patient", NS)
    family = {node.get("qualifier"): _text(node) for node in name.findall("h:family", NS)} if name is not None else {}
    given = {node.get("qualifier"): _text(node) for node in name.findall("h:given", NS)} if name is not None else {}
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
        "birth_date": _attribute(patient, "h:birthTime/@value"),
        "gender": _attribute(patient, "h:administrativeGenderCode/@code"),
        "birthplace": _attribute(patient, "h:birthplace//h:county/text()"),
    }


def _author(node: Any) -> dict[str, Any]:
    known = node.xpath(f"h:id[@root='{PS_IDNAT}']", namespaces=NS) or node.findall("h:id", NS)
    identity = known[0] if known else None
    organizations = node.xpath("h:representedOrganization/h:id/@extension", namespaces=NS)
    return {
        "identifier": identity.get("extension") if identity is not None else None,
        "root": identity.get("root") if identity is not None else None,
        "family": _text(node.find("h:assignedPerson/h:name/h:family", NS)),
        "given": _text(node.find("h:assignedPerson/h:name/h:given", NS)),
        "specialty": _attribute(node, "h:code/@code"),
        "device": _text(node.find("h:assignedAuthoringDevice/h:softwareName", NS)),
        "organizations": list(map(str, organizations)) or None,
        "organization_name": _text(node.find("h:representedOrganization/h:name", NS)),
    }


def _custodian(root: Any) -> dict[str, Any]:
    node = root.find("h:custodian/h:assignedCustodian/h:representedCustodianOrganization", NS)
    if node is None:
        return {"ids": [], "name": None}
    ids = [{"root": i.get("root"), "extension": i.get("extension")} for i in node.findall("h:id", NS)]
    return {"ids": ids, "name": _text(node.find("h:name", NS))}


def _results(root: Any) -> dict[str, Any]:
    """Laboratory observations; a REFR child is a prior result of the one above it."""
    results: list[dict[str, Any]] = []
    priors: list[dict[str, Any]] = []
    for node in root.xpath(f".//h:observation[h:templateId/@root='{RESULT}']", namespaces=NS)[:MAX_RESULTS]:
        results.append(_result(node))
        for prior in node.xpath("h:entryRelationship[@typeCode='REFR']/h:observation", namespaces=NS):
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
        "effective_time": _attribute(node, "h:effectiveTime/@value")
        or _attribute(node, "h:effectiveTime/h:low/@value"),
        "interpretation": _attribute(node, "h:interpretationCode/@code"),
        "low": _attribute(bounds, "h:low/@value"),
        "high": _attribute(bounds, "h:high/@value"),
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
    text = node.get("value") or node.get("displayName") or node.get("code") or _text(node) or node.get("nullFlavor")
    return {"kind": kind, "value": text, "unit": node.get("unit")}


def _inclusive(node: Any, tag: str) -> bool:
    side = node.find(f"h:{tag}", NS)
    return side is not None and side.get("inclusive", "true") == "true"


def _valid_time(value: str | None) -> str:
    if to_datetime(value) is None:
        raise NotCda("La date du document n'existe pas dans le calendrier.", "ClinicalDocument.effectiveTime")
    return str(value)


_TS = re.compile(r"^(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.\d+)?(?:([+-])(\d\d)(\d{1,2}))?$")


def to_datetime(value: str | None) -> dt.datetime | None:
    """An HL7 TS as a moment (start of what it names; Europe/Paris when it says no zone), or None."""
    match = _TS.match(value or "")
    if not match:
        return None
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    zone: dt.tzinfo = _paris()
    if sign:
        # Five official samples carry a three-digit zone: hours, then what is there of the minutes.
        offset = dt.timedelta(hours=int(hours), minutes=int(minutes.ljust(2, "0")))
        zone = dt.timezone(offset if sign == "+" else -offset)
    try:
        day_of = dt.date(int(year), int(month or 1), int(day or 1))
        return dt.datetime.combine(day_of, dt.time(int(hour or 0), int(minute or 0), int(second or 0), tzinfo=zone))
    except ValueError:
        return None


def _paris() -> dt.tzinfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo("Europe/Paris")
