"""Reads pg_catalog and names every breach of the schema rules that keep a dossier movable (docs/adr/0002).

R1 dossier_id NOT NULL · R2 primary key with it · R3 every unique index with it · R4 no sequence ·
R5 foreign keys to the dossier, inside it, or to a declared reference table; none from a shared table.
"""

from collections.abc import Iterator
from typing import Any

# Tables distributed by another column than dossier_id, with that column.
DISTRIBUTED = {
    "patients_dossier": "id",
    "patients_historicaldossier": "id",
    "patients_identityindex": "lookup",
    "access_emergencynumber": "lookup",
}
# Small tables that every machine holds whole.
REFERENCE = {"patients_caisse", "patients_regime", "access_professional", "access_structure"}
# Not a table of the main database's schema: the keys' store, looked up by dossier alone.
APART = {"documents_datakey"}

SCOPED_TABLES = """
SELECT c.relname, a.attnotnull FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attname = 'dossier_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND c.relnamespace = 'public'::regnamespace"""
UNIQUES = """
SELECT i.relname, array_agg(a.attname::text), x.indisprimary FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY(x.indkey)
WHERE x.indrelid = %s::regclass AND x.indisunique GROUP BY 1, 3"""
FOREIGN_KEYS = """
SELECT conrelid::regclass::text, confrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0"""
SEQUENCES = """
SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s
AND (column_default LIKE 'nextval%%' OR is_identity = 'YES')"""


def scoped_tables(cursor: Any) -> dict[str, str]:
    """Every dossier-scoped table, and the column it is distributed by."""
    cursor.execute(SCOPED_TABLES)
    found = {table: "dossier_id" for table, _ in cursor.fetchall() if table not in APART}
    return found | DISTRIBUTED


def breaches(cursor: Any) -> Iterator[str]:
    """One sentence a breach; none when the schema keeps the rules."""
    scoped = scoped_tables(cursor)
    cursor.execute(SCOPED_TABLES)
    for table, not_null in cursor.fetchall():
        if table in scoped and table not in DISTRIBUTED and not not_null:
            yield f"R1 {table}: dossier_id may be null"
    for table, column in scoped.items():
        cursor.execute(UNIQUES, [table])
        for name, columns, primary in cursor.fetchall():
            if column not in columns:
                yield f"{'R2' if primary else 'R3'} {table}: {name} lacks {column}"
        cursor.execute(SEQUENCES, [table])
        for (name,) in cursor.fetchall():
            yield f"R4 {table}.{name}: a sequence"
    cursor.execute(FOREIGN_KEYS)
    for table, target, name, definition in cursor.fetchall():
        if table in scoped and target in scoped:
            if scoped[table] not in definition.split("REFERENCES")[0]:
                yield f"R5 {table}: {name} leaves its dossier"
        elif table in scoped and target not in REFERENCE:
            yield f"R5 {table}: {name} points to {target}, not a reference table"
        elif target in scoped and table not in scoped:
            yield f"R5 {table}: {name}, from a shared table into a dossier"
