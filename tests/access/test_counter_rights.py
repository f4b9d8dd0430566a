"""The database role of the back office: what is not on its list is refused, whatever table comes next."""

import psycopg
import pytest
from django.db import connection, connections

pytestmark = [pytest.mark.django_db(transaction=True)]

# Written by hand, apart from `access.counter_rights`: what each table may be asked for by the counter's role.
# r: read whole, c: some columns are read, a: add, w: change (some columns at least), d: erase.
MAY = {
    "rawd": "access_user_groups account_emailconfirmation django_session mfa_authenticator usersessions_usersession",
    "raw": "access_user access_recovery access_endedsession account_emailaddress access_caissegroupgrant"
    " patients_openingrule patients_patient patients_dossier patients_request access_representation audit_tracehead",
    "ra": "auth_group access_historicaluser access_historicalcaissegroupgrant django_admin_log"
    " access_historicalcontest patients_historicalopeningrule patients_historicalrequest"
    " patients_insuredperson patients_identityindex patients_consent patients_notice",
    "rw": "access_contest patients_envelope",
    "r": "access_user_user_permissions auth_group_permissions auth_permission django_content_type django_migrations"
    " access_matrixversion access_professional access_structure patients_caisse patients_regime patients_term"
    " patients_letterkey patients_clock patients_registerload patients_historicalcaisse patients_historicalregime"
    " access_historicalmatrixversion",
    "caw": "access_consentmeans",
    "ca": "audit_trace patients_consentpaper patients_requestpaper patients_historicalpatient"
    " patients_historicaldossier access_historicalrepresentation",
    "c": "access_emergencyaccess django_celery_beat_periodictask",
}
ALLOWED = {table: rights for rights, tables in MAY.items() for table in tables.split()}
MEDICAL = {"documents_document", "documents_result", "documents_submissionset", "documents_historicaldocument"}
RELATIONS = """
SELECT c.relname,
       has_table_privilege('dmp_counter', c.oid, 'SELECT'), has_any_column_privilege('dmp_counter', c.oid, 'SELECT'),
       has_any_column_privilege('dmp_counter', c.oid, 'INSERT'),
       has_any_column_privilege('dmp_counter', c.oid, 'UPDATE'), has_table_privilege('dmp_counter', c.oid, 'DELETE'),
       has_table_privilege('dmp_counter', c.oid, 'TRUNCATE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"""


def as_counter(alias="default"):
    known = connections[alias].settings_dict
    return psycopg.connect(host=known["HOST"], dbname=known["NAME"], user="dmp_counter", autocommit=True)


def rights():
    """Of each relation of the database, the letters of what the role may do."""
    with connection.cursor() as cursor:
        cursor.execute(RELATIONS)
        rows = cursor.fetchall()
    return {
        name: ("r" if whole else "c" * some) + "a" * adds + "w" * changes + "d" * erases + "t" * empties
        for name, whole, some, adds, changes, erases, empties in rows
    }


def test_the_role_has_what_is_written_here_and_nothing_else():
    found = {name: held for name, held in rights().items() if held}
    assert found == ALLOWED


def test_every_other_table_refuses_it_everything():
    refused = set(rights()) - set(ALLOWED)
    assert refused >= MEDICAL | {
        "archival_copy",
        "access_dossiergrant",
        "patients_idempotentreply",
        "access_emergencynumber",
    }
    with as_counter() as other:
        for table in sorted(refused):
            for statement in ("SELECT 1 FROM {}", "INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    other.execute(statement.format(table))
            (column,) = connection.introspection.get_table_description(connection.cursor(), table)[0][:1]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(f'UPDATE {table} SET "{column}" = "{column}"')


@pytest.mark.parametrize(
    "column",
    [
        "audit_trace.object_title",
        "audit_trace.object_type",
        "audit_trace.reason",
        "audit_trace.detail",
        "patients_consentpaper.sealed",
        "patients_requestpaper.sealed",
        "access_consentmeans.pin",
        "access_consentmeans.grid",
        "access_emergencyaccess.reason",
        "access_historicalrepresentation.rights",
        "patients_historicaldossier.shows_masked_in_emergency",
        "patients_historicaldossier.emergency_lookup",
        "patients_historicalpatient.sealed_matricule",
        "patients_historicalpatient.given_names",
    ],
)
def test_the_columns_that_tell_are_refused(column):
    table, name = column.split(".")
    with as_counter() as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute(f"SELECT {name} FROM {table}")


def test_a_table_made_tomorrow_is_refused():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE documents_careline_of_tomorrow (amount integer)")
        try:
            assert rights()["documents_careline_of_tomorrow"] == ""
        finally:
            cursor.execute("DROP TABLE documents_careline_of_tomorrow")


def test_no_key_of_a_dossier_is_within_its_reach():
    with as_counter("keys") as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute("SELECT 1 FROM documents_datakey")
