"""The statements that give each database role its rights; what they allow is tests/access/test_counter_rights."""

import io

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections

from access.counter_rights import RIGHTS
from access.roles import grants_for


def test_the_keys_are_the_portal_s_alone():
    assert list(grants_for("keys", ["documents_datakey", "django_migrations"])) == [
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM dmp_app, dmp_counter, dmp_feed",
        "GRANT USAGE ON SCHEMA public TO dmp_app, dmp_counter, dmp_feed",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO dmp_app, dmp_counter",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON documents_datakey TO dmp_app",
    ]


def test_the_trail_is_added_to_and_everything_else_is_the_portal_s():
    tables = ["audit_trace", "audit_trace_2027_01", "audit_tracehead", "documents_document", "access_contest"]
    columns = (
        "id, dossier_id, at, event, allowed, ground, mode, actor_kind, actor_id, actor_name, profession, "
        "structure_id, structure_name, means, on_behalf_of, object_kind, object_id, channel, request_id, ip, seq"
    )
    assert list(grants_for("default", tables)) == [
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM dmp_app, dmp_counter, dmp_feed",
        "GRANT USAGE ON SCHEMA public TO dmp_app, dmp_counter, dmp_feed",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO dmp_app, dmp_counter",
        'GRANT INSERT ON "audit_trace" TO dmp_feed',
        'GRANT SELECT, INSERT, UPDATE ON "audit_tracehead" TO dmp_feed',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON "audit_tracehead" TO dmp_app',
        *(f'GRANT {right} ON "audit_tracehead" TO dmp_counter' for right in RIGHTS["audit_tracehead"]),
        'GRANT SELECT, INSERT, UPDATE, DELETE ON "documents_document" TO dmp_app',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON "access_contest" TO dmp_app',
        *(f'GRANT {right} ON "access_contest" TO dmp_counter' for right in RIGHTS["access_contest"]),
        "GRANT SELECT, INSERT ON audit_trace TO dmp_app",
        "GRANT INSERT ON audit_trace TO dmp_counter",
        f"GRANT SELECT ({columns}) ON audit_trace TO dmp_counter",
        "REVOKE EXECUTE ON FUNCTION audit_make_partition(date) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION audit_make_partition(date) TO dmp_app",
        "REVOKE EXECUTE ON FUNCTION audit_forget_dossier(uuid) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION audit_forget_dossier(uuid) TO dmp_app",
        "REVOKE EXECUTE ON FUNCTION archival_sample_again() FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION archival_sample_again() TO dmp_app",
    ]


@pytest.mark.django_db
def test_the_command_gives_its_rights_back_to_a_role_and_without_apply_nothing():
    def reads():
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_table_privilege('dmp_app', 'patients_caisse', 'SELECT')")
            return cursor.fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("REVOKE SELECT ON patients_caisse FROM dmp_app")
    said = io.StringIO()
    call_command("database_roles", stdout=said)
    assert (reads(), "Essai" in said.getvalue()) == (False, True)
    said = io.StringIO()
    call_command("database_roles", apply=True, stdout=said)
    assert reads() is True
    statements = 0
    for alias in ("default", "keys"):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            statements += len(list(grants_for(alias, sorted(name for (name,) in cursor.fetchall()))))
    assert said.getvalue() == f"Droits posés : {statements} instructions, {len(apps.get_models())} modèles.\n"
