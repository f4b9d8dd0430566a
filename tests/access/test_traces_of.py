"""The operator writes a professional's traces for who asked: days included, nothing of holders, the act traced."""

import csv
import datetime as dt
import io
import locale
import stat

import pytest
from django.core.management import CommandError, call_command

from access import working_days
from access.management.commands import traces_of
from audit import trail
from audit.models import Trace
from audit.trail import Event
from tests import factories as make
from tests.progress import shown_by

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doctor(time_machine, odile):
    doctor = make.ProfessionalFactory()
    dossier = make.DossierFactory()
    for day in (1, 2, 3):
        time_machine.move_to(dt.datetime(2026, 11, day, 22, 30, tzinfo=dt.UTC), tick=False)  # 23.30 in Paris
        by = make.caller(doctor).actor
        trail.record(Event.DOCUMENT_READ, by=by, dossier_id=dossier.pk, object_title="Secret", reason="mal au dos")
    return doctor


def write(number, path, **more):
    said = io.StringIO()
    asked = {"since": dt.date(2026, 11, 1), "until": dt.date(2026, 11, 2), "reason": "ordre des médecins"}
    by = {"by": "odile@exploitant.example.org", "apply": True}
    call_command("traces_of", number, path, stdout=said, **asked | by | more)
    return said.getvalue()


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines(), delimiter=";"))


def test_the_days_asked_both_included_without_what_concerns_a_holder(doctor, tmp_path, odile):
    path = tmp_path / "traces.csv"
    assert "2 traces écrites" in write(doctor.rpps, path)
    text = path.read_text()
    assert [row["event"] for row in rows_of(path)] == ["document_read"] * 2
    assert "Secret" not in text and "mal au dos" not in text and "MARCHAND" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    trace = Trace.objects.get(event="traces_exported")
    assert (trace.reason, trace.detail["idnat"]) == ("ordre des médecins", doctor.idnat)
    assert (trace.actor_kind, trace.actor_id, trace.actor_name) == ("operator", str(odile.pk), "Odile Fournier")


def test_any_national_identifier_is_taken_and_one_that_nobody_bears_is_refused(doctor, tmp_path):
    assert "2 traces" in write(doctor.idnat, tmp_path / "a.csv")
    for wrong in ("pas-un-rpps", "19999999999", "1"):
        with pytest.raises(CommandError):
            write(wrong, tmp_path / "b.csv")
    assert not (tmp_path / "b.csv").exists()
    assert Trace.objects.filter(event="traces_exported").count() == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"until": dt.date(2026, 10, 31)}, r"Le dernier jour \(--until\) vient avant le premier"),
        ({"reason": " "}, "Dites qui le demande"),
    ],
)
def test_days_in_the_wrong_order_or_no_reason_write_nothing(doctor, tmp_path, wrong, said):
    with pytest.raises(CommandError, match=said):
        write(doctor.rpps, tmp_path / "a.csv", **wrong)
    assert not (tmp_path / "a.csv").exists()
    assert not Trace.objects.filter(event="traces_exported").exists()


def test_without_apply_it_is_only_counted(doctor, tmp_path):
    said = write(doctor.rpps, tmp_path / "a.csv", apply=False)
    assert "2 traces à écrire" in said
    assert not (tmp_path / "a.csv").exists()
    assert not Trace.objects.filter(event="traces_exported").exists()


def test_what_a_spreadsheet_would_run_is_text(doctor, tmp_path):
    by = make.caller(doctor).actor
    by = type(by)(**vars(by) | {"structure_name": '=HYPERLINK("http://x")'})
    trail.record(Event.DOCUMENT_READ, by=by, dossier_id=make.DossierFactory().pk)
    write(doctor.rpps, tmp_path / "a.csv", until=dt.date(2026, 11, 3))
    assert rows_of(tmp_path / "a.csv")[-1]["structure_name"] == '\'=HYPERLINK("http://x")'


def test_the_answer_is_due_in_seven_working_days(doctor, tmp_path):
    """Asked on Tuesday the 3rd of November 2026: Wednesday the 11th is a holiday."""
    assert "due le 13/11/2026" in write(doctor.rpps, tmp_path / "a.csv")
    assert "c'est passé" in write(doctor.rpps, tmp_path / "b.csv", asked=dt.date(2026, 10, 12))


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (dt.date(2026, 12, 24), dt.date(2027, 1, 6)),  # Christmas, New Year
        (dt.date(2026, 4, 3), dt.date(2026, 4, 15)),  # Easter Monday is the 6th
        (dt.date(2026, 5, 13), dt.date(2026, 5, 26)),  # Ascension the 14th, Whit Monday the 25th
        (dt.date(2026, 6, 1), dt.date(2026, 6, 10)),
    ],
)
def test_working_days_leave_out_week_ends_and_public_holidays(day, due):
    assert working_days.after(day, 7) == due


def test_a_file_that_exists_is_not_written_over(doctor, tmp_path):
    path = tmp_path / "traces.csv"
    path.write_text("déjà là")
    with pytest.raises(CommandError, match="existe déjà"):
        write(doctor.rpps, path)
    assert path.read_text() == "déjà là"
    assert not Trace.objects.filter(event="traces_exported").exists()


def test_what_is_written_is_each_trace_with_its_columns(doctor, tmp_path, odile, time_machine):
    """A semicolon between cells, days of Paris, a trace in the trail with what was asked."""
    said = write(doctor.rpps, tmp_path / "a.csv", since=dt.date(2026, 11, 2), until=dt.date(2026, 11, 2))
    assert said == (
        f"1 traces écrites dans {tmp_path / 'a.csv'}. Réponse due le 13/11/2026 au plus tard (7 jours ouvrés).\n"
    )
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "at;event;allowed;ground;mode;dossier_id;structure_name;means;channel"
    trace = Trace.objects.get(event="document_read", at__day=2)
    at = "2026-11-02 22:30:00+00:00"
    assert lines[1:] == [
        f"{at};document_read;True;;normal;{trace.dossier_id};{trace.structure_name};test;{trace.channel}"
    ]
    exported = Trace.objects.get(event="traces_exported")
    assert exported.detail == {"idnat": doctor.idnat, "since": "2026-11-02", "until": "2026-11-02"}
    assert exported.means == "commande+code"


def test_the_file_is_written_alike_whatever_the_terminal_speaks(doctor, tmp_path):
    by = make.caller(doctor).actor
    by = type(by)(**vars(by) | {"structure_name": "Hôpital de la Croix-Rousse"})
    trail.record(Event.DOCUMENT_READ, by=by, dossier_id=make.DossierFactory().pk)
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        write(doctor.rpps, tmp_path / "a.csv", until=dt.date(2026, 11, 3))
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    text = (tmp_path / "a.csv").read_bytes().decode("utf-8")
    assert "Hôpital de la Croix-Rousse" in text
    assert text.count("\r\n") == text.count("\n") == 5


def test_how_far_it_is_is_shown(doctor, tmp_path, monkeypatch):
    with shown_by(monkeypatch, traces_of) as seen:
        write(doctor.rpps, tmp_path / "a.csv")
    assert seen == ["traces", None, 1, 2]


def test_one_day_is_asked_by_naming_it_twice(doctor, tmp_path):
    day = dt.date(2026, 11, 1)
    assert write(doctor.rpps, tmp_path / "a.csv", since=day, until=day, apply=False).startswith("1 traces à écrire. ")


@pytest.mark.parametrize(("asked", "passed"), [(dt.date(2026, 10, 22), True), (dt.date(2026, 10, 23), False)])
def test_an_answer_due_today_is_not_late(doctor, tmp_path, asked, passed):
    """Today is the 3rd of November; the 1st is a holiday, and a Sunday."""
    said = write(doctor.rpps, tmp_path / "a.csv", asked=asked, apply=False)
    assert ("c'est passé" in said) is passed, said
