"""`manage.py health`: each thing is asked even when another is ill; what is ill is said with what to do."""

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from audit import partitions
from dmp import health
from documents.models import DataKey
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def told(name):
    return next(answer for answer in health.answers() if answer.name == name)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """No worker is asked over the network: who answers is the test's."""
    monkeypatch.setattr(health.app.control, "ping", lambda timeout: [{"worker": "pong"}])


@pytest.fixture
def beat():
    every, _ = IntervalSchedule.objects.get_or_create(every=30, period="seconds")
    fields = {"task": "x", "interval": every, "last_run_at": timezone.now()}
    return PeriodicTask.objects.create(name="send-notices", **fields)


def test_what_is_well_is_said_in_a_line(beat):
    partitions.make_ahead(timezone.localdate())
    wrong = {answer.name: answer.said for answer in health.answers() if not answer.well}
    assert wrong.pop("rôle")  # the tests' role owns the tables: that is not how it is served
    assert wrong == {}


def test_the_command_fails_when_something_is_ill():
    said = io.StringIO()
    with pytest.raises(CommandError, match="points à voir"):
        call_command("health", stdout=said)
    assert "MAL   planificateur" in said.getvalue()


def test_a_silent_beat_and_a_missing_worker_are_told(beat, monkeypatch):
    PeriodicTask.objects.update(last_run_at=timezone.now() - dt.timedelta(minutes=6))
    monkeypatch.setattr(health.app.control, "ping", lambda timeout: [])
    assert not told("planificateur").well
    assert not told("exécuteur").well


def test_clocks_apart_are_told(time_machine):
    time_machine.move_to(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=6))
    assert "Réglez leurs horloges" in told("horloges").said


def test_a_notice_an_hour_late_is_told():
    dossier = make.DossierFactory()
    Notice.objects.create(dossier=dossier, kind="access", created_at=timezone.now() - dt.timedelta(hours=2))
    assert "1 avis attendent" in told("avis").said


def test_a_master_key_that_is_missing_is_told():
    DataKey.objects.create(version=9, wrapped=b"x")
    assert "version 9" in told("clés").said


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [("redis", "REDIS_URL", "unix:///nonexistent"), ("antivirus", "DMP_CLAMD", "/nonexistent")],
)
def test_what_does_not_answer_is_told_without_stopping_the_others(settings, name, setting, value):
    setattr(settings, setting, value)
    assert "ne répond pas" in told(name).said
    assert told("bases").well


def test_the_supervision_reads_it_with_its_token_and_nobody_else(client, settings, beat):
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "un-jeton-de-supervision"
    assert client.get("/metrics", headers={"Authorization": "Bearer autre"}).status_code == 404
    told = client.get("/metrics", headers={"Authorization": "Bearer un-jeton-de-supervision"}).content.decode()
    assert 'dmp_well{point="bases"} 1\n' in told and 'dmp_well{point="rôle"} 0\n' in told
