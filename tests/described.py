"""What our interface answers has the names that its description gives (OpenAPI), or the test that got it fails."""

import re
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

PLACE = re.compile(r"{\w+}")


def misnamed(method: str, path: str, status: int, body: Any) -> set[str]:
    """Names of the answer that are not described for this operation and status, and those that miss."""
    said = body[0] if isinstance(body, list) and body else body
    described = _described(method.lower(), path, str(status))
    if described is None or not isinstance(said, dict):
        return set()
    names, needed = described
    return (said.keys() - names) | (needed - said.keys())


def _described(method: str, path: str, status: str) -> tuple[set[str], set[str]] | None:
    for pattern, operations in _paths():
        if pattern.fullmatch(path) and method in operations:
            content = operations[method]["responses"].get(status, {}).get("content", {})
            return next((_names(one["schema"]) for kind, one in content.items() if "json" in kind), None)
    return None


def _names(schema: dict[str, Any]) -> tuple[set[str], set[str]] | None:
    schema = schema.get("items", schema)
    if "$ref" in schema:
        schema = _schema()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if not schema.get("properties") or schema.get("additionalProperties"):
        return None
    return set(schema["properties"]), set(schema.get("required", ()))


@cache
def _schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call, no-any-return]


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [(re.compile(PLACE.sub("[^/]+", path)), operations) for path, operations in _schema()["paths"].items()]
