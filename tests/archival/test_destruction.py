"""Ten years and a day after the closing nothing is left of a dossier, anywhere; not a day before; whatever breaks."""

import datetime as dt
import io
import json
import subprocess

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections
from django.utils import timezone

from access.models import Representation, User
from archival import certificates, destruction, remains
from audit import proofs, trail
from audit.trail import SYSTEM, Event
from documents import contents
from documents.care_lines import CareLine
from documents.models import DataKey, DocumentGrant, Result
from patients import notices
from patients.models import Dossier, Notice
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

CLOSED = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)
LAST_INSTANT = dt.datetime(2036, 3, 5, 22, 59, 59, tzinfo=dt.UTC)  # 23.59.59 in Paris
NEXT_DAY = LAST_INSTANT + dt.timedelta(seconds=1)
CANARIES = ("ZEBULON", "quetsche-noire", "zebulon@example.org", "Cabinet du Merle Moqueur")


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch):
    """The frozen clock is this machine's alone: the database's cannot be moved."""
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)


@pytest.fixture
def full(code_tables, time_machine):
    """A closed dossier with something of everything, and another beside it that must stay as it is."""
    time_machine.move_to(CLOSED - dt.timedelta(days=30), tick=False)
    made = [_filled(), _filled()]
    time_machine.move_to(CLOSED, tick=False)
    Dossier.objects.filter(pk=made[0].pk).update(state="closed", closed_at=CLOSED, closure="DEMANDE_TITULAIRE")
    return made


def _filled():
    dossier = make.DossierFactory()
    dossier.patient.birth_family = CANARIES[0]
    dossier.patient.email = CANARIES[2]
    dossier.patient.save()
    holder = make.holder_of(dossier)
    User.objects.filter(pk=holder.pk).update(first_name=CANARIES[0])
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    make.forbid(dossier, make.ProfessionalFactory())
    document = make.DocumentFactory(dossier=dossier, title=CANARIES[1], size=14)
    contents.put(dossier.pk, document.pk, b"quetsche-noire")
    make.open_document(document, doctor)
    Result.objects.create(dossier=dossier, document=document, display=CANARIES[1], value="1", rank=1)
    CareLine.objects.create(
        dossier=dossier, source="691", line="1", version=1, care_date=dt.date(2026, 1, 2), amount=1, reimbursed=1,
        paid_date=dt.date(2026, 1, 9), kind="autre", provider=CANARIES[3],
    )  # fmt: skip
    notices.tell(dossier.pk, Notice.Kind.ACCESS)
    by = make.caller(doctor).actor
    for _ in range(3):
        trail.record(Event.DOCUMENT_READ, by=by, dossier_id=dossier.pk, object_title=CANARIES[1])
    return dossier


def rows_of(dossier):
    return remains.rows_of(dossier.pk)


def files(dossier_documents):
    return [contents.store().exists(key) for key in dossier_documents]


def test_not_a_second_before_the_eleventh_year_and_then_everything(full, time_machine):
    gone, kept = full
    documents = [one.documents.get().pk for one in full]
    before = rows_of(kept)
    time_machine.move_to(LAST_INSTANT, tick=False)
    assert destruction.run(limit=10) == 0
    time_machine.move_to(NEXT_DAY, tick=False)
    assert destruction.run(limit=10) == 1
    assert {table: count for table, count in rows_of(gone).items() if count} == {}
    assert not DataKey.objects.filter(dossier_id=gone.pk).exists()
    assert files(documents) == [False, True]
    assert rows_of(kept) == before
    assert proofs.verify().whole
    assert contents.read(kept.documents.get()) == b"quetsche-noire"


def test_the_person_may_open_another_dossier_afterwards(full, time_machine):
    gone, _ = full
    account = make.holder_of(gone)
    time_machine.move_to(NEXT_DAY, tick=False)
    destruction.run(limit=10)
    assert not User.objects.filter(pk=account.pk).exists()
    assert not User.history.filter(id=account.pk).exists()
    assert not Dossier.objects.filter(pk=gone.pk).exists()


def test_an_account_that_serves_another_dossier_stays(full, time_machine):
    gone, kept = full
    account = make.holder_of(gone)
    Representation.objects.create(dossier=kept, user=account, role="carer", recorded_by="test")
    time_machine.move_to(NEXT_DAY, tick=False)
    destruction.run(limit=10)
    assert User.objects.filter(pk=account.pk).exists()


def dumped():
    """The text of both databases, as pg_dump writes it."""
    known = connections["default"].get_connection_params()
    names = [connections[alias].settings_dict["NAME"] for alias in ("default", "keys")]
    command = ["pg_dump", "--data-only", "-h", known["host"], "-U", known["user"]]
    return b"".join(subprocess.run([*command, name], check=True, capture_output=True).stdout for name in names)


def forms(text):
    """As it stands, in hexadecimal (bytea), in base64, in UTF-16."""
    import base64

    raw = text.encode()
    return [raw, raw.hex().encode(), base64.b64encode(raw)[:-4], text.encode("utf-16-le")]


def test_no_canary_is_left_in_a_dump_nor_on_the_disk(full, settings, time_machine):
    gone, kept = full
    marks = [*CANARIES, gone.pk.hex, str(gone.pk)]
    number = gone.patient.ins.matricule
    Dossier.objects.filter(pk=kept.pk).update(state="closed", closed_at=CLOSED, closure="DECES")
    assert all(any(form in dumped() for form in forms(mark)) for mark in CANARIES)
    time_machine.move_to(NEXT_DAY, tick=False)
    assert destruction.run(limit=10) == 2
    text = dumped()
    for mark in [*marks, number]:
        assert not [form for form in forms(mark) if form in text], mark
    left = [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert left == []


def test_reopened_meanwhile_it_is_left_alone(full, time_machine):
    gone, _ = full
    time_machine.move_to(NEXT_DAY, tick=False)
    (key,) = destruction.due(10)
    Dossier.objects.filter(pk=gone.pk).update(state="open", closed_at=None, closure="")
    assert destruction.destroy(key) is None
    assert contents.read(gone.documents.get()) == b"quetsche-noire"


def test_clocks_apart_destroy_nothing(full, monkeypatch, time_machine):
    monkeypatch.undo()
    time_machine.move_to(NEXT_DAY, tick=False)
    with pytest.raises(destruction.ClocksApart):
        destruction.run(limit=10)
    with pytest.raises(CommandError, match="rien n'est détruit"):
        call_command("purge", apply=True)
    assert Dossier.objects.get(pk=full[0].pk).state == "closed"


def test_the_application_s_role_removes_no_trace_of_a_dossier_that_is_not_destroyed(full):
    with (
        pytest.raises(ProgrammingError, match="only the traces of a destroyed dossier"),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM audit_forget_dossier(%s)", [full[1].pk])


# -- the certificate -------------------------------------------------------------------------------------------
@pytest.fixture
def certificate(full, tmp_path, time_machine):
    time_machine.move_to(NEXT_DAY, tick=False)
    out = io.StringIO()
    call_command("purge", stdout=out)
    assert "1 dossiers à détruire" in out.getvalue()
    call_command("purge", apply=True, certificates=tmp_path, stdout=out)
    (path,) = tmp_path.glob("*.json")
    return path


def test_it_says_days_and_counts_and_nobody(certificate, full, capsys):
    said = certificates.verify(certificate.read_text(), certificates.public_key())
    assert (said["closed_on"], said["destroyed_on"]) == ("2026-03-05", "2036-03-06")
    assert (said["counts"]["documents_document"], said["counts"]["audit_trace"]) == (1, 3)
    assert len(said["trace_leaves"]) == 3
    for mark in (*CANARIES, full[0].pk.hex, str(full[0].pk)):
        assert mark not in certificate.read_text()
    call_command("verify_certificate", certificate, key=certificates.public_key())
    assert "a été détruit le 2036-03-06" in capsys.readouterr().out


@pytest.mark.parametrize("changed", ["statement", "signature", "key", "form"])
def test_altered_it_proves_nothing(certificate, changed):
    said = json.loads(certificate.read_text())
    key = certificates.public_key()
    if changed == "statement":
        said["statement"] = said["statement"].replace("2036", "2035")
    elif changed == "signature":
        said["signature"] = said["signature"][:-4] + "AAA="
    elif changed == "key":
        key = "A" * 43 + "="
    else:
        said = {"x": 1}
    certificate.write_text(json.dumps(said))
    with pytest.raises(CommandError, match="ne prouve rien"):
        call_command("verify_certificate", certificate, key=key)


def test_the_grants_and_history_were_there(full):
    """What the walk would not see missing: the dossier really had something of each."""
    found = rows_of(full[0])
    told = {"documents_document", "documents_documentgrant", "documents_result", "documents_careline", "audit_trace"}
    told |= {"patients_notice", "patients_historicalpatient", "access_dossiergrant", "access_block"}
    assert all(found[table] for table in told)
    assert DocumentGrant.objects.filter(dossier=full[0]).exists()
    assert timezone.now() == CLOSED
    assert SYSTEM.reference
