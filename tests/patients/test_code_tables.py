"""Code tables load only as they were written down."""

import io
import shutil
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from access.models import MatrixVersion
from patients import terms
from patients.models import RegisterLoad, Term

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    "access/data/matrix_draft.csv",
    "access/data/verified_matrix_cells.json",
    "documents/data/cda_formats.json",
    "patients/data/regimes.csv",
    "patients/data/caisses.csv",
    "patients/data/opening_rules_2016.csv",
    "patients/data/relations.csv",
]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The apps, with data of their own that a test may spoil."""
    for app in ("patients", "access", "documents"):
        shutil.copytree(ROOT / app / "data", tmp_path / app / "data")
        monkeypatch.setattr(apps.get_app_config(app), "path", str(tmp_path / app))
    return tmp_path


@pytest.mark.django_db
@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_and_nothing_is_loaded(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CommandError, match=path.name):
        call_command("load_code_tables", apply=True, stdout=io.StringIO())
    assert not Term.objects.exists()
    assert not MatrixVersion.objects.exists()


@pytest.mark.django_db
def test_a_missing_file_is_named(copied):
    (copied / "patients/data/caisses.csv").unlink()
    with pytest.raises(CommandError, match=r"caisses\.csv"):
        call_command("load_code_tables", apply=True, stdout=io.StringIO())


def test_untouched_files_are_accepted():
    for app in ("patients", "access", "documents"):
        assert terms.read(ROOT / app / "data")["tables"]


@pytest.mark.django_db
def test_loaded_again_the_matrix_keeps_its_date():
    call_command("load_code_tables", apply=True, stdout=io.StringIO())
    began = MatrixVersion.objects.get().effective_from
    call_command("load_code_tables", apply=True, stdout=io.StringIO())
    assert MatrixVersion.objects.get().effective_from == began
    assert MatrixVersion.history.count() == 1  # it said nothing new


@pytest.mark.django_db
def test_a_load_says_what_it_changed_in_the_tables():
    call_command("load_code_tables", apply=True, stdout=io.StringIO())
    Term.objects.filter(table="types", code="11502-2").update(display="Autre")
    Term.objects.filter(table="types", code="18748-4").delete()
    Term.objects.create(table="types", code="x", system="y", display="En trop", version="1")
    call_command("load_code_tables", apply=True, stdout=io.StringIO())
    last, first = RegisterLoad.objects.all()
    assert (first.read, first.added, first.changed, first.ended) == (Term.objects.count(), first.read, 0, 0)
    assert (last.added, last.changed, last.ended) == (1, 1, 1)
    assert (last.by, last.digest) == ("system:load_code_tables", first.digest)
