"""What PostgreSQL samples of a column outlives its rows: of a text that somebody wrote it takes none."""

import pytest
from django.db import connection

from archival import samples
from archival.purge import REACH
from tests import factories as make

pytestmark = pytest.mark.django_db

# Texts, in the catalogue's own words: what the product's models forgot would be seen here.
TEXTS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget <> 0
AND (a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'text[]'::regtype, 'varchar[]'::regtype)
     OR a.atttypid = 'varchar'::regtype AND a.atttypmod - 4 > 40)"""


def test_no_wide_text_of_a_dossier_is_sampled(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_trace'::regclass")
        partitions = [name for (name,) in cursor.fetchall()]
        assert len(partitions) > 3
        cursor.execute(TEXTS, [[*REACH, *samples.ACCOUNTS, *partitions]])
        assert cursor.fetchall() == []


def test_a_partition_made_later_samples_no_more(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_make_partition('2031-05-01')")
        cursor.execute(TEXTS, [["audit_trace_2031_05"]])
        assert cursor.fetchall() == []


def test_analysed_nothing_of_a_person_is_in_the_catalogue(code_tables):
    for _ in range(3):
        dossier = make.DossierFactory()
        make.DocumentFactory(dossier=dossier, title="quetsche-noire")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE patients_patient")
        cursor.execute("ANALYZE documents_document")
        tables = ["patients_patient", "documents_document"]
        cursor.execute("SELECT tablename, attname FROM pg_stats WHERE tablename = ANY(%s)", [tables])
        sampled = set(cursor.fetchall())
        assert ("documents_document", "created") in sampled  # what the planner lives on still is
        assert not {("documents_document", "title"), ("patients_patient", "birth_family")} & sampled
