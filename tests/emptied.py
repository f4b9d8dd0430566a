"""Emptying the tables after a transactional test: the rows that are there, not every file of every table.

Django truncates all of them (four hundred files) and makes the permissions again, which takes longer than a test.
"""

from typing import Any

from django.db import connections, transaction

BY_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}  # all that they put in, and it stays
_TABLES = """SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"""
_GUARDED = "patients_dossier"  # its trigger lets only what is destroyed leave


def empty(case: Any) -> None:
    """In the place of `TransactionTestCase._fixture_teardown`."""
    for alias in case._databases_names(include_mirrors=False):
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute(_TABLES)
            tables = sorted({name for (name,) in cursor.fetchall()} - BY_MIGRATIONS)
            cursor.execute(" UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT FROM {one})" for one in tables))
            full = [name for (name,) in cursor.fetchall()]
            if _GUARDED in full:
                cursor.execute(f"ALTER TABLE {_GUARDED} DISABLE TRIGGER USER")
            for name in full:  # in any order: keys are looked at after
                cursor.execute(f"DELETE FROM {name}")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if _GUARDED in full:
                cursor.execute(f"ALTER TABLE {_GUARDED} ENABLE TRIGGER USER")
