"""PATCH of a DocumentReference: status, securityLabel and isArchived, nothing else (PDSm flux 03: 405)."""

import re
from dataclasses import dataclass
from typing import Any

from fhir import systems
from fhir.problems import Problem, malformed
from fhir.read_document import labels_of

LABELS = "DocumentReference.securityLabel"
STATUSES = {"current", "superseded", "entered-in-error"}
# The guide's own path is not RFC 6902; it is taken as what it means.
ARCHIVED_PATHS = re.compile(
    r"/extension/\d{1,3}/valueBoolean|/isArchived|" + re.escape(f"/extension[url:'{systems.ARCHIVED}']/valueBoolean"),
    re.ASCII,
)
LABEL_PATHS = re.compile(r"/securityLabel/(\d{1,3}|-)", re.ASCII)


@dataclass(frozen=True)
class Change:
    """What is to become of a document; empty or None: stays as it is. `only` is the whole set of labels."""

    status: str = ""
    archived: bool | None = None
    confidentiality: str = ""
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    only: frozenset[str] | None = None


def read(body: Any, current: list[str]) -> Change:
    """From a JSON Patch (array) or FHIR Parameters. `current`: the label codes as served, in order.

    Raises Problem 400 (malformed), 405 (another element), 422 (unknown value).
    """
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        operations = [_parameter(one) for one in _dicts(body.get("parameter"))]
    elif isinstance(body, list):
        operations = body
    else:
        raise malformed("Le corps attendu est un JSON Patch (tableau d'opérations).")
    if not operations or not all(isinstance(one, dict) for one in operations):
        raise malformed("Le patch ne contient pas d'opération.")
    change: dict[str, Any] = {"add": set(), "remove": set()}
    for operation in operations:
        _apply(operation, change, current)
    return Change(**change | {"add": frozenset(change["add"]), "remove": frozenset(change["remove"])})


def _parameter(parameter: Any) -> dict[str, Any]:
    """One FHIRPath patch operation as the JSON Patch operation it stands for."""
    parts = {str(part.get("name")): part for part in _dicts(_dict(parameter).get("part"))}
    values = {
        name: next((value for key, value in part.items() if key.startswith("value")), None)
        for name, part in parts.items()
    }
    path = str(values.get("path") or "").removeprefix("DocumentReference.")
    return {"op": values.get("type"), "path": f"/{path}", "value": values.get("value")}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _apply(operation: dict[str, Any], change: dict[str, Any], current: list[str]) -> None:
    op, path, value = operation.get("op"), str(operation.get("path") or ""), operation.get("value")
    if op not in ("add", "replace", "remove"):
        raise malformed("Opérations admises : add, replace, remove.")
    if path == "/status" and op != "remove":
        if not isinstance(value, str) or value not in STATUSES:
            raise Problem(422, "code-invalid", "Ce statut n'est pas admis.", expression="DocumentReference.status")
        change["status"] = value
    elif ARCHIVED_PATHS.fullmatch(path):
        change["archived"] = _archived(op != "remove" and value)
    elif path == "/extension/-" and op == "add" and _dict(value).get("url") == systems.ARCHIVED:
        change["archived"] = _archived(_dict(value).get("valueBoolean"))
    elif path == "/securityLabel" and op != "remove":
        change["only"], level = labels_of(_label_codes(value), LABELS)
        change["confidentiality"] = level or change.get("confidentiality", "")
    elif match := LABEL_PATHS.fullmatch(path):
        _one_label(op, match[1], value, change, current)
    else:
        raise Problem(
            405,
            "not-supported",
            "Seuls status, securityLabel et isArchived se modifient.",
            expression="DocumentReference",
        )


def _archived(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Problem(422, "invalid", "isArchived vaut true ou false.", expression="DocumentReference.extension")
    return value


def _one_label(op: Any, place: str, value: Any, change: dict[str, Any], current: list[str]) -> None:
    gone = ""
    if op != "add":
        if place == "-" or int(place) >= len(current):
            raise Problem(422, "invalid", "Cette étiquette n'est pas à cette place.", expression=LABELS)
        gone = current[int(place)]
        if op == "remove" and gone not in systems.LABELS:
            text = "Le niveau de confidentialité se remplace, il ne s'enlève pas."
            raise Problem(422, "invalid", text, expression=LABELS)
    added, level = (frozenset(), "") if op == "remove" else labels_of(_label_codes(value), LABELS)
    if gone in systems.LABELS and gone not in added:
        change["remove"].add(gone)
    change["add"] |= added
    change["confidentiality"] = level or change.get("confidentiality", "")


def _label_codes(value: Any) -> list[str]:
    labels = value if isinstance(value, list) else [value]
    codes = [
        coding.get("code")
        for label in _dicts(labels)
        for coding in (_dicts(label["coding"]) if "coding" in label else [label])
    ]
    if not codes or not all(isinstance(code, str) for code in codes):
        raise malformed("Une étiquette est un CodeableConcept avec un code.", LABELS)
    return [code for code in codes if isinstance(code, str)]
