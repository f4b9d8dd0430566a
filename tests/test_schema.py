"""The schema keeps the rules that let a dossier move to another machine, and purge reaches all of it."""

import re

import pytest
from django.core.management import call_command
from django.db import connection

from archival.purge import REACH
from audit.schema import breaches, scoped_tables

pytestmark = pytest.mark.django_db


def test_no_table_breaks_the_rules():
    with connection.cursor() as cursor:
        assert list(breaches(cursor)) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE TABLE naive (dossier_id uuid, PRIMARY KEY (dossier_id))", None),
        ("CREATE TABLE naive (id uuid PRIMARY KEY, dossier_id uuid NOT NULL)", "R2"),
        ("CREATE TABLE naive (id uuid, dossier_id uuid, PRIMARY KEY (id, dossier_id), n int UNIQUE)", "R3"),
        ("CREATE TABLE naive (id serial, dossier_id uuid, PRIMARY KEY (id, dossier_id))", "R4"),
        ("CREATE TABLE naive (dossier_id uuid)", "R1"),
        (
            "CREATE TABLE naive (dossier_id uuid PRIMARY KEY, u uuid REFERENCES access_user (id))",
            "R5",
        ),
        ("CREATE TABLE naive (d uuid REFERENCES patients_dossier (id))", "R5"),
    ],
)
def test_a_naive_table_is_named_with_its_rule(statement, rule):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert [line[:2] for line in breaches(cursor)] == ([rule] if rule else [])


def test_purge_reaches_every_table_with_a_dossier():
    with connection.cursor() as cursor:
        assert set(REACH) == set(scoped_tables(cursor))


def test_no_consent_no_dossier():
    from django.db import IntegrityError, transaction

    from audit.scoped import uuid7
    from patients.models import Dossier
    from tests import factories as make

    with pytest.raises(IntegrityError), transaction.atomic():
        Dossier.objects.create(
            opened_channel="web",
            opened_by="x",
            opening_consent_id=uuid7(),
            caisse=make.CaisseFactory(),
            regime=make.RegimeFactory(),
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_one_dossier_an_identity():
    from django.db import IntegrityError, transaction

    from tests import factories as make

    make.DossierFactory(thirteen="1970235990002")
    with pytest.raises(IntegrityError), transaction.atomic():
        make.DossierFactory(thirteen="1970235990002")


def test_the_command_gives_the_roles_their_rights_again(capsys):
    """As the owner of the tables, and as often as one likes."""
    call_command("database_roles", apply=True)
    assert re.search(r"Droits posés : \d{3,} instructions", capsys.readouterr().out)
