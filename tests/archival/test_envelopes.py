"""The sealed copy at the counter (J3): the agent has it printed and hands it over, and no byte of it reaches him.

Every page of the agent is asked as the back office runs: its addresses, its database role.
"""

import io
import re

import psycopg
import pypdfium2
import pytest
from django.conf import settings as configured
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.urls import clear_url_caches

from archival import copies, envelopes, requested_copies
from archival.copies_models import Copy
from audit.models import Trace
from fhir import ids
from patients import envelopes as acts
from patients import printing, request_letters, requests
from patients.models import Channel, Notice
from patients.models_envelopes import STEPS, Envelope
from patients.models_requests import Kind
from tests import doors
from tests import factories as make
from tests.access.test_counter_blind import as_the_counter
from tests.archival import laid

CANARY = "canaricytose"  # a disease that does not exist
WORDS = re.compile(f"{CANARY[:8]}|57833-6", re.I)
HAND = {"act": "remettre", "paper": "passeport", "signed": "on"}


@pytest.fixture
def ground(code_tables, time_machine):
    time_machine.move_to("2026-11-24T10:00:00Z", tick=False)


@pytest.fixture
def waiting(ground, time_machine):
    """A copy asked by letter, accepted, its 48 hours past: made, ready to be printed."""
    return _ready(time_machine)


def _ready(time_machine, channel=Channel.POST, email="antoine@example.org"):
    dossier = laid.dossier()
    make.Patient.objects.filter(dossier=dossier).update(email=email)
    laid.lay(dossier, title=f"{CANARY} : ordonnance", content=f"Suspicion de {CANARY}.".encode(), type_code="57833-6")
    agent = doors.staff("agent").actor()
    asked = requests.Asked(
        kind=Kind.COPY, channel=channel, requester="Antoine MARCHAND", identity="carte d'identité",
        address="1 rue des Lilas\n69003 Lyon",
    )  # fmt: skip
    row = requests.ask(dossier.pk, asked, by=agent)
    requests.take(dossier.pk, row.pk, by=agent)
    requests.accept(dossier.pk, row.pk, "Elle vous sera remise.", by=agent)
    time_machine.shift(2 * 86400 + 1)
    assert requested_copies.prepare() == (1, 0)
    assert acts.of(dossier.pk, row.pk).state in ("preparing", "ready")  # a worker may have been quick
    laid.made(Copy.objects.get(dossier=dossier))
    return dossier, row


@pytest.fixture
def desk(waiting, settings):
    """The agent's browser, and the address of the request's sheet."""
    dossier, row = waiting
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    clear_url_caches()
    agent = make.User.objects.get(email="agent@example.org")
    yield doors.signed_in(agent), f"/guichet/demandes/{ids.join(dossier.pk, row.pk)}/"
    clear_url_caches()


def the_envelope(dossier):
    return Envelope.objects.get(dossier=dossier)


def printed():
    return sorted(configured.PRINTER_DIR.glob("691/*.pdf"))


def words_of(path):
    with pypdfium2.PdfDocument(path) as pdf:
        return len(pdf), [page.get_textpage().get_text_bounded() for page in pdf]


@pytest.mark.django_db(transaction=True)
def test_the_agent_prints_and_hands_over_what_no_byte_of_which_reaches_him(waiting, desk):
    dossier, row = waiting
    client, sheet = desk
    answers = []

    def ask(path, said=None):
        with as_the_counter():
            answer = client.get(path) if said is None else client.post(path, said, follow=True)
        answers.append(answer)
        return answer.content.decode(errors="replace")

    known = the_envelope(dossier)
    assert known.on_paper in ask(sheet) and "Prête à imprimer" in ask(f"{sheet}pli/")
    assert known.on_paper in ask(f"{sheet}pli/", {"act": "imprimer"})
    assert not printed()  # a task does it, in a process that has the key
    assert envelopes.print_asked() == 1
    (sheets,) = printed()
    count, texts = words_of(sheets)
    first = texts[0]
    assert CANARY in "".join(texts) and CANARY not in first
    for line in (known.on_paper, row.on_paper, "Antoine MARCHAND", "69003 Lyon", "PLI FERMÉ"):
        assert line in first.replace("Pli fermé", "PLI FERMÉ"), line
    known = the_envelope(dossier)
    assert (known.state, known.pages) == ("printed", count)
    assert re.search(rf"\b{count}\b", first)
    assert sheets.stat().st_mode & 0o077 == 0 and sheets.parent.stat().st_mode & 0o077 == 0

    page = ask(f"{sheet}pli/")
    assert f"{count}, avec celle de l'adresse" in page
    assert "voyez une pièce" in ask(f"{sheet}pli/", {"act": "remettre"})
    ask(f"{sheet}remise/")
    assert "est remis" in ask(f"{sheet}pli/", HAND)
    row.refresh_from_db()
    assert (row.state, the_envelope(dossier).evidence) == ("done", "passeport, reçu signé")
    for path in ("/guichet/", "/guichet/demandes/", "/guichet/demandes/?vue=finies", sheet, f"{sheet}recu/"):
        ask(path)
    assert len(answers) > 10
    for answer in answers:
        assert answer.status_code in (200, 422)
        assert not WORDS.search(answer.getvalue().decode(errors="replace") + str(answer.headers)), answer.request
        assert sheets.read_bytes()[:2000] not in answer.getvalue()
    assert not WORDS.search(str(dict(client.session.items())))
    assert envelopes.destroy_handed() == 1 and not copies.store().exists(known.copy_id)
    traces = Trace.objects.about(dossier.pk).filter(event__startswith="envelope").order_by("seq")
    agent = make.User.objects.get(email="agent@example.org").actor()
    told = [(one.event, one.actor_kind, one.on_behalf_of, one.detail.get("pages")) for one in traces]
    assert told == [
        ("envelope_asked", "counter", "", count),
        ("envelope_printed", "system", agent.reference, count),
        ("envelope_handed", "counter", "", count),
    ]


@pytest.mark.django_db
def test_by_the_post_it_leaves_with_the_number_of_its_registered_letter(waiting, desk):
    (dossier, row), (client, sheet) = waiting, desk
    client.post(f"{sheet}pli/", {"act": "imprimer"})
    assert envelopes.print_asked() == 1
    unnumbered = client.post(f"{sheet}pli/", {"act": "poster"})
    assert (unnumbered.status_code, "Donnez le numéro du recommandé." in unnumbered.content.decode()) == (422, True)
    assert the_envelope(dossier).state == "printed"
    said = client.post(f"{sheet}pli/", {"act": "poster", "number": "1A 234 567"}, follow=True).content.decode()
    assert "est remis" in said
    known, trace = the_envelope(dossier), Trace.objects.about(dossier.pk).get(event="envelope_handed")
    assert (known.state, known.evidence) == ("handed", "recommandé 1A 234 567")
    assert (trace.actor_kind, trace.detail["evidence"]) == ("counter", "recommandé 1A 234 567")
    row.refresh_from_db()
    assert row.state == "done"


@pytest.mark.django_db
def test_from_a_page_left_open_nothing_is_printed_twice_nor_handed_over_unprinted(waiting, desk):
    """The agent is told to load the page again; what he asked for is not done, and leaves no trace of itself."""
    (dossier, _), (client, sheet) = waiting, desk
    client.post(f"{sheet}pli/", {"act": "imprimer"})
    for late, why in (({"act": "imprimer"}, "ne s&#x27;imprime pas maintenant"), (HAND, "n&#x27;est pas imprimé")):
        answer = client.post(f"{sheet}pli/", late)
        assert (answer.status_code, why in answer.content.decode()) == (422, True)
        assert the_envelope(dossier).state == "asked"
    events = Trace.objects.about(dossier.pk).filter(event__startswith="envelope").values_list("event", flat=True)
    assert list(events) == ["envelope_asked"]


@pytest.mark.django_db
def test_a_request_without_an_envelope_has_no_page_for_one(waiting, desk):
    (dossier, _), (client, sheet) = waiting, desk
    asked = requests.Asked(
        kind=Kind.RECTIFICATION, channel=Channel.POST, requester="Antoine MARCHAND", identity="carte", said="le nom"
    )
    other = requests.ask(dossier.pk, asked, by=make.User.objects.get(email="agent@example.org").actor())
    page = f"/guichet/demandes/{ids.join(dossier.pk, other.pk)}/pli/"
    assert client.get(page).status_code == 404
    assert client.post(page, {"act": "imprimer"}).status_code == 404
    assert client.get(f"{sheet}pli/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("SELECT id, state, pages, number FROM patients_envelope", True),
        ("UPDATE patients_envelope SET state = 'asked', asked_by = 'x', asked_at = now()", True),
        ("UPDATE patients_envelope SET pages = 1", False),
        ("UPDATE patients_envelope SET copy_id = gen_random_uuid()", False),
        ("INSERT INTO patients_envelope DEFAULT VALUES", False),
        ("DELETE FROM patients_envelope", False),
        ("SELECT id FROM archival_copy", False),
        ("SELECT contains FROM archival_copy", False),
        ("SELECT title FROM documents_document", False),
    ],
)
def test_the_back_office_s_role_launches_a_printing_and_reads_no_copy(statement, allowed):
    known = connection.settings_dict
    with psycopg.connect(host=known["HOST"], dbname=known["NAME"], user="dmp_counter") as other:
        if allowed:
            other.execute(statement)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(statement)
        other.rollback()


@pytest.mark.django_db
def test_it_goes_to_the_printer_of_the_fund_of_the_dossier_and_to_no_other(waiting, monkeypatch):
    dossier, _ = waiting
    sent = []

    class Fake:
        def send(self, site, name, content):
            sent.append((site, name, content.read(5)))

    monkeypatch.setattr(printing, "printer", lambda: Fake())
    acts.ask_printing(dossier.pk, the_envelope(dossier).pk, by=laid.HOLDER)
    assert (envelopes.print_asked(), envelopes.print_asked()) == (1, 0)
    assert sent == [("691", the_envelope(dossier).on_paper, b"%PDF-")]


@pytest.mark.django_db
def test_a_printer_that_refuses_is_said_and_asked_again_three_times_at_most(waiting, monkeypatch, time_machine):
    dossier, _ = waiting

    class Broken:
        def send(self, site, name, content):
            raise OSError("no paper")

    monkeypatch.setattr(printing, "printer", lambda: Broken())
    for _ in range(3):
        acts.ask_printing(dossier.pk, the_envelope(dossier).pk, by=laid.HOLDER)
        assert envelopes.print_asked() == 0
        assert the_envelope(dossier).state == "failed"
        time_machine.shift(5)
    with pytest.raises(ValidationError, match="3 fois"):
        acts.ask_printing(dossier.pk, the_envelope(dossier).pk, by=laid.HOLDER)
    assert Trace.objects.about(dossier.pk).filter(event="envelope_printed").count() == 3


@pytest.mark.django_db
def test_a_file_that_was_touched_prints_no_page(waiting):
    dossier, _ = waiting
    path = copies.store().path(the_envelope(dossier).copy_id)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    acts.ask_printing(dossier.pk, the_envelope(dossier).pk, by=laid.HOLDER)
    assert envelopes.print_asked() == 0 and not printed()
    assert the_envelope(dossier).state == "failed"


@pytest.mark.django_db
def test_what_is_no_more_hers_is_not_printed_and_a_copy_past_its_days_is_gone(waiting, time_machine):
    dossier, _ = waiting
    known = the_envelope(dossier)
    acts.ask_printing(dossier.pk, known.pk, by=laid.HOLDER)
    make.Document.objects.filter(dossier=dossier).update(state="deleted")
    assert envelopes.print_asked() == 0 and not printed()
    assert the_envelope(dossier).state == "gone"
    with pytest.raises(ValidationError, match="ne s'imprime pas"):
        acts.ask_printing(dossier.pk, known.pk, by=laid.HOLDER)


@pytest.mark.django_db
def test_past_its_eight_days_there_is_nothing_to_print(waiting, time_machine):
    dossier, _ = waiting
    time_machine.shift(laid.days(8) + laid.days(1))
    assert copies.destroy_ended() == 1
    assert the_envelope(dossier).state == "gone"


@pytest.mark.django_db
def test_a_worker_that_died_while_printing_is_followed_by_another(waiting, time_machine):
    dossier, _ = waiting
    row = acts.ask_printing(dossier.pk, the_envelope(dossier).pk, by=laid.HOLDER)
    time_machine.shift(1)
    assert envelopes._claim(row) is not None  # then nothing more was heard of it
    assert envelopes.print_asked() == 0
    time_machine.shift(601)
    assert envelopes.print_asked() == 1 and the_envelope(dossier).prints == 2


@pytest.mark.django_db
def test_handed_over_once_and_only_what_was_printed(waiting):
    dossier, row = waiting
    known = the_envelope(dossier)
    with pytest.raises(ValidationError, match="pas imprimé"):
        acts.hand_over(dossier.pk, known.pk, evidence="passeport", by=laid.HOLDER)
    assert "remise" not in request_letters.of(row)
    acts.ask_printing(dossier.pk, known.pk, by=laid.HOLDER)
    envelopes.print_asked()
    assert "remise" in request_letters.of(row)
    acts.hand_over(dossier.pk, known.pk, evidence="passeport", by=laid.HOLDER)
    with pytest.raises(ValidationError, match="déjà remis"):
        acts.hand_over(dossier.pk, known.pk, evidence="passeport", by=laid.HOLDER)


@pytest.mark.django_db
def test_who_has_no_e_mail_is_told_by_letter_that_her_copy_waits_at_the_counter(ground, time_machine):
    dossier, _ = _ready(time_machine, Channel.COUNTER, email="")
    assert Notice.objects.filter(dossier=dossier, kind="copy_ready", email="").count() == 1


@pytest.mark.django_db
def test_the_database_holds_the_steps(waiting):
    dossier, _ = waiting
    known = the_envelope(dossier)
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'patients_envelope_step'")
        found = set(re.findall(r"'(\w+>\w+)'", cursor.fetchone()[0]))
    assert found == {f"{before}>{after}" for before, some in STEPS.items() for after in some}
    for wrong in ({"state": "handed"}, {"copy_id": known.pk}, {"pages": 99}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Envelope.objects.filter(dossier=dossier).update(**wrong)


# -- the printers ------------------------------------------------------------------------------------------------
def test_a_queue_a_fund_and_no_shell(monkeypatch, tmp_path, settings):
    """The client of CUPS is given the file as its input: no name on the disk, no word of anybody."""
    told = tmp_path / "told"
    fake = tmp_path / "lp"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\ncat >> {told}\n[ "$2" != full ]\n')
    fake.chmod(0o700)
    monkeypatch.setattr(printing, "LP", str(fake))
    settings.PRINTER_QUEUES = "691=plis-rhone,751=full,*=plis"
    with printing.in_memory([b"%PDF", b"-1.7"]) as content:
        printing.Cups().send("691", "E-AAAAA-BBBBB", content)
    assert told.read_text() == "-d\nplis-rhone\n-t\nE-AAAAA-BBBBB\n-o\nsides=two-sided-long-edge\n-\n%PDF-1.7"
    with printing.in_memory([b"x"]) as content, pytest.raises(OSError, match="refuses"):
        printing.Cups().send("751", "E", content)
    settings.PRINTER_QUEUES = "691=plis-rhone"
    with pytest.raises(OSError, match="no queue"):
        printing.Cups().send("751", "E", io.BytesIO())


def test_what_is_too_large_is_not_held_in_memory(monkeypatch):
    monkeypatch.setattr(printing, "LARGEST", 10)
    with pytest.raises(OSError, match="too large"), printing.in_memory([b"12345", b"678901"]):
        pass
