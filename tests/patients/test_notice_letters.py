"""Who has no e-mail is told by letter what cannot be undone, printed before her address goes."""

import io

import pikepdf
import pypdfium2
import pytest
from django.core import mail

from audit.trail import Actor, ActorKind
from patients import notice_letters, notices, printing, requests, tasks
from patients.models import Channel, Notice, Patient
from patients.models_requests import Kind
from tests import factories as make

pytestmark = pytest.mark.django_db
AGENT = Actor(ActorKind.COUNTER, "agent", "Karim Benali")


@pytest.fixture
def jeanne(code_tables):
    dossier = make.DossierFactory()
    Patient.objects.filter(dossier=dossier).update(email="", address="3 rue Haute", postal_code="69003")
    return dossier


@pytest.fixture
def printer(monkeypatch):
    """What came out: fund, name, text."""
    sent = []

    class Printer:
        def send(self, site, name, content):
            with pypdfium2.PdfDocument(content.read()) as pdf:
                text = " ".join(page.get_textpage().get_text_bounded() for page in pdf)
            sent.append((site, name, " ".join(text.split())))

    monkeypatch.setattr(printing, "printer", lambda: Printer())
    return sent


def test_a_letter_takes_the_place_of_the_mail_once(jeanne, printer):
    notices.tell(jeanne.pk, Notice.Kind.DOSSIER_CLOSED)
    notices.tell(jeanne.pk, Notice.Kind.DOSSIER_CLOSED)
    assert (tasks.send_notices(), tasks.send_notices()) == (1, 0)
    ((site, name, text),) = printer
    assert (site, "MARCHAND" in name) == ("691", False)
    for words in ("Antoine MARCHAND", "3 rue Haute", "69003", "directives anticipées", "en demander une copie"):
        assert words in text, words
    assert not mail.outbox and Notice.objects.get(dossier=jeanne).sent_at is not None


@pytest.mark.parametrize("kind", [Notice.Kind.ACCESS, Notice.Kind.REQUEST_RECEIVED, Notice.Kind.REQUEST_MOVED])
def test_what_is_said_on_other_papers_is_no_letter(jeanne, kind):
    notices.tell(jeanne.pk, kind)
    assert not Notice.objects.filter(dossier=jeanne).exists()


def test_who_has_an_e_mail_has_a_mail_and_no_letter(code_tables, printer):
    dossier = make.DossierFactory()
    notices.tell(dossier.pk, Notice.Kind.DOSSIER_CLOSED)
    assert tasks.send_notices() == 1 and len(mail.outbox) == 1 and not printer


def test_a_printer_without_paper_makes_it_wait_and_stops_nobody(jeanne, monkeypatch):
    class Broken:
        def send(self, site, name, content):
            raise OSError

    monkeypatch.setattr(printing, "printer", lambda: Broken())
    monkeypatch.setattr(tasks, "BATCH", 1)
    notices.tell(jeanne.pk, Notice.Kind.DOSSIER_CLOSED)
    for _ in range(12):
        assert tasks.send_notices() == 0
    other = make.DossierFactory()
    notices.tell(other.pk, Notice.Kind.ACCESS)
    assert tasks.send_notices() == 1  # who was tried less comes first
    assert Notice.objects.get(dossier=jeanne).attempts == 12  # a mail is given up after ten


def test_without_a_printer_the_operator_posts_it(jeanne, settings):
    settings.PRINTER = ""
    notices.tell(jeanne.pk, Notice.Kind.DOSSIER_REOPENED)
    assert tasks.send_notices() == 1
    assert len(list((settings.MEDIA_ROOT / "letters").glob("avis-*.pdf"))) == 1


def test_it_goes_where_she_said_to_answer(jeanne, printer):
    asked = requests.Asked(
        kind=Kind.DESTRUCTION, channel=Channel.POST, requester="Paul AUBERT, tuteur", identity="lettre",
        address="9 quai Neuf\n69001 Lyon",
    )  # fmt: skip
    row = requests.ask(jeanne.pk, asked, by=AGENT)
    requests.take(jeanne.pk, row.pk, by=AGENT)
    row = requests.accept(jeanne.pk, row.pk, "Oui.", by=AGENT)
    notices.tell(jeanne.pk, Notice.Kind.DESTRUCTION_NEAR)
    tasks.send_notices()
    ((_, _, closed), (_, _, text)) = sorted(printer, key=lambda one: "changé d'avis" in one[2])
    assert "fermé" in closed
    for words in ("Paul AUBERT, tuteur", "9 quai Neuf", row.on_paper, row.certificate_on_paper, "changé d'avis"):
        assert words in text, words


@pytest.mark.parametrize("kind", notices.BY_POST)
def test_every_letter_is_tagged_and_of_one_page(jeanne, kind):
    notice = Notice(dossier=jeanne, kind=kind)
    content = notice_letters.letters.render(notice_letters.TEMPLATE, notice_letters.page(notice))
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert pdf.Root.MarkInfo.Marked and str(pdf.Root.Lang) == "fr" and len(pdf.pages) == 1
