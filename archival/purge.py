"""What the destruction of a dossier must reach (article L1111-18, R1111-36).

Every table with a dossier stands here, in the order in which it is emptied; a house test reads the
database and fails when a new table is missing. History goes last: it would otherwise be written again.
"""

import uuid
from typing import Any

TRACES = ("audit_trace", "audit_tracehead")  # removed by a function of their owner
REACH = (
    "archival_copy",
    "archival_legalcopy",
    "archival_legalhold",
    "documents_documentgrant",
    "documents_careline",
    "documents_result",
    "documents_document",
    "documents_submissionset",
    "access_contest",
    "access_invitation",
    "access_consentmeans",
    "access_consentrequest",
    "access_emergencynumber",
    "access_emergencyaccess",
    "access_block",
    "access_representation",
    "access_dossiergrant",
    "access_careteam",
    "patients_envelope",
    "patients_requestpaper",
    "patients_request",
    "patients_idempotentreply",
    "patients_notice",
    "patients_patient",
    "patients_identityindex",
    "patients_consentpaper",
    "patients_consent",
    "patients_dossier",
    "archival_historicallegalhold",
    "documents_historicaldocumentgrant",
    "documents_historicaldocument",
    "access_historicalcontest",
    "access_historicalblock",
    "access_historicalrepresentation",
    "access_historicaldossiergrant",
    "access_historicalcareteam",
    "patients_historicalrequest",
    "patients_historicalpatient",
    "patients_historicaldossier",
    "audit_trace",
    "audit_tracehead",
)


def column_of(table: str) -> str:
    return "id" if table in ("patients_dossier", "patients_historicaldossier") else "dossier_id"


def empty(cursor: Any, table: str, dossier_id: uuid.UUID) -> int:
    """How many rows of this dossier the table had."""
    cursor.execute(f"DELETE FROM {table} WHERE {column_of(table)} = %s", [dossier_id])  # noqa: S608 (constant names)
    return int(cursor.rowcount)
