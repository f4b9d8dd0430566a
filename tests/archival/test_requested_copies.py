"""Copies on a recorded request: at the counter, by post, of a closed dossier; for heirs and experts, by two."""

import datetime as dt
import io

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from access.models import User
from archival import copies, legal, opening_sealed, requested_copies, sealing
from archival.copies_models import Copy, LegalCopy
from audit.models import Trace
from audit.trail import SYSTEM, Actor, ActorKind
from patients import dossiers, requests
from patients.models import Channel, Dossier
from patients.models_requests import Kind
from tests import factories as make
from tests.archival import laid

pytestmark = pytest.mark.django_db
AGENT = Actor(ActorKind.COUNTER, "agent", "Karim Benali")
ONE, OTHER = (Actor(ActorKind.OPERATOR, name) for name in ("un", "autre"))
NEEDED = legal.Needed(
    recipient="Me Durand, notaire", reason="causes du décès", evidence="acte de notoriété", types=["11488-4"]
)


@pytest.fixture
def ground(code_tables, time_machine):
    time_machine.move_to("2026-11-24T10:00:00Z", tick=False)


@pytest.fixture
def operators(monkeypatch):
    """Two operators with an application; what the terminal asks is answered."""
    secret = totp.generate_totp_secret()
    people = {}
    for email in ("un@example.org", "deux@example.org"):
        people[email] = User.objects.create_user(email, "x", kind="operator", is_staff=True, first_name=email[:4])
        totp.TOTP.activate(people[email], secret)
    monkeypatch.setattr(totp.TOTP, "_mark_code_used", lambda self, code: True)

    def typed(prompt):
        if "Code" in prompt:
            value = totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time())))
            return totp.format_hotp_value(value)
        return "une phrase assez longue"

    monkeypatch.setattr("getpass.getpass", typed)
    return people


def accepted(dossier, time_machine, kind=Kind.COPY, channel=Channel.POST, by=AGENT, requester="Antoine MARCHAND"):
    """Recorded, taken in charge, accepted; and the time to think it over is past."""
    asked = requests.Asked(
        kind=kind, channel=channel, requester=requester, identity="carte d'identité", address="1 rue des Lilas",
        quality="heir" if kind == Kind.HEIRS else "", motive="cause" if kind == Kind.HEIRS else "",
        proof="acte" if kind == Kind.HEIRS else "",
    )  # fmt: skip
    row = requests.ask(dossier.pk, asked, by=by)
    requests.take(dossier.pk, row.pk, by=AGENT)
    requests.accept(dossier.pk, row.pk, "Oui.", by=AGENT)
    assert requested_copies.prepare() == (0, 0)  # not within 48 hours
    time_machine.shift(2 * 86400 + 1)
    row.refresh_from_db()
    return row


def test_a_letter_that_was_accepted_becomes_a_copy_to_post(ground, time_machine, tmp_path, operators):
    dossier = laid.dossier(closed=True)  # D13: on a recorded request
    laid.lay(dossier)
    request = accepted(dossier, time_machine)
    assert requested_copies.prepare() == (1, 0)
    row = Copy.objects.get(dossier=dossier)
    assert (row.kind, row.channel, row.request_id, row.asker_id) == ("paper", "post", request.pk, None)
    Copy.objects.filter(pk=row.pk, dossier=dossier).update(kind="digital")  # the paper one is made elsewhere
    laid.made(row)
    said = io.StringIO()
    call_command("copies", stdout=said)
    assert "0 documents laissés de côté" in said.getvalue() and "1 copies" in said.getvalue()
    target = tmp_path / "copie"
    with pytest.raises(CommandError, match="qui remet la copie"):
        call_command("copies", give=[str(row.pk), str(target)])
    call_command("copies", give=[str(row.pk), str(target)], by="un@example.org", stdout=io.StringIO())
    assert target.read_bytes().startswith(b"PK") and target.stat().st_mode & 0o077 == 0
    trace = Trace.objects.get(dossier_id=dossier.pk, event="copy_fetched")
    assert (trace.actor_kind, trace.actor_id) == ("operator", str(operators["un@example.org"].pk))
    assert requested_copies.prepare() == (0, 0)  # who posted it says « C'est fait »
    request.refresh_from_db()
    assert request.state == "accepted" and request.prepared_at is not None
    assert requests.finish(dossier.pk, request.pk, by=AGENT).state == "done"


def test_asked_online_it_waits_in_her_pages_and_the_request_is_done(ground, time_machine):
    dossier = laid.dossier()
    user = make.holder_of(dossier)
    by = Actor(ActorKind.HOLDER, str(user.pk))
    request = accepted(dossier, time_machine, channel=Channel.WEB, by=by)
    assert requested_copies.prepare() == (1, 0) and requested_copies.prepare() == (0, 0)
    (row,) = copies.hers(dossier.pk, user)
    laid.made(row)
    assert requested_copies.prepare() == (0, 1)
    request.refresh_from_db()
    assert request.state == "done"


def test_who_asks_in_another_name_is_a_representative_and_sees_less(ground, time_machine):
    dossier = laid.dossier()
    kept = laid.lay(dossier, title="Vaccins")
    laid.lay(dossier, title="Secret", secret=True)
    accepted(dossier, time_machine, requester="Paul MARCHAND")
    requested_copies.prepare()
    row = Copy.objects.get(dossier=dossier)
    Copy.objects.filter(pk=row.pk, dossier=dossier).update(kind="digital")
    row = laid.made(row)
    assert row.contains == [kept.pk] and row.left_out == 1


# -- for a third person --------------------------------------------------------------------------------------
def test_two_operators_and_only_what_is_needed(ground, time_machine, tmp_path, monkeypatch, operators):
    monkeypatch.setattr(sealing, "ITERATIONS", 1000)
    dossier = laid.dossier(closed=True)
    needed = laid.lay(dossier, title="Compte rendu", masked=True)
    laid.lay(dossier, title="Ordonnance", type_code="57833-6")
    laid.lay(dossier, title="Ancien", created=make.timezone.now() - laid.days(4000))
    request = accepted(dossier, time_machine, kind=Kind.HEIRS, requester="Louise MARCHAND")
    within = legal.Needed(**vars(NEEDED) | {"since": make.dt.date(2020, 1, 1)})
    row = legal.propose(request, within, by=ONE)
    with pytest.raises(ValidationError, match="Une autre personne"):
        legal.approve(dossier.pk, row.pk, by=ONE)
    assert not Copy.objects.exists()
    made = laid.made(legal.approve(dossier.pk, row.pk, by=OTHER))
    assert made.state == "ready" and made.contains == [needed.pk] and made.left_out == 2
    with pytest.raises(ValidationError, match="pas à approuver"):
        legal.approve(dossier.pk, row.pk, by=OTHER)
    target = tmp_path / "extrait.html"
    call_command("copies", give=[str(made.pk), str(target)], by="deux@example.org", stdout=io.StringIO())
    files = laid.unzipped(b"".join(opening_sealed.pieces(target.read_bytes(), "une phrase assez longue")))
    assert not {"dossier.json", "donnees/trace.csv", "donnees/soins.csv"} & set(files)
    everything = b"".join(files.values())
    assert b"Ordonnance" not in everything and b"antoine@example.org" not in everything
    acts = Trace.objects.filter(dossier_id=dossier.pk, object_kind="legal_copy").order_by("seq")
    assert [(one.actor_id, one.detail["changes"]) for one in acts] == [("un", ["proposed"]), ("autre", ["approved"])]


@pytest.mark.parametrize(
    ("kind", "born", "holds_it"),
    [(Kind.HEIRS, dt.date(2014, 5, 3), False), (Kind.HEIRS, dt.date(1980, 1, 1), False),
     (Kind.COPY, dt.date(2014, 5, 3), False), (Kind.COPY, dt.date(1980, 1, 1), True)],
)  # fmt: skip
def test_what_a_minor_kept_secret_goes_to_no_heir_and_to_no_expert_of_his_parents(
    ground, time_machine, kind, born, holds_it
):
    """D11, D12, L1111-5: his heirs are those from whom he kept it."""
    dossier = laid.dossier(closed=True, birth_date=born)
    shown = laid.lay(dossier, title="Compte rendu")
    secret = laid.lay(dossier, title="Consultation", secret=True)
    request = accepted(dossier, time_machine, kind=kind, requester="Louise MARCHAND")
    made = laid.made(legal.approve(dossier.pk, legal.propose(request, NEEDED, by=ONE).pk, by=OTHER))
    assert made.state == "ready"
    assert set(made.contains) == {shown.pk, *([secret.pk] if holds_it else [])}


def test_who_opposed_it_living_is_obeyed(ground, time_machine):
    """Article L1110-4 V: neither accepted, nor prepared when it was accepted before that was seen."""
    dossier = laid.dossier()
    known = accepted(dossier, time_machine, kind=Kind.HEIRS, requester="Louise MARCHAND")
    dossiers.oppose_heirs(dossier.pk, refuses_heirs=True, by=laid.HOLDER)
    with pytest.raises(ValidationError, match="opposée"):
        legal.propose(known, NEEDED, by=ONE)
    requests.cancel(dossier.pk, known.pk, by=AGENT)
    with pytest.raises(ValidationError, match="opposée"):
        accepted(dossier, time_machine, kind=Kind.HEIRS, requester="Louise MARCHAND")
    dossiers.close(dossier.pk, closure=Dossier.Closure.DEATH, by=ONE)
    with pytest.raises(ValidationError, match="ne change plus"):  # nobody lifts it after her
        dossiers.oppose_heirs(dossier.pk, refuses_heirs=False, by=AGENT)


def test_the_database_refuses_one_person_alone(ground):
    dossier = laid.dossier()
    row = LegalCopy(dossier=dossier, recipient="x", reason="x", evidence="x", types=["11488-4"], proposed_by="a")
    row.approved_by, row.approved_at = "a", make.timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    row.approved_by, row.types = "b", []
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_without_an_accepted_request_proof_or_known_types_nothing_is_prepared(ground, time_machine):
    dossier = laid.dossier(closed=True)
    request = accepted(dossier, time_machine, kind=Kind.HEIRS)
    for wrong in ({"evidence": " "}, {"types": []}, {"types": ["inconnu"]}, {"recipient": ""}):
        with pytest.raises(ValidationError):
            legal.propose(request, legal.Needed(**vars(NEEDED) | wrong), by=ONE)
    row = legal.propose(request, NEEDED, by=ONE)
    requests.cancel(dossier.pk, request.pk, by=AGENT)
    request.refresh_from_db()
    with pytest.raises(ValidationError, match="acceptée"):
        legal.propose(request, NEEDED, by=ONE)
    with pytest.raises(ValidationError, match="n'est plus acceptée"):
        legal.approve(dossier.pk, row.pk, by=OTHER)


def test_the_command_wants_the_second_factor_of_each(ground, time_machine, monkeypatch):
    dossier = laid.dossier(closed=True)
    request = accepted(dossier, time_machine, kind=Kind.HEIRS)
    secret = totp.generate_totp_secret()
    for email in ("un@example.org", "deux@example.org"):
        user = User.objects.create_user(email, "x", kind="operator", is_staff=True)
        totp.TOTP.activate(user, secret)
    assert Authenticator.objects.count() == 2
    options = ["--for", "Me Durand", "--reason", "succession", "--evidence", "acte", "--types", "11488-4"]
    monkeypatch.setattr("getpass.getpass", lambda prompt: "000000")
    with pytest.raises(CommandError, match="n'est pas celui d'un exploitant"):
        call_command("legal_copy", "prepare", request.number, *options, "--by", "un@example.org")
    right = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    monkeypatch.setattr("getpass.getpass", lambda prompt: right)
    call_command("legal_copy", "prepare", request.number, *options, "--by", "un@example.org", stdout=io.StringIO())
    row = LegalCopy.objects.get()
    with pytest.raises(CommandError):
        call_command("legal_copy", "approve", str(row.pk), "--by", "un@example.org")
    call_command("legal_copy", "approve", str(row.pk), "--by", "deux@example.org", stdout=io.StringIO())
    assert Copy.objects.get().legal_id == row.pk and SYSTEM
