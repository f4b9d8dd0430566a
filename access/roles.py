"""What each database role may do: a fact of PostgreSQL, not a promise of the code.

dmp_app (portal, worker, beat): reads and writes everything, but only adds to the trail.
dmp_counter (back office): no privilege on any table of medical content; of the trail, it may add, and
read the columns that name no document.
"""

from collections.abc import Iterator

from audit.trail import COLUMNS

APP, COUNTER = "dmp_app", "dmp_counter"

MEDICAL = ("documents_",)  # prefixes of tables of medical content
TRAIL = "audit_trace"
HIDDEN_OF_TRAIL = {"object_title", "object_type", "reason", "detail"}
# What the counter's role sees of emergencies: which broken glass is not attested, never what was said of the person.
EMERGENCIES = {
    "access_emergencyaccess": "id, dossier_id, user_id, kind, since, until, attested_at, escalated_at",
    "access_emergencynumber": "",
}


# Of requests, the counter reads and moves the rows, and never erases one. A letter it puts in, sealed with a public
# key, and sees that it is there: the content is not in its columns.
REQUESTS = {
    "patients_request": ["SELECT, INSERT, UPDATE"],
    "patients_historicalrequest": ["SELECT, INSERT"],
    "patients_requestpaper": ["INSERT", "SELECT (id, dossier_id, request_id, media_type, size, added_at, seal)"],
    "patients_letterkey": ["SELECT"],
}


def grants_for(alias: str, tables: list[str]) -> Iterator[str]:
    """The statements that set both roles' rights on one database; safe to run again."""
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {APP}, {COUNTER}"
    yield f"GRANT USAGE ON SCHEMA public TO {APP}, {COUNTER}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP}, {COUNTER}"
    if alias == "keys":
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON documents_datakey TO {APP}"
        return
    for table in tables:
        if table.startswith(TRAIL) and table != "audit_tracehead":
            continue
        yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {APP}'
        if shown := EMERGENCIES.get(table):
            yield f'GRANT SELECT ({shown}) ON "{table}" TO {COUNTER}'
        elif table in REQUESTS:
            yield from (f'GRANT {right} ON "{table}" TO {COUNTER}' for right in REQUESTS[table])
        elif not table.startswith(MEDICAL) and table not in EMERGENCIES:
            yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {COUNTER}'
    yield f"GRANT SELECT, INSERT ON {TRAIL} TO {APP}"
    shown = ", ".join([*(name for name in COLUMNS if name not in HIDDEN_OF_TRAIL), "seq"])
    yield f"GRANT INSERT ON {TRAIL} TO {COUNTER}"
    yield f"GRANT SELECT ({shown}) ON {TRAIL} TO {COUNTER}"
    yield "REVOKE EXECUTE ON FUNCTION audit_make_partition(date) FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION audit_make_partition(date) TO {APP}"
