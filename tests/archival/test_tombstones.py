"""What was destroyed stays destroyed: a restored backup that brings a dossier back is known by the journals, which no
backup holds, and the dossier goes again."""

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command

from archival import certificates, destruction, remains, tombstones
from archival.models import Certificate, Tombstone
from dmp import checks, health
from documents import contents
from documents.models import DataKey
from patients.models import Dossier
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
CLOSED = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)
NEXT_DAY = dt.datetime(2036, 3, 5, 23, tzinfo=dt.UTC)


@pytest.fixture
def two(settings, tmp_path):
    """Two journals, on two disks as it were."""
    settings.TOMBSTONES = [tmp_path / "one", tmp_path / "two"]
    return settings.TOMBSTONES


@pytest.fixture
def due(two, code_tables, time_machine, monkeypatch):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    time_machine.move_to(CLOSED, tick=False)
    dossier = make.DossierFactory(closed=True)
    document = make.DocumentFactory(dossier=dossier, size=3)
    contents.put(dossier.pk, document.pk, b"abc")
    time_machine.move_to(NEXT_DAY, tick=False)
    return dossier


def told():
    return next(answer for answer in health.answers() if answer.name == "destructions")


def again(**options):
    out = io.StringIO()
    call_command("destroy_again", stdout=out, **options)
    return out.getvalue()


def test_each_journal_has_a_day_and_a_mark_that_names_nobody(due, two):
    assert destruction.run(limit=10) == 1
    line = f"2036-03-06 {tombstones.mark_of(due.pk).hex()}\n"
    assert [path.read_text() for path in two] == [line, line]
    assert due.pk.hex not in line and two[0].stat().st_mode & 0o777 == 0o600
    assert told().well


def test_nothing_goes_before_every_journal_has_its_line(due, two):
    two[1].mkdir()  # cannot be written
    assert destruction.run(limit=10) == 0 and not told().well
    assert contents.read(due.documents.get()) == b"abc"
    two[1].rmdir()
    assert destruction.run(limit=10) == 1
    assert Certificate.objects.count() == 1


def test_a_database_older_than_the_journals_is_known_and_what_came_back_goes_again(due):
    """The rows, the key and the file are back as the backup had them; nothing in it says that they were destroyed."""
    kept = make.DossierFactory()
    backup = list(Tombstone.objects.all())
    tombstones.lay(due.pk)
    Tombstone.objects.all().delete()
    assert backup == []
    Dossier.objects.filter(pk=due.pk).update(state="open", closed_at=None, closure="")
    assert "1 destructions que cette base a oubliées" in told().said
    assert "1 dossiers détruits sont revenus" in again()
    assert Dossier.objects.filter(pk=due.pk).exists() and not told().well
    assert "1 dossiers revenus, détruits de nouveau." in again(apply=True)
    assert not any(remains.rows_of(due.pk).values()) and not DataKey.objects.filter(pk=due.pk).exists()
    assert Dossier.objects.filter(pk=kept.pk).exists()
    said = certificates.verify(certificates.written(*_signed()), certificates.public_key())
    assert said["ground"] == "restored"
    assert told().well and "0 dossiers" in again(apply=True)


def _signed():
    certificate = Certificate.objects.get()
    return certificate.statement, bytes(certificate.signature)


def test_a_journal_that_was_lost_is_written_again_from_the_others(due, two):
    destruction.run(limit=10)
    text = two[0].read_text()
    two[0].unlink()
    assert "1 destructions manquent au journal" in told().said
    again(apply=True)
    assert two[0].read_text() == text and told().well


def test_a_line_cut_short_by_a_power_cut_is_no_mark_and_spoils_none(due, two):
    two[0].write_text("2036-03-01 0123")
    destruction.run(limit=10)
    assert two[0].read_text().startswith("2036-03-01 0123\n2036-03-06 ")
    assert told().well


def test_a_disk_that_is_not_mounted_is_not_an_empty_journal(due, two, settings, tmp_path):
    settings.TOMBSTONES = [two[0], tmp_path / "unmounted" / "journal"]
    assert "ne répond pas" in told().said
    assert destruction.run(limit=10) == 0
    with pytest.raises(CommandError, match="relancez"):
        again(apply=True)
    assert contents.read(due.documents.get()) == b"abc"


def test_a_journal_among_the_contents_is_refused(settings):
    assert checks.no_backup_holds_the_journal(None) == []
    settings.TOMBSTONES = [settings.MEDIA_ROOT / "journal"]
    assert [error.id for error in checks.no_backup_holds_the_journal(None)] == ["dmp.E024"]
