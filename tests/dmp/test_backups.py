"""A backup holds both databases apart and says what it holds; one that was altered or emptied is refused."""

import io

import pytest
from django.core.management import CommandError, call_command

from documents import contents
from documents.models import Document
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def document():
    document = make.DocumentFactory(size=5)
    contents.put(document.dossier_id, document.pk, b"hello")
    return document


@pytest.fixture
def backup(document, tmp_path):
    call_command("backup", tmp_path / "data", tmp_path / "keys", stdout=io.StringIO())
    return tmp_path / "data"


def check(folder):
    out = io.StringIO()
    call_command("drill_check", folder, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_keys_are_not_with_the_data(backup):
    assert {path.name for path in backup.iterdir()} == {"dmp.dump", "sauvegarde.json", "media"}
    assert (backup.parent / "keys" / "dmp_keys.dump").stat().st_size > 0
    assert "1 documents ouverts" in check(backup)


@pytest.mark.parametrize("same", [True, False])
def test_it_goes_in_two_empty_folders(tmp_path, same):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    keys = tmp_path / "data" if same else tmp_path / "full"
    with pytest.raises(CommandError, match="pas une sauvegarde"):
        call_command("backup", tmp_path / "data", keys)


def test_a_file_altered_or_missing_is_told(backup):
    one = next(path for path in (backup / "media").rglob("*") if path.is_file())
    one.write_bytes(b"x")
    (backup / "dmp.dump").unlink()
    with pytest.raises(CommandError, match="2 points"):
        check(backup)


def test_rows_that_did_not_come_back_are_told(backup, document):
    Document.objects.filter(dossier=document.dossier).delete()
    with pytest.raises(CommandError, match="1 points"):
        check(backup)


def test_a_document_whose_key_did_not_come_back_is_told(backup, document):
    from documents.models import DataKey

    DataKey.objects.all().delete()
    with pytest.raises(CommandError, match="1 points"):
        check(backup)
