"""What the destruction of a dossier must reach (article L1111-18, R1111-36).

Every table with a dossier stands here, in the order in which it is emptied; a house test reads the
database and fails when a new table is missing. History goes last: it would otherwise be written again.
"""

REACH = (
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
    "patients_requestpaper",
    "patients_request",
    "patients_idempotentreply",
    "patients_notice",
    "patients_patient",
    "patients_identityindex",
    "patients_consentpaper",
    "patients_consent",
    "patients_dossier",
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
