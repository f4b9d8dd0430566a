"""The letters of a request: the receipt with its tracked number, the answer, the refusal with its ways of appeal.

Made from the row each time: what is kept is what was answered, with its history. They name no document.
"""

from typing import Any

from patients import deadlines, envelopes, letters
from patients.models import Patient
from patients.models_requests import Kind, Request, State

RECEIPT, ANSWER, HANDED = "recu", "reponse", "remise"
NAMES = {RECEIPT: "Accusé de réception", ANSWER: "Réponse", HANDED: "Reçu du pli"}
TEMPLATES = {
    RECEIPT: "pdf/request_receipt.html",
    ANSWER: "pdf/request_answer.html",
    HANDED: "pdf/envelope_receipt.html",
}

# A copy is also owed by an administration: the CADA comes before the judge (avis 20213477, L342-1 of the CRPA).
THROUGH_CADA = (Kind.COPY, Kind.HEIRS)


def of(row: Request) -> list[str]:
    """The letters that there are to print."""
    envelope = envelopes.of(row.dossier_id, row.pk)
    printed = envelope is not None and envelope.printed_at is not None
    return [RECEIPT, *([ANSWER] if row.decided_at else []), *([HANDED] if printed else [])]


def render(row: Request, letter: str) -> bytes:
    """A tagged PDF (PDF/UA-1)."""
    return letters.render(*page(row, letter))


def page(row: Request, letter: str) -> tuple[str, dict[str, Any]]:
    """The template of this letter, and what it says."""
    patient = Patient.objects.select_related("dossier__caisse").get(dossier_id=row.dossier_id)
    return TEMPLATES[letter], {
        "envelope": envelopes.of(row.dossier_id, row.pk),
        "request": row,
        "patient": patient,
        "caisse": patient.dossier.caisse,
        "address": row.address or "\n".join(filter(None, [patient.address, patient.postal_code])),
        "law": deadlines.of(row.kind, about_old=row.about_old).law,
        "waits": row.not_before > row.asked_at,
        "heirs": row.kind == Kind.HEIRS,
        "refused": row.state == State.REFUSED,
        "through_cada": row.kind in THROUGH_CADA,
    }
