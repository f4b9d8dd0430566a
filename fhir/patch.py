"""PATCH of a DocumentReference: status, securityLabel and isArchived, nothing else (PDSm flux 03: 405)."""

from dataclasses import dataclass
from typing import Any

from fhir import systems
from fhir.problems import Problem, malformed
from fhir.read import labels_of

STATUSES = {"current", "superseded", "entered-in-error"}
# The guide's own path is not RFC 6902; it is taken as what it means.
ALIAS = f"/extension[url:'{systems.ARCHIVED}']/valueBoolean"


@dataclass(frozen=True)
class Change:
    """What is to become of a document. `labels` replaces the whole set when `whole`, else is added or removed."""

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
        operations = [_parameter(one) for one in body.get("parameter") or []]
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
    parts = {
        part.get("name"): next((value for key, value in part.items() if key.startswith("value")), None)
        for part in (parameter.get("part") or [] if isinstance(parameter, dict) else [])
        if isinstance(part, dict)
    }
    path = str(parts.get("path") or "").removeprefix("DocumentReference.")
    return {"op": parts.get("type"), "path": f"/{path}", "value": parts.get("value")}


def _apply(operation: dict[str, Any], change: dict[str, Any], current: list[str]) -> None:
    op, path, value = operation.get("op"), str(operation.get("path") or ""), operation.get("value")
    if op not in ("add", "replace", "remove"):
        raise malformed("Opérations admises : add, replace, remove.")
    if path == "/status" and op != "remove":
        if value not in STATUSES:
            raise Problem(422, "code-invalid", "Ce statut n'est pas admis.", expression="DocumentReference.status")
        change["status"] = value
    elif path in ("/extension/0/valueBoolean", ALIAS, "/isArchived") or path.startswith("/extension"):
        change["archived"] = _archived(op, value)
    elif path == "/securityLabel" and op != "remove":
        labels, level = labels_of(_label_codes(value), "DocumentReference.securityLabel")
        change["only"], change["confidentiality"] = labels, level
    elif path.startswith("/securityLabel/"):
        _one_label(op, path.removeprefix("/securityLabel/").split("/")[0], value, change, current)
    else:
        raise Problem(
            405,
            "not-supported",
            "Seuls status, securityLabel et isArchived se modifient.",
            expression="DocumentReference",
        )


def _archived(op: Any, value: Any) -> bool:
    if op == "remove":
        return False
    if isinstance(value, dict) and value.get("url") == systems.ARCHIVED:
        value = value.get("valueBoolean")
    if not isinstance(value, bool):
        raise Problem(
            405,
            "not-supported",
            "Seule l'extension isArchived se modifie.",
            expression="DocumentReference.extension",
        )
    return value


def _one_label(op: Any, place: str, value: Any, change: dict[str, Any], current: list[str]) -> None:
    if op != "add":
        if not place.isdigit() or int(place) >= len(current):
            raise Problem(
                422,
                "invalid",
                "Cette étiquette n'est pas à cette place.",
                expression="DocumentReference.securityLabel",
            )
        gone = current[int(place)]
        if gone in systems.LABELS:
            change["remove"].add(gone)
        elif op == "remove":
            raise Problem(
                422,
                "invalid",
                "Le niveau de confidentialité se remplace, il ne s'enlève pas.",
                expression="DocumentReference.securityLabel",
            )
    if op != "remove":
        labels, level = labels_of(_label_codes(value), "DocumentReference.securityLabel")
        change["add"] |= labels
        if not labels:
            change["confidentiality"] = level


def _label_codes(value: Any) -> list[str]:
    labels = value if isinstance(value, list) else [value]
    codes = [
        coding.get("code")
        for label in labels
        if isinstance(label, dict)
        for coding in (label.get("coding") or [label])
        if isinstance(coding, dict)
    ]
    if not codes or not all(isinstance(code, str) for code in codes):
        raise malformed("Une étiquette est un CodeableConcept avec un code.", "DocumentReference.securityLabel")
    return [code for code in codes if isinstance(code, str)]
