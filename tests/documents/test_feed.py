"""The feed of the assurance maladie: in once, corrected, cancelled; what may not be kept is not."""

import contextlib
import datetime as dt
import io
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone

from audit import trail
from audit.models import Trace
from documents import feed, feed_lines
from documents.care_lines import CareLine, FeedRejection, FeedRun
from documents.tasks import feed_reimbursements, forget_old_care_lines
from patients import dossiers
from patients.ins import OIDS, Ins
from patients.models import Channel, IdentityIndex, Notice
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
TEST_OID = "1.2.250.1.213.1.4.10"
NAMES = ["organisme", "ligne", "version", "matricule", "oid", "annulation", "date_soins", "date_paiement"]
NAMES += ["nature", "acte", "libelle", "quantite", "praticien", "montant", "rembourse", "protege"]


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


def said(dossier, **more):
    """One line as the insurer writes it."""
    line = {
        "organisme": "691", "ligne": "1", "version": "1", "matricule": dossier.patient.ins.matricule, "oid": TEST_OID,
        "annulation": "0", "date_soins": "2026-10-02", "date_paiement": "2026-10-09", "nature": "consultation",
        "acte": "G", "libelle": "Consultation", "quantite": "1", "praticien": "DR PAUL MOREL", "montant": "3000",
        "rembourse": "2100", "protege": "0",
    }  # fmt: skip
    return line | {name: str(value) for name, value in more.items()}


@pytest.fixture
def write(tmp_path):
    made = iter(range(99))

    def written(*lines, name=None, header=NAMES):
        path = tmp_path / (name or f"{next(made)}.csv")
        if path.suffix == ".ndjson":
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        else:
            rows = [";".join(header), *(line if isinstance(line, str) else ";".join(line.values()) for line in lines)]
            path.write_text("\n".join(rows) + "\n")
        return path

    return written


def shown():
    return list(CareLine.objects.shown().values_list("line", "version", "amount"))


def test_a_line_goes_into_the_dossier_of_its_number_and_leaves_a_trace(dossier, write):
    run = feed.feed(write(said(dossier)))
    line = CareLine.objects.get(dossier=dossier)
    assert (line.kind, line.label, line.provider) == ("consultation", "Consultation", "DR PAUL MOREL")
    assert (line.amount, line.reimbursed, line.care_date) == (3000, 2100, dt.date(2026, 10, 2))
    assert (run.lines, run.added, run.rejected) == (1, 1, 0)
    trace = Trace.objects.get(dossier_id=dossier.pk)
    assert (trace.event, trace.actor_kind, trace.detail["added"]) == ("care_fed", "insurer", 1)
    assert trail.broken([trace]) == []


def test_both_forms_say_the_same(dossier, write):
    feed.feed(write(said(dossier, ligne=1)))
    feed.feed(write(said(dossier, ligne=2) | {"montant": 3000}, name="a.ndjson"))
    one, two = CareLine.objects.order_by("line").values("kind", "act", "label", "amount", "reimbursed", "provider")
    assert one == two


def test_the_keys_of_the_lines_are_ordered_by_time_and_each_its_own(dossier, write):
    feed.feed(write(*(said(dossier, ligne=number) for number in range(50))))
    keys = list(CareLine.objects.values_list("id", flat=True))
    assert len(set(keys)) == 50
    assert {(key.version, key.variant) for key in keys} == {(7, uuid.RFC_4122)}
    assert {key.int >> 80 for key in keys} == {int(NOON.timestamp() * 1000)}


@pytest.mark.parametrize("flag", ["01", "2", "oui", " "])
def test_a_flag_that_is_neither_nought_nor_one_refuses_its_line_alone(dossier, write, flag):
    run = feed.feed(
        write(said(dossier, annulation=flag), said(dossier, ligne=2, protege=flag), said(dossier, ligne=3))
    )
    assert (run.rejected, shown()) == (2, [("3", 1, 3000)])


def test_the_same_file_again_changes_nothing_and_the_same_line_elsewhere_neither(dossier, write):
    path = write(said(dossier))
    feed.feed(path)
    feed.feed(path)
    run = feed.feed(write(said(dossier), said(dossier)))
    assert (run.added, run.changed, run.same) == (0, 0, 2)
    assert (CareLine.objects.count(), Trace.objects.about(dossier.pk).count()) == (1, 1)


def test_a_later_version_corrects_and_an_earlier_one_that_comes_late_does_not(dossier, write):
    feed.feed(write(said(dossier, version=2, montant=4000)))
    feed.feed(write(said(dossier, version=1, montant=3000)))
    assert shown() == [("1", 2, 4000)]
    run = feed.feed(write(said(dossier, version=3, montant=5000), said(dossier, version=4, montant=6000)))
    assert (shown(), run.changed) == ([("1", 4, 6000)], 1)


def test_a_cancelled_line_is_shown_no_more_keeps_nothing_and_does_not_come_back(dossier, write):
    first = said(dossier)
    feed.feed(write(first))
    assert feed.feed(write(said(dossier, version=2, annulation=1))).cancelled == 1
    feed.feed(write(first, said(dossier, ligne=9)))
    assert [line for line, *_ in shown()] == ["9"]
    gone = CareLine.objects.get(line="1")
    assert (gone.act, gone.label, gone.provider, gone.amount) == ("", "", "", 0)


@pytest.mark.parametrize("marked", [{"protege": 1}, {"acte": "JNJP001"}])
def test_a_protected_act_of_a_minor_is_never_kept_and_goes_out_if_it_had_come_in(code_tables, write, marked):
    """Article R1111-50: the assurance maladie's data of such acts reach no parent."""
    child = make.DossierFactory(minor=True)
    run = feed.feed(write(said(child, **marked)))
    assert (run.protected, run.added, CareLine.objects.count()) == (1, 0, 0)
    feed.feed(write(said(child, ligne=2)))
    feed.feed(write(said(child, ligne=2, version=2, **marked)))
    assert not CareLine.objects.exists()
    assert Trace.objects.about(child.pk).count() == 1  # of the line that was no secret when it came


def test_the_same_act_of_an_adult_is_kept(dossier, write):
    assert feed.feed(write(said(dossier, protege=1))).added == 1


def test_a_closed_dossier_is_refused_and_counted(code_tables, write):
    closed = make.DossierFactory(closed=True)
    run = feed.feed(write(said(closed)))
    assert (run.closed, run.added, CareLine.objects.exists()) == (1, 0, False)
    assert not Trace.objects.about(closed.pk).exists()


def test_a_person_without_a_dossier_is_counted_and_leaves_no_number(dossier, write):
    line = said(dossier)
    IdentityIndex.objects.all().delete()
    run = feed.feed(write(line))
    assert (run.unknown, run.added) == (1, 0)
    kept = " ".join(map(str, [*FeedRun.objects.values_list(), *FeedRejection.objects.values_list()]))
    assert line["matricule"] not in kept


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"organisme": ""}, "nécessaires"),
        ({"ligne": "x" * 41}, "trop long"),
        ({"libelle": "a\tb"}, "ne s'écrivent pas"),
        ({"version": "0"}, "bornes"),
        ({"version": "un"}, "entiers"),
        ({"montant": "30,00"}, "entiers"),
        ({"montant": "99999999999"}, "bornes"),
        ({"matricule": "197023599000285"}, "clé"),
        ({"oid": "1.2.3"}, "clé"),
        ({"date_soins": "2026-02-30"}, "date"),
        ({"date_soins": "0001-01-01"}, "calendrier"),
        ({"nature": "divination"}, "nature"),
        ({"annulation": "oui"}, "0 ou 1"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_a_wrong_line_is_told_by_number_and_reason_and_the_others_go_in(dossier, write, changed, why, name):
    run = feed.feed(write(said(dossier), said(dossier, ligne=2) | changed, said(dossier, ligne=3), name=name))
    assert (run.added, run.rejected) == (2, 1)
    line = FeedRejection.objects.get()
    assert (line.number, why in line.reason) == (2, True)


@pytest.mark.parametrize("line", ["a;b", '"', "\x00"])
def test_a_line_that_is_no_row_is_refused_alone(dossier, write, line):
    run = feed.feed(write(line, said(dossier)))
    assert (run.added, run.rejected) == (1, 1)


@pytest.mark.parametrize("line", ["[]", "{", '{"organisme": []}'])
def test_a_line_that_is_no_object_is_refused_alone(dossier, tmp_path, line):
    path = tmp_path / "a.ndjson"
    path.write_text(f"{line}\n{json.dumps(said(dossier))}\n")
    run = feed.feed(path)
    assert (run.added, run.rejected) == (1, 1)


def test_what_postgresql_might_read_otherwise_is_kept_as_it_is(dossier, write):
    feed.feed(write(said(dossier, libelle=r"Soin \N \x41 'a'", praticien=r"\.")))
    line = CareLine.objects.get()
    assert (line.label, line.provider) == (r"Soin \N \x41 'a'", r"\.")


def test_quoted_cells_may_hold_the_separator(dossier, write):
    row = ";".join(said(dossier).values()).replace("Consultation", '"Consultation ; suivi"')
    feed.feed(write(row))
    assert CareLine.objects.get().label == "Consultation ; suivi"


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_a_file_of_another_form_loads_nothing(write, name):
    path = write("x", name=name, header=["nom", "prenom"])
    with pytest.raises(CommandError, match="a\\."):
        call_command("feed_reimbursements", path, "--apply", stdout=io.StringIO())
    assert not FeedRun.objects.filter(lines__gt=0).exists()


def test_read_again_a_file_gives_its_lines_to_who_opened_since_and_doubles_nothing(dossier, write, capsys):
    later = make.InsuredFactory()
    path = write(said(dossier), said(dossier, ligne=2) | {"matricule": later.ins.matricule, "oid": later.oid})
    assert feed.feed(path).unknown == 1
    opened = dossiers.open_for(later, agreement=dossiers.Agreement("holder", "x", Channel.WEB), by=trail.SYSTEM)
    assert feed.feed(path).added == 1  # read whole before: not read again
    assert not CareLine.objects.filter(dossier=opened).exists()
    call_command("feed_reimbursements", path, "--apply", "--again")
    assert "2 lignes lues ; 1 ajoutées, 1 déjà connues" in capsys.readouterr().out
    assert CareLine.objects.filter(dossier=opened).count() == CareLine.objects.filter(dossier=dossier).count() == 1


SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "alimentation.schema.json").read_text())


def test_the_schema_says_the_fields_of_the_reader():
    assert set(SCHEMA["properties"]) == set(feed_lines.COLUMNS)
    assert set(SCHEMA["required"]) == set(feed_lines.REQUIRED)
    assert set(SCHEMA["properties"]["nature"]["enum"]) == feed_lines.KINDS
    assert set(SCHEMA["properties"]["oid"]["enum"]) == {"", *OIDS}


@pytest.mark.parametrize(
    ("changed", "accepted"),
    [
        ({}, True),
        ({"montant": 3000, "version": 2, "quantite": 1, "protege": True, "annulation": 0}, True),
        ({"oid": "", "acte": "", "libelle": "", "praticien": "", "quantite": ""}, None),  # the schema knows no key
        ({"rembourse": "-2100"}, True),
        ({"organisme": ""}, False),
        ({"ligne": "x" * 41}, False),
        ({"libelle": "a\tb"}, False),
        ({"version": "0"}, False),
        ({"version": 0}, False),
        ({"montant": "30,00"}, False),
        ({"montant": 99999999999}, False),
        ({"matricule": "12"}, False),
        ({"oid": "1.2.3"}, False),
        ({"date_soins": "2026-13-30"}, False),
        ({"date_soins": "0001-01-01"}, False),
        ({"nature": "divination"}, False),
        ({"annulation": "oui"}, False),
        ({"praticien": []}, False),
    ],
)
def test_the_schema_and_the_reader_accept_the_same_lines(dossier, tmp_path, changed, accepted):
    line = said(dossier) | changed
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps(line) + "\n")
    (chunk,) = feed_lines.Reader(path).chunks()
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(line)
    assert valid is (accepted is not False)
    if accepted is not None:
        assert (chunk.rejected == []) is accepted


# -- the window, the notice, the run ---------------------------------------------------------------------------
def test_lines_leave_the_window_by_themselves_then_the_table(dossier, write, time_machine):
    feed.feed(write(said(dossier, date_soins="2024-11-24"), said(dossier, ligne=2, date_soins="2024-11-23")))
    assert [line for line, *_ in shown()] == ["1"]
    time_machine.move_to(NOON + dt.timedelta(days=1), tick=False)
    assert shown() == []
    assert CareLine.objects.count() == 1
    forget_old_care_lines()
    assert not CareLine.objects.exists()


def test_a_line_that_left_the_window_stays_while_its_dossier_is_fed(dossier, write, time_machine, monkeypatch):
    """A correction may bring it back: the merge looks for it, and what it looked for is not taken from under it."""
    feed.feed(write(said(dossier, date_soins="2024-11-24")))
    time_machine.move_to(NOON + dt.timedelta(days=1), tick=False)
    known, gone = feed._note, []

    def forget():
        try:
            return feed.forget_old()
        finally:
            connection.close()

    def note(run, chunk, fates, done, is_ahead):
        if done[0]:  # the half that holds the dossier
            with ThreadPoolExecutor(1) as other:
                gone.append(other.submit(forget).result())
        known(run, chunk, fates, done, is_ahead)

    monkeypatch.setattr(feed, "_note", note)
    feed.feed(write(said(dossier, ligne=2)))
    assert gone == [0]
    assert feed.forget_old() == 1
    assert [line for line, *_ in shown()] == ["2"]


def test_the_first_feed_tells_the_holder_once(dossier, write):
    feed.feed(write(said(dossier)))
    feed.feed(write(said(dossier, ligne=2)))
    assert Notice.objects.filter(dossier=dossier, kind="first_feed").count() == 1


def test_killed_between_two_chunks_it_goes_on_where_it_was(dossier, write, monkeypatch):
    monkeypatch.setattr("documents.feed_lines.CHUNK", 1)  # a line a chunk
    path = write(*(said(dossier, ligne=n) for n in range(1, 6)))
    seen = []

    def killed(run):
        seen.append(run.lines)
        if len(seen) in (2, 3):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            feed.feed(path, progress=killed)
    run = feed.feed(path, progress=killed)
    assert seen == [1, 2, 3, 4, 5]  # no line twice
    assert (run.added, run.same, CareLine.objects.count()) == (5, 0, 5)
    assert run.finished_at == timezone.now()


@pytest.fixture
def other_number(dossier, monkeypatch):
    """A provisional number of the same person, whose lines go in the other half than those of the NIR."""
    monkeypatch.setattr(feed, "PATIENCE", "200ms")
    half = dossier.patient.ins.lookup.hex() > "8"
    others = (Ins(f"{key}{97 - key % 97:02d}", TEST_OID) for key in range(8_900_101_000_000, 8_900_101_000_064))
    other = next(one for one in others if (one.lookup.hex() > "8") is not half)
    IdentityIndex.objects.create(lookup=other.lookup, dossier_id=dossier.pk)
    return other.matricule


def test_a_dossier_of_two_numbers_goes_in_whichever_half_each_is_in(dossier, write, other_number):
    """The two halves meet on one trail, and go one after the other."""
    run = feed.feed(write(said(dossier, ligne=1), said(dossier, ligne=2, matricule=other_number)))
    assert (run.lines, run.added, run.same, run.rejected) == (2, 2, 0, 0)
    assert sorted(line for line, *_ in shown()) == ["1", "2"]
    traces = list(Trace.objects.about(dossier.pk).order_by("seq"))
    assert [trace.seq for trace in traces] == [1, 2] and trail.broken(traces) == []
    assert Notice.objects.filter(dossier=dossier, kind="first_feed").count() == 1


@pytest.mark.parametrize("later", [1, 2])
def test_one_line_under_both_numbers_is_there_once_in_its_last_version(dossier, write, other_number, later):
    versions = {dossier.patient.ins.matricule: 3 - later, other_number: later}
    run = feed.feed(write(*(said(dossier, version=one, matricule=number) for number, one in versions.items())))
    assert (run.lines, run.added, run.changed + run.same) == (2, 1, 1)
    assert shown() == [("1", 2, 3000)]


def test_the_insurer_writes_and_never_reads(dossier, write, monkeypatch):
    """The merge goes under a role of the database that may read no line, no document and no trace."""
    roles, known = set(), trail.record_each

    def record_each(*args, **more):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            roles.add(cursor.fetchone()[0])
        known(*args, **more)

    monkeypatch.setattr(trail, "record_each", record_each)
    feed.feed(write(said(dossier)))
    assert roles == {"dmp_feed"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() != ("dmp_feed",)  # given back
        cursor.execute(
            "SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns "
            "WHERE table_schema = 'public' AND has_column_privilege('dmp_feed', table_name, column_name, 'SELECT') "
            "GROUP BY table_name"
        )
        read = dict(cursor.fetchall())
    assert set(read) == READ.keys() | {"audit_tracehead", "documents_feedrun"}  # a rank; a file's place and counts
    assert {table: read[table] for table in READ} == READ
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE dmp_feed")
        cursor.execute("SELECT label FROM documents_careline")


READ = {
    "documents_careline": ["cancelled", "dossier_id", "id", "line", "source", "version"],
    "patients_dossier": ["id", "state"],
    "patients_identityindex": ["dossier_id", "lookup"],
    "patients_notice": ["dossier_id", "kind"],
    "patients_patient": ["birth_date", "dossier_id", "email"],
}


def test_killed_between_the_two_halves_neither_is_done_twice(dossier, write, monkeypatch):
    second = make.DossierFactory()
    while (second.patient.ins.lookup.hex() > "8") is (dossier.patient.ins.lookup.hex() > "8"):
        second = make.DossierFactory()
    path, known, failed = write(said(dossier), said(second, ligne=2)), feed._note, []

    def note(run, chunk, fates, done, is_ahead):
        known(run, chunk, fates, done, is_ahead)
        if not is_ahead and not failed:
            failed.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(feed, "_note", note)
    with pytest.raises(KeyboardInterrupt):
        feed.feed(path)
    assert CareLine.objects.count() == 1  # the half that goes first
    run = feed.feed(path)
    assert (run.lines, run.added, run.same, CareLine.objects.count()) == (2, 2, 0, 2)


def test_a_feed_that_lost_its_session_stops_for_another_may_have_begun(dossier, write, monkeypatch):
    """Its lock went with its session; what it says of the halves that were done is true all the same."""
    second = make.DossierFactory()
    while (second.patient.ins.lookup.hex() > "8") is (dossier.patient.ins.lookup.hex() > "8"):
        second = make.DossierFactory()
    path, known, cut = write(said(dossier), said(second, ligne=2)), feed._note, []

    def note(run, chunk, fates, done, is_ahead):
        if not is_ahead and not cut:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                cut.append(cursor.fetchone()[0])
            with contextlib.closing(connection.copy()) as other, other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", cut)
        known(run, chunk, fates, done, is_ahead)

    monkeypatch.setattr(feed, "_note", note)
    with pytest.raises((OperationalError, InterfaceError)):
        feed.feed(path)
    assert FeedRun.objects.get().finished_at is None
    run = feed.feed(path)
    assert (run.lines, run.added, run.same, CareLine.objects.count()) == (2, 2, 0, 2)


def test_a_chunk_whose_trace_cannot_be_written_is_not_in(dossier, write, monkeypatch):
    def down(*args, **kwargs):
        raise trail.TrailDown

    monkeypatch.setattr(trail, "record_each", down)
    with pytest.raises(trail.TrailDown):
        feed.feed(write(said(dossier)))
    assert not CareLine.objects.exists()
    assert FeedRun.objects.get().offset == 0


# -- the doors of the operator ------------------------------------------------------------------------------------
def test_without_apply_the_command_only_reads(dossier, write, capsys):
    path = write(said(dossier), said(dossier, ligne=2, nature="x"))
    with pytest.raises(CommandError, match="1 lignes seraient refusées"):
        call_command("feed_reimbursements", path)
    assert "rien n'est écrit" in capsys.readouterr().out
    assert not FeedRun.objects.exists()


def test_the_command_says_what_came_of_it_and_fails_when_a_line_was_refused(dossier, write, capsys, tmp_path):
    path, report = write(said(dossier), said(dossier, ligne=2, nature="x")), tmp_path / "report.txt"
    with pytest.raises(CommandError, match="1 lignes refusées"):
        call_command("feed_reimbursements", path, "--apply", "--report", report)
    told = capsys.readouterr()
    assert "2 lignes lues ; 1 ajoutées, 1 refusées." in told.out
    assert report.read_text() == f"{path.name}, ligne 2 : La nature n'est pas une de celles de la notice.\n"
    assert dossier.patient.ins.matricule not in told.out + told.err + report.read_text()


def test_the_drop_folder_is_read_when_its_files_are_quiet(dossier, write, tmp_path, settings, time_machine):
    settings.FEED_DIR = str(tmp_path)
    kept = tmp_path / "lus" / "ancien.csv"
    kept.parent.mkdir()
    kept.touch()
    path = write(said(dossier))
    time_machine.move_to(dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) + dt.timedelta(seconds=30))
    feed_reimbursements()
    assert not FeedRun.objects.exists()
    time_machine.shift(dt.timedelta(seconds=60))
    feed_reimbursements()
    assert FeedRun.objects.get().added == 1
    assert not path.exists() and not kept.exists()  # what was read is kept nowhere: it names people in clear


@pytest.fixture
def dropped(write, tmp_path, settings, time_machine):
    """The files are in the folder and nobody writes to them any more."""
    settings.FEED_DIR = str(tmp_path)
    written = dt.datetime.fromtimestamp(tmp_path.stat().st_mtime, dt.UTC)
    time_machine.move_to(written + dt.timedelta(hours=1), tick=False)

    def put(*files):
        for place, path in enumerate(files):
            os.utime(path, times=(path.stat().st_atime, path.stat().st_mtime + place))

    return put


@pytest.mark.parametrize(
    ("name", "header", "why"),
    [("0.csv", ["nom"], "Colonnes absentes"), ("0.csv", ["\udce9"], "UTF-8"), ("0.ndjson", [], "")],
)
def test_a_bad_file_is_put_aside_with_its_reason_and_the_next_goes_in(
    dossier, write, tmp_path, dropped, name, header, why, monkeypatch
):
    bad = tmp_path / name
    bad.write_bytes(";".join(header).encode(errors="surrogateescape") + b"\nx\n")
    good = write(said(dossier), name="1.csv")
    dropped(bad, good)
    if not why:  # an error nobody foresaw
        known, why = feed.feed, "RecursionError"

        def fails(path):
            if path == bad:
                raise RecursionError
            return known(path)

        monkeypatch.setattr(feed, "feed", fails)
    feed_reimbursements()
    assert CareLine.objects.count() == 1
    aside = tmp_path / "refuses"
    assert sorted(one.name for one in aside.iterdir()) == [name, f"{name}.refus.txt"]
    assert why in (aside / f"{name}.refus.txt").read_text()
    feed_reimbursements()
    assert FeedRun.objects.filter(lines__gt=0).count() == 1


def test_refused_lines_of_a_dropped_file_are_reported_beside(dossier, write, tmp_path, dropped):
    dropped(write(said(dossier), said(dossier, ligne=2, nature="x"), name="1.csv"))
    feed_reimbursements()
    (report,) = (tmp_path / "refuses").iterdir()
    assert report.name == "1.csv.refus.txt"
    assert report.read_text() == "ligne 2 : La nature n'est pas une de celles de la notice.\n"


@pytest.mark.parametrize("passing", [trail.TrailDown, OperationalError])
def test_what_passes_by_itself_puts_no_file_aside(dossier, write, tmp_path, dropped, monkeypatch, passing):
    path = write(said(dossier))
    dropped(path)

    def down(*args, **kwargs):
        raise passing

    with monkeypatch.context() as patch:
        patch.setattr(trail, "record_each", down)
        with pytest.raises(passing):
            feed_reimbursements()
    assert path.exists()
    feed_reimbursements()
    assert CareLine.objects.count() == 1
