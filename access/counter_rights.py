"""What the database role of the back office may do, table by table. A table that is not here is refused.

Nothing medical is here: no document, version, result, care line, no grant of a professional, no text of the trail.
Rows are never erased, but those that Django itself ends: sessions, second factors, memberships.
"""

READS, ADDS = "SELECT", "SELECT, INSERT"
CHANGES, OWNS = "SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE, DELETE"

# Columns of a scanned paper that name it without showing it: what the counter sealed, it does not read back.
_PAPER = "id, dossier_id, {of}_id, media_type, size, added_at, seal"
# Of the histories of a dossier, what `access.counter_history` shows: they are added to in whole, and read in part.
_HISTORY = "SELECT (history_id, history_date, history_type, history_user_id, history_change_reason, {columns})"

RIGHTS: dict[str, tuple[str, ...]] = {
    # Signing in, and the rights of staff.
    "access_user": (CHANGES,),
    "access_historicaluser": (ADDS,),
    "access_user_groups": (OWNS,),
    "access_user_user_permissions": (READS,),
    "access_recovery": (CHANGES,),
    "access_endedsession": (CHANGES,),
    "account_emailaddress": (CHANGES,),
    "account_emailconfirmation": (OWNS,),
    "auth_group": (ADDS,),
    "auth_group_permissions": (READS,),
    "auth_permission": (READS,),
    "django_admin_log": (ADDS,),
    "django_celery_beat_periodictask": ("SELECT (id, name, last_run_at, date_changed)",),  # whether beat is alive
    "django_content_type": (READS,),
    "django_migrations": (READS,),
    "django_session": (OWNS,),
    "mfa_authenticator": (OWNS,),
    "usersessions_usersession": (OWNS,),
    # Registers and tables of the administration.
    "access_caissegroupgrant": (CHANGES,),
    "access_historicalcaissegroupgrant": (ADDS,),
    "access_matrixversion": (READS,),
    "access_historicalmatrixversion": (READS,),
    "access_professional": (READS,),
    "access_structure": (READS,),
    "patients_caisse": (READS,),
    "patients_historicalcaisse": (READS,),
    "patients_clock": (READS,),  # a closing asks it
    "patients_regime": (READS,),
    "patients_historicalregime": (READS,),
    "patients_registerload": (READS,),
    "patients_term": (READS,),
    "patients_openingrule": (CHANGES,),
    "patients_historicalopeningrule": (ADDS,),
    # Persons, and the life of a dossier.
    "patients_insuredperson": (ADDS,),
    "patients_patient": (CHANGES,),
    "patients_historicalpatient": (
        "INSERT",
        _HISTORY.format(columns="dossier_id, email, phone, address, postal_code, status, oid"),
    ),
    "patients_dossier": (CHANGES,),
    # `masks_new_documents` alone is not shown: Django asks an added row for its columns with a default.
    "patients_historicaldossier": (
        "INSERT",
        _HISTORY.format(columns="id, state, opened_channel, closure, refuses_heirs, masks_new_documents"),
    ),
    "patients_identityindex": (ADDS,),
    "patients_consent": (ADDS,),
    "patients_notice": (ADDS,),
    "access_representation": (CHANGES,),
    "access_historicalrepresentation": (
        "INSERT",
        _HISTORY.format(columns="dossier_id, id, role, user_id, since, until, evidence"),
    ),
    # A grid is printed, never read: digests go in.
    "access_consentmeans": ("INSERT", "SELECT (id, dossier_id, grid_made_at)", "UPDATE (grid, used, grid_made_at)"),
    # What is sealed with a public key is seen to be there; the content is not in these columns.
    "patients_letterkey": (READS,),
    "patients_consentpaper": ("INSERT", f"SELECT ({_PAPER.format(of='consent')})"),
    "patients_requestpaper": ("INSERT", f"SELECT ({_PAPER.format(of='request')})"),
    # A sealed envelope is launched and handed over; what it holds is in a table that is not here.
    "patients_envelope": (READS, "UPDATE (state, asked_by, asked_at, evidence, handed_by, handed_at)"),
    "patients_request": (CHANGES,),
    "patients_historicalrequest": (ADDS,),
    # The operator's desks: a contest and its answer; which broken glass is not attested, never what was said there.
    "access_contest": ("SELECT, UPDATE",),
    "access_historicalcontest": (ADDS,),
    "access_emergencyaccess": ("SELECT (id, dossier_id, user_id, kind, since, until, attested_at, escalated_at)",),
    "audit_tracehead": (CHANGES,),
}
