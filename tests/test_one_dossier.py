"""The guard of scale rule R6 sees what it should, and nothing else."""

import pytest
from django.db import connection

from tests.one_dossier import ACROSS, LOCKS_ALL, ROOT, guard, unfiltered

SCOPED = {"doc": "dossier_id", "trace": "dossier_id", "dossier": "id", "known": "lookup"}


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM doc", {"doc"}),
        ("SELECT * FROM doc WHERE id = %s", {"doc"}),
        ("SELECT count(*) FROM doc d WHERE d.id = %s AND NOT (d.dossier_id = %s)", {"doc"}),
        ("SELECT * FROM doc WHERE dossier_id = %s OR id = %s", {"doc"}),
        ("SELECT * FROM doc WHERE dossier_id <> %s", {"doc"}),
        ("SELECT * FROM doc WHERE dossier_id IS NOT NULL", {"doc"}),
        ("UPDATE doc SET state = %s WHERE id = %s", {"doc"}),
        ("DELETE FROM doc WHERE id IN (%s, %s)", {"doc"}),
        # Two tables that name each other name no dossier.
        ("SELECT * FROM doc INNER JOIN dossier ON (doc.dossier_id = dossier.id)", {"doc", "dossier"}),
        ("SELECT * FROM doc, trace WHERE doc.dossier_id = %s", {"trace"}),
        ("SELECT * FROM person WHERE EXISTS (SELECT 1 FROM doc WHERE doc.id = person.id)", {"doc"}),
        ("INSERT INTO doc SELECT * FROM trace WHERE id = %s", {"trace"}),
        ("WITH old AS (SELECT * FROM doc) SELECT * FROM old WHERE dossier_id = %s", {"doc"}),
        ("SELECT 1 FROM doc WHERE dossier_id = %s UNION SELECT 1 FROM trace", {"trace"}),
        ("SELECT * FROM doc LEFT OUTER JOIN trace t ON (t.id = doc.id) WHERE doc.dossier_id = %(d)s", {"trace"}),
        ("SELECT * FROM doc WHERE doc.dossier_id = doc.dossier_id", {"doc"}),
        ("SELECT * FROM known WHERE dossier_id = %s", {"known"}),
    ],
)
def test_a_statement_without_its_dossier_is_seen(sql, tables):
    assert unfiltered(sql, SCOPED) == tables


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "doc"."id" FROM "doc" WHERE ("doc"."dossier_id" = %s AND "doc"."title" LIKE %s) LIMIT 3 FOR UPDATE',
        "SELECT * FROM doc WHERE dossier_id = ANY(%s)",
        "SELECT * FROM doc WHERE (dossier_id, id) IN ((%s, %s))",
        "SELECT * FROM doc WHERE (dossier_id = %s AND id = %s) OR (dossier_id = %s AND title = %s)",
        "SELECT * FROM doc WHERE %s::uuid = dossier_id",
        "SELECT * FROM doc INNER JOIN dossier ON (doc.dossier_id = dossier.id) WHERE dossier.id = %s",
        "SELECT * FROM dossier d JOIN trace t ON t.dossier_id = d.id JOIN doc ON doc.dossier_id = t.dossier_id "
        "WHERE d.id = (SELECT dossier_id FROM known WHERE lookup = %s)",
        "SELECT EXISTS(SELECT 1 FROM doc WHERE doc.dossier_id = d.id) FROM dossier d WHERE d.id = %s",
        "UPDATE doc SET state = %s WHERE doc.dossier_id = %s AND doc.id = %s RETURNING id",
        "DELETE FROM doc USING trace WHERE doc.dossier_id = trace.dossier_id AND trace.dossier_id = %s",
        "INSERT INTO doc (id, dossier_id) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET id = excluded.id",
        "SELECT * FROM person WHERE name LIKE '%%doc%%'",
        "WITH doc AS (SELECT * FROM person) SELECT * FROM doc",
    ],
)
def test_a_statement_that_names_its_dossier_passes(sql):
    assert unfiltered(sql, SCOPED) == set()


def asked(sql, file):
    """The statement, as code of that file would send it."""
    code = compile("def ask(cursor, sql):\n    cursor.execute(sql)\n", str(ROOT / file), "exec")
    made = {}
    exec(code, made)  # noqa: S102
    with connection.cursor() as cursor:
        made["ask"](cursor, sql)
    found, guard.found[:] = list(guard.found), []
    return found


@pytest.mark.django_db
def test_the_product_s_statements_are_watched_and_those_of_tests_are_not():
    sql = "SELECT 1 FROM documents_document WHERE masked"
    (found,) = asked(sql, "documents/made_up.py")
    assert found.startswith("documents/made_up.py:ask: documents_document: SELECT 1")
    assert asked(sql, "tests/made_up.py") == []
    assert asked(f"{sql} AND dossier_id = '01a20854-3d9e-7a5c-8459-435ecdc7c74a'", "documents/made_up.py") == []


@pytest.mark.django_db
def test_a_lock_says_which_table_it_locks():
    sql = "SELECT 1 FROM access_user FOR UPDATE"
    (found,) = asked(sql, "access/made_up.py")
    assert found.startswith("access/made_up.py:ask: locks every table: SELECT 1")
    assert asked(f"{sql} OF access_user", "access/made_up.py") == []
    assert len(asked("SELECT 1 FROM access_user FOR NO KEY UPDATE", "access/made_up.py")) == 1
    assert asked("SELECT 1 FROM access_user FOR NO KEY UPDATE OF access_user", "access/made_up.py") == []


@pytest.mark.django_db
def test_what_the_parser_does_not_understand_is_said():
    guard_reads = guard._read("SELECT FROM FROM documents_document ((")
    assert guard_reads.startswith("not understood")


def test_every_exception_says_why_and_still_exists():
    for place, reason in ACROSS.items():
        file, _, function = place.partition(":")
        assert reason
        assert f"def {function}" in (ROOT / file).read_text()
    for place in LOCKS_ALL:
        file, _, function = place.partition(":")
        assert f"def {function}" in (ROOT / file).read_text()
