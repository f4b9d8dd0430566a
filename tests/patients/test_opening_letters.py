"""Letters with a code: printed once, by one operator, and the code on the paper is the one that opens."""

import datetime as dt
import io
import re
import stat

import pikepdf
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from patients import letters, online
from patients.models import OpeningRequest
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting():
    return [
        OpeningRequest.objects.create(
            insured=make.InsuredFactory(),
            email=f"autre{number}@example.org",
            state="letter",
            link_digest=b"",
            code_digest=b"",
            expires_at=timezone.now() + dt.timedelta(minutes=30),
        )
        for number in range(3)
    ]


def run(file, *options):
    out = io.StringIO()
    call_command("opening_letters", str(file), *options, stdout=out)
    return out.getvalue()


def test_without_apply_it_only_counts(waiting, tmp_path):
    assert "3 courriers en attente" in run(tmp_path / "letters.pdf")
    assert not list(tmp_path.iterdir())
    assert letters.waiting().count() == 3


def test_a_page_a_person_and_each_is_printed_once(waiting, tmp_path):
    said = run(tmp_path / "letters.pdf", "--apply")
    assert "3 courriers" in said
    with pikepdf.open(tmp_path / "letters.pdf") as printed:
        assert len(printed.pages) == 3
    assert stat.S_IMODE((tmp_path / "letters.pdf").stat().st_mode) == 0o600
    assert "Aucun courrier" in run(tmp_path / "more.pdf", "--apply")
    assert not (tmp_path / "more.pdf").exists()


def test_the_rest_waits_for_the_next_file(waiting, tmp_path):
    assert "2 courriers dans" in run(tmp_path / "one.pdf", "--apply", "--at-most", "2")
    assert list(letters.waiting()) == [waiting[2]]


def test_a_file_that_is_there_is_not_overwritten_and_nothing_is_printed(waiting, tmp_path):
    (tmp_path / "letters.pdf").write_text("kept")
    with pytest.raises(CommandError, match="Rien n'est imprimé"):
        run(tmp_path / "letters.pdf", "--apply")
    assert (tmp_path / "letters.pdf").read_text() == "kept"
    assert letters.waiting().count() == 3


def test_the_code_on_the_paper_completes_the_opening(waiting, monkeypatch):
    pages = []
    monkeypatch.setattr(letters, "render_to_string", lambda *given: pages.append(RENDER(*given)) or pages[-1])
    letters.render(waiting[:1])
    (code,) = re.findall(r'class="code">([A-Z2-9]{5} [A-Z2-9]{5})<', pages[0])
    assert online.confirm_letter("autre0@example.org", code.lower()).state == "confirmed"


RENDER = letters.render_to_string
