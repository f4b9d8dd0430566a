"""What each database role may do: a fact of PostgreSQL, not a promise of the code.

dmp_app (portal, worker, beat): reads and writes everything, but only adds to the trail.
dmp_counter (back office): what `access.counter_rights` lists, and nothing medical is there; of the trail, it may
add, and read the columns that name no document.
dmp_feed (nobody signs in with it; the merge of the assurance maladie takes it): writes lines of care and never reads
what one says. Of a person it asks what refuses a line (state, birth date) and where to tell her of the first.
"""

from collections.abc import Iterator

from access.counter_rights import RIGHTS
from audit.trail import COLUMNS

APP, COUNTER, FEED = "dmp_app", "dmp_counter", "dmp_feed"

TRAIL = "audit_trace"
HIDDEN_OF_TRAIL = {"object_title", "object_type", "reason", "detail"}
FEED_RIGHTS: dict[str, tuple[str, ...]] = {
    "documents_careline": ("INSERT, UPDATE, DELETE", "SELECT (id, dossier_id, source, line, version, cancelled)"),
    "documents_feedrun": ("SELECT, INSERT, UPDATE",),
    "documents_feedrejection": ("INSERT",),
    "patients_identityindex": ("SELECT (lookup, dossier_id)",),
    "patients_dossier": ("SELECT (id, state)", "UPDATE (id)"),  # it changes none: without UPDATE no row can be held
    "patients_patient": ("SELECT (dossier_id, birth_date, email)",),
    "patients_notice": ("INSERT", "SELECT (dossier_id, kind)"),
    "audit_tracehead": ("SELECT, INSERT, UPDATE",),
    TRAIL: ("INSERT",),
}


def grants_for(alias: str, tables: list[str]) -> Iterator[str]:
    """The statements that set the roles' rights on one database; safe to run again."""
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {APP}, {COUNTER}, {FEED}"
    yield f"GRANT USAGE ON SCHEMA public TO {APP}, {COUNTER}, {FEED}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP}, {COUNTER}"
    if alias == "keys":
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON documents_datakey TO {APP}"
        return
    for table in tables:
        yield from (f'GRANT {right} ON "{table}" TO {FEED}' for right in FEED_RIGHTS.get(table, ()))
        if table.startswith(TRAIL) and table != "audit_tracehead":
            continue
        yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {APP}'
        yield from (f'GRANT {right} ON "{table}" TO {COUNTER}' for right in RIGHTS.get(table, ()))
    yield f"GRANT SELECT, INSERT ON {TRAIL} TO {APP}"
    shown = ", ".join([*(name for name in COLUMNS if name not in HIDDEN_OF_TRAIL), "seq"])
    yield f"GRANT INSERT ON {TRAIL} TO {COUNTER}"
    yield f"GRANT SELECT ({shown}) ON {TRAIL} TO {COUNTER}"
    yield "REVOKE EXECUTE ON FUNCTION audit_make_partition(date) FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION audit_make_partition(date) TO {APP}"
    yield "REVOKE EXECUTE ON FUNCTION audit_forget_dossier(uuid) FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION audit_forget_dossier(uuid) TO {APP}"
    yield "REVOKE EXECUTE ON FUNCTION archival_sample_again() FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION archival_sample_again() TO {APP}"
