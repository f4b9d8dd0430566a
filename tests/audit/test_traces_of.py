"""The operator writes a professional's traces for who asked: days included, nothing of holders, the act traced."""

import csv
import datetime as dt

import pytest
from django.core.management import CommandError, call_command

from audit import trail
from audit.models import Trace
from audit.trail import Event
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doctor(time_machine):
    doctor = make.ProfessionalFactory()
    dossier = make.DossierFactory()
    for day in (1, 2, 3):
        time_machine.move_to(dt.datetime(2026, 11, day, 22, 30, tzinfo=dt.UTC), tick=False)  # 23.30 in Paris
        by = make.caller(doctor).actor
        trail.record(Event.DOCUMENT_READ, by=by, dossier_id=dossier.pk, object_title="Secret", reason="mal au dos")
    return doctor


def write(doctor, path):
    asked = {"since": dt.date(2026, 11, 1), "until": dt.date(2026, 11, 2), "reason": "ordre des médecins"}
    call_command("traces_of", doctor.rpps, path, **asked)


def test_the_days_asked_both_included_without_what_concerns_a_holder(doctor, tmp_path):
    write(doctor, tmp_path / "traces.csv")
    text = (tmp_path / "traces.csv").read_text()
    rows = list(csv.DictReader(text.splitlines(), delimiter=";"))
    assert [row["event"] for row in rows] == ["document_read"] * 2
    assert "Secret" not in text and "mal au dos" not in text and "MARCHAND" not in text
    trace = Trace.objects.get(event="traces_exported")
    assert (trace.reason, trace.detail["rpps"], trace.actor_kind) == ("ordre des médecins", doctor.rpps, "operator")


def test_a_file_that_exists_is_not_written_over(doctor, tmp_path):
    path = tmp_path / "traces.csv"
    path.write_text("déjà là")
    with pytest.raises(CommandError, match="existe déjà"):
        write(doctor, path)
    assert path.read_text() == "déjà là"
