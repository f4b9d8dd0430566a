"""The sweep: files without row go after an hour, rows without file are said, nothing else is touched."""

import io
import os
import time

import pytest
from django.core.management import CommandError, call_command

from audit.scoped import uuid7
from documents import contents, sweep
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def held():
    """A document with its file."""
    document = make.DocumentFactory()
    contents.put(document.dossier_id, document.pk, b"%PDF")
    return document


def orphan(dossier, age):
    name = uuid7()
    contents.put(dossier.pk, name, b"orphan")
    grow_old(contents.store().path(name), age)
    return name


def grow_old(path, age):
    then = time.time() - age
    os.utime(path, (then, then))


def test_an_old_file_without_row_is_removed_a_young_one_is_not(held):
    old, young = orphan(held.dossier, 2 * sweep.GRACE), orphan(held.dossier, 60)
    grow_old(contents.store().path(held.pk), 2 * sweep.GRACE)
    assert sweep.sweep(apply=False).orphans == [old]
    assert contents.store().exists(old)
    report = sweep.sweep(apply=True)
    assert (report.orphans, report.missing, report.clean) == ([old], [], True)
    assert [contents.store().exists(name) for name in (old, young, held.pk)] == [False, True, True]
    assert contents.read(held) == b"%PDF"


def test_what_an_interrupted_write_left_is_removed(held):
    left = contents.store().path(held.pk).with_name(".0011.tmp")
    left.write_bytes(b"half")
    assert sweep.sweep(apply=True).leftovers == 0
    grow_old(left, 2 * sweep.GRACE)
    assert sweep.sweep(apply=True).leftovers == 1
    assert not left.exists()


def test_a_withdrawn_document_keeps_its_file(held):
    held.state = "deleted"
    held.save()
    grow_old(contents.store().path(held.pk), 2 * sweep.GRACE)
    assert sweep.sweep(apply=True).orphans == []


def test_a_row_without_file_is_said_by_name_and_fails_the_command(held):
    contents.store().delete(held.pk)
    with pytest.raises(CommandError, match=str(held.pk)):
        call_command("sweep_orphans", "--apply", stdout=io.StringIO())


def test_the_command_says_and_removes_nothing_unless_told(held):
    old, out = orphan(held.dossier, 2 * sweep.GRACE), io.StringIO()
    call_command("sweep_orphans", stdout=out)
    assert "--apply" in out.getvalue()
    assert contents.store().exists(old)
    other = orphan(held.dossier, 2 * sweep.GRACE)
    call_command("sweep_orphans", "--apply", "--limit", "1", stdout=out)
    assert [contents.store().exists(one) for one in (old, other)].count(True) == 1
    call_command("sweep_orphans", "--apply", stdout=out)
    assert not contents.store().exists(old)


def test_a_file_that_is_not_ours_is_said_and_the_sweep_goes_on(held):
    old, root = orphan(held.dossier, 2 * sweep.GRACE), contents.store().root
    strays = [root / "notes.txt", root / "ab" / "LISEZMOI", contents.store().path(held.pk).with_name(f"{old}")]
    for path in strays:
        path.parent.mkdir(exist_ok=True)
        path.write_text("put here by hand")
        grow_old(path, 2 * sweep.GRACE)
    report = sweep.sweep(apply=True)
    assert sorted(report.strays) == sorted(strays)
    assert (report.orphans, report.missing, report.clean) == ([old], [], False)
    assert all(path.exists() for path in strays)
    out, err = io.StringIO(), io.StringIO()
    call_command("sweep_orphans", stdout=out, stderr=err)
    assert "3 fichiers étrangers" in out.getvalue()
    assert "LISEZMOI" in err.getvalue()
