"""The whole trail is verified: what was altered, taken away or doubled by whoever owns the tables is found."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import proofs, trail
from audit.models import Trace
from audit.trail import SYSTEM, Event
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dossiers():
    """Two, with three traces each, and a trace of no dossier."""
    made = [make.DossierFactory() for _ in range(2)]
    for one in made * 3:
        trail.record(Event.SHEET_READ, by=SYSTEM, dossier_id=one.pk, object_title="Compte rendu")
    trail.record(Event.SIGN_IN_REFUSED, by=SYSTEM, dossier_id=None, allowed=False)
    return made


def tamper(statement, *values):
    """As the owner of the tables, guards off, and on again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_trace DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE audit_trace ENABLE TRIGGER USER")


def test_an_untouched_trail_is_whole(dossiers):
    verdict = proofs.verify()
    assert (verdict.whole, verdict.traces) == (True, Trace.objects.count())


@pytest.mark.parametrize("change", ["object_title = 'Autre'", "allowed = false", "seq = 9", "salt = '\\x00'"])
def test_a_changed_column_is_found(dossiers, change):
    one = Trace.objects.about(dossiers[0].pk).latest("seq")
    tamper(f"UPDATE audit_trace SET {change} WHERE id = %s", one.pk)
    assert one.pk in proofs.verify().altered


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_trace_taken_away_is_found_the_last_one_too(dossiers, rank):
    tamper("DELETE FROM audit_trace WHERE dossier_id = %s AND seq = %s", dossiers[1].pk, rank)
    assert proofs.verify().holed == [dossiers[1].pk]


def test_all_the_traces_of_a_dossier_taken_away_are_missed(dossiers):
    tamper("DELETE FROM audit_trace WHERE dossier_id = %s", dossiers[0].pk)
    assert proofs.verify().holed == [dossiers[0].pk]


def test_the_command_is_content_then_fails_with_the_reference(dossiers):
    out, complained = io.StringIO(), io.StringIO()
    call_command("trail", stdout=out)
    assert "aucune altérée, aucun trou" in out.getvalue()
    tamper("UPDATE audit_trace SET reason = 'x' WHERE dossier_id = %s AND seq = 1", dossiers[0].pk)
    tamper("DELETE FROM audit_trace WHERE dossier_id = %s AND seq = 3", dossiers[1].pk)
    with pytest.raises(CommandError, match="1 altérées, 1 dossiers troués"):
        call_command("trail", stdout=out, stderr=complained)
    assert str(dossiers[1].pk) in complained.getvalue()


def test_many_traces_at_once_are_as_sound_as_one_by_one(dossiers):
    trail.record_each(Event.CARE_FED, by=SYSTEM, details={one.pk: {"added": n} for n, one in enumerate(dossiers)})
    assert proofs.verify().whole
    assert [Trace.objects.about(one.pk).latest("seq").seq for one in dossiers] == [4, 4]
    trail.record_each(Event.CARE_FED, by=SYSTEM, details={})
