"""`manage.py health`: each thing is asked even when another is ill; what is ill is said with what to do."""

import datetime as dt
import io
import os

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import clear_url_caches
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from audit import partitions
from dmp import health
from documents.models import DataKey
from patients.models import Notice
from tests import doors
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
    late = timezone.now() - dt.timedelta(minutes=6)
    PeriodicTask.objects.update(last_run_at=late, date_changed=late)
    monkeypatch.setattr(health.app.control, "ping", lambda timeout: [])
    assert not told("planificateur").well
    assert not told("exécuteur").well


@pytest.mark.parametrize("before", [None, dt.timedelta(hours=8)], ids=["the first time", "after a night"])
def test_a_planner_that_has_just_started_is_not_ill_and_is_a_beat_later(beat, time_machine, before):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    beat.last_run_at = before and start - before
    beat.save()  # as it does when it starts: the schedule is written again
    for seconds, said in (
        (0, "démarre"),
        (31, "démarre"),
        (46, "n'a rien lancé depuis cinq minutes : redémarrez-le"),
    ):
        time_machine.move_to(start + dt.timedelta(seconds=seconds), tick=False)
        answer = told("planificateur")
        assert (answer.said, answer.well) == (said, said == "démarre")


def test_a_planner_that_never_started_is_ill():
    assert not told("planificateur").well


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


def test_a_file_put_aside_or_left_waiting_is_told(settings, tmp_path):
    settings.FEED_DIR = str(tmp_path / "absent")
    assert "n'est pas là" in told("alimentation").said
    settings.FEED_DIR = str(tmp_path)
    assert told("alimentation").well
    late = tmp_path / "a.csv"
    late.write_text("x")
    assert told("alimentation").well
    os.utime(late, times=(late.stat().st_atime, late.stat().st_mtime - 3601))
    assert "1 fichiers attendent" in told("alimentation").said
    (tmp_path / "refuses").mkdir()
    (tmp_path / "refuses" / "b.csv.refus.txt").write_text("x")
    assert "1 fichiers refusés" in told("alimentation").said


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


# -- from the back office --------------------------------------------------------------------------------------
@pytest.fixture
def counter_s_process(settings):
    """Its addresses and its database role, which may not read the keys."""
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    clear_url_caches()

    def connect():
        connection.close()
        connection.settings_dict["USER"] = "dmp_counter"

    before = connection.settings_dict["USER"]
    yield connect
    connection.close()
    connection.settings_dict["USER"] = before
    clear_url_caches()


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_the_counter_s_process_raises_no_false_alarm(beat, counter_s_process):
    partitions.make_ahead(timezone.localdate())
    counter_s_process()
    found = {answer.name: answer for answer in health.answers()}
    assert [answer for answer in found.values() if not answer.well] == []
    assert {"bases", "rôle", "planificateur", "exécuteur", "avis"} <= set(found)
    assert not {"clés", "alimentation", "gels", "échéances"} & set(found)


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_an_operator_sees_it_on_a_page_and_an_agent_does_not(counter_s_process):
    operator, agent = (doors.signed_in(doors.staff(kind)) for kind in ("operator", "agent"))
    counter_s_process()
    told = operator.get("/exploitation/sante/").content.decode()
    assert "redémarrez-le" in told
    assert "1 point à voir" in told and "Santé du service" in operator.get("/guichet/").content.decode()
    assert agent.get("/exploitation/sante/").status_code == 403
    assert "Santé du service" not in agent.get("/guichet/").content.decode()
    assert operator.get("/metrics").status_code == 404
