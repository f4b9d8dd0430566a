"""What went wrong, said as FHIR says it: OperationOutcome with an expression, and no personal data."""

from typing import Any


class Problem(Exception):
    """An answer that is a refusal. `code`: FHIR issue type; `detail`: XDS or own code; `text`: French."""

    def __init__(self, status: int, code: str, text: str, *, detail: str = "", expression: str = "") -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text
        self.detail, self.expression = detail, expression


def invalid(text: str, expression: str = "", *, status: int = 422, detail: str = "") -> Problem:
    return Problem(status, "invalid", text, detail=detail, expression=expression)


def required(text: str, expression: str) -> Problem:
    return Problem(422, "required", text, expression=expression)


def malformed(text: str, expression: str = "") -> Problem:
    return Problem(400, "structure", text, expression=expression)


def bad_search(text: str, parameter: str = "") -> Problem:
    return Problem(400, "invalid", text, expression=f"http.{parameter}" if parameter else "")


def not_found() -> Problem:
    """One text for absent, hidden and forbidden."""
    return Problem(
        404,
        "not-found",
        "Introuvable, ou non accessible avec votre autorisation. "
        "Vérifiez-la : GET Patient?identifier=<système>|<matricule>.",
    )


def issue(code: str, text: str, *, severity: str = "error", detail: str = "", expression: str = "") -> dict[str, Any]:
    details: dict[str, Any] = {"text": text}
    if detail:
        details = {"coding": [{"code": detail}], "text": text}
    found: dict[str, Any] = {"severity": severity, "code": code, "details": details}
    if expression:
        found["expression"] = [expression]
    return found


def outcome(*issues: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def outcome_of(problem: Problem) -> dict[str, Any]:
    return outcome(issue(problem.code, problem.text, detail=problem.detail, expression=problem.expression))
