"""Traces: append-only, numbered per dossier, provable one by one."""

import datetime as dt
import hashlib
import itertools
import json

import psycopg
import pytest
from django.db import connection, transaction

from audit import partitions, trail
from audit.models import Trace
from audit.trail import Actor, ActorKind, Event
from tests import factories as make

pytestmark = pytest.mark.django_db

BY = Actor(ActorKind.PROFESSIONAL, "810000000018", "Dr Paul MOREL", profession="10")
UPDATE, DELETE = "UPDATE audit_trace SET ground = 'x'", "DELETE FROM audit_trace"
TRUNCATE, DROP = "TRUNCATE audit_trace", "DROP TABLE audit_trace"


def connect(role):
    """A connection of its own, as a role that production uses."""
    known = connection.settings_dict
    return psycopg.connect(host=known["HOST"], dbname=known["NAME"], user=role, autocommit=True)


def test_each_dossier_counts_its_own_traces():
    first, second = make.DossierFactory().pk, make.DossierFactory().pk
    for dossier in (first, second, first):
        trail.record(Event.DOCUMENT_READ, by=BY, dossier_id=dossier)
    assert list(Trace.objects.about(first).order_by("seq").values_list("seq", flat=True)) == [1, 2]
    assert Trace.objects.about(second).get().seq == 1


def test_the_digest_covers_every_column_its_salt_and_its_rank():
    dossier = make.DossierFactory().pk
    trail.record(Event.DOCUMENT_READ, by=BY, dossier_id=dossier, object_title="Éléments", detail={"n": 1, "é": [2.5]})
    row = Trace.objects.get()
    said = {f.name: getattr(row, f.name) for f in Trace._meta.fields if f.name not in {"seq", "salt", "leaf"}}
    said["at"] = row.at.astimezone(dt.UTC).isoformat(timespec="microseconds")
    said |= {name: str(said[name]) for name in ("id", "dossier_id")}
    body = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    whole = b"\x00" + bytes(row.salt) + (1).to_bytes(8, "big") + body
    assert bytes(row.leaf) == hashlib.sha256(whole).digest() == trail.leaf_of(row)
    row.ground = "authorised"
    assert trail.broken([row]) == [row.id]


def test_the_model_has_the_columns_of_the_table():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, is_nullable, character_maximum_length FROM information_schema.columns "
            "WHERE table_name = 'audit_trace'"
        )
        found = {(name, nullable == "YES", length) for name, nullable, length in cursor.fetchall()}
    text = {"CharField"}
    assert found == {
        (f.column, f.null, f.max_length if f.get_internal_type() in text else None) for f in Trace._meta.fields
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *itertools.product(["dmp_app", "dmp_counter", "dmp_owner"], [UPDATE, DELETE, TRUNCATE]),
        ("dmp_app", DROP),
        ("dmp_counter", DROP),
    ],
)
def test_no_role_of_production_changes_or_removes_a_trace(role, statement):
    trail.record(Event.DOCUMENT_READ, by=BY, dossier_id=None)
    with connect(role) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute(statement)
    assert Trace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_trail_nothing_is_shown():
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(trail.TrailDown):
            trail.record(Event.DOCUMENT_READ, by=BY, dossier_id=None)
        transaction.set_rollback(True)


def test_a_trace_that_comes_before_an_answer_is_not_one_that_could_be_undone():
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        trail.record_now(Event.DOCUMENT_READ, by=BY, dossier_id=None)
    assert Trace.objects.get(pk=trail.record_now(Event.DOCUMENT_READ, by=BY, dossier_id=None)).allowed is True


def test_partitions_are_made_ahead_and_only_once():
    far = dt.date(2031, 11, 5)
    assert partitions.make_ahead(far, 2) == [
        "audit_trace_2031_11",
        "audit_trace_2031_12",
        "audit_trace_2032_01",
    ]
    assert partitions.make_ahead(far, 2) == []
    assert partitions.ahead_of(far) == 2


def test_a_trace_falls_in_the_month_a_person_in_paris_reads(time_machine):
    partitions.make_ahead(dt.date(2031, 7, 1), 1)
    time_machine.move_to(dt.datetime(2031, 7, 31, 22, 30, tzinfo=dt.UTC), tick=False)  # 1 August, 0:30 in Paris
    trail.record(Event.DOCUMENT_READ, by=BY, dossier_id=None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_trace")
        assert cursor.fetchall() == [("audit_trace_2031_08",)]
