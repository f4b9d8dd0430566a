"""What is left of a dossier, searched where its destruction must reach: every table by introspection, key and files.

Not by `archival.purge.REACH`, which the destruction follows: what that list forgot would be forgotten here too.
"""

import uuid
from collections.abc import Collection

from django.db import connection

from archival import copies
from documents import contents
from documents.models import DataKey

_TABLES = """
SELECT c.table_name, c.column_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND (c.column_name = 'dossier_id'
    OR c.column_name = 'id' AND c.table_name IN ('patients_dossier', 'patients_historicaldossier'))
ORDER BY c.table_name"""


def rows_of(dossier_id: uuid.UUID) -> dict[str, int]:
    """How many rows each table with a dossier holds of this one; tables without any included."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE {column} = %s', [dossier_id])  # noqa: S608 (catalogue)
            found[table] = int(cursor.fetchone()[0])
    return found


def has_key(dossier_id: uuid.UUID) -> bool:
    return DataKey.objects.filter(dossier_id=dossier_id).exists()


def files_of(names: Collection[uuid.UUID]) -> int:
    """How many of these contents and copies are still on the disk."""
    return sum(contents.store().exists(name) or copies.store().exists(name) for name in names)
