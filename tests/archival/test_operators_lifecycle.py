"""The operators' commands: `holds` and `close_dossier`, each signed by one person with a code."""

import io
import uuid

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.management import CommandError, call_command

from access.models import User
from archival import holds
from archival.holds_models import LegalHold
from audit.models import Trace
from patients.models import Consent, Dossier, Notice
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory(thirteen="1970235900001")


@pytest.fixture
def operators(monkeypatch):
    """What the terminal is asked: codes of an application, then the person's number."""
    secrets = {}
    for name in ("un", "deux"):
        user = make.UserFactory(kind="operator", email=f"{name}@exploitant.example.org")
        assert user.kind == User.Kind.OPERATOR
        secrets[user.email] = totp.generate_totp_secret()
        totp.TOTP.activate(user, secrets[user.email])

    def typed(prompt):
        for email, secret in secrets.items():
            if email in prompt:
                value = totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time())))
                return totp.format_hotp_value(value)
        return make.nir("1970235900001")

    monkeypatch.setattr("getpass.getpass", typed)
    monkeypatch.setattr(totp.TOTP, "_mark_code_used", lambda self, code: True)  # several acts in one half minute
    return list(secrets)


def said(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_a_hold_from_its_setting_to_its_lifting(dossier, operators):
    one, two = operators
    told = said("holds", "put", "--reason", "plainte", "--evidence", "PV 12", "--by", one)
    row = LegalHold.objects.get(dossier=dossier)
    assert str(row.pk) in told
    assert "1 dossiers gelés, dont 1 à confirmer." in said("holds")
    with pytest.raises(CommandError, match="deux personnes"):
        said("holds", "confirm", str(row.pk), "--by", one)
    said("holds", "confirm", str(row.pk), "--by", two)
    said("holds", "ask-lift", str(row.pk), "--reason", "classée", "--by", one)
    assert holds.keeps(dossier.pk)
    said("holds", "lift", str(row.pk), "--by", two)
    assert not holds.keeps(dossier.pk)
    assert "0 dossiers gelés" in said("holds")
    told = said("holds", "history", str(row.pk)).splitlines()
    names = [str(User.objects.get(email=email)) for email in operators]
    acts = ["posé : plainte", "confirmé : plainte", "levée demandée : classée", "levé : classée"]
    wanted = list(zip([names[0], names[1], names[0], names[1]], acts, strict=True))
    assert [line.split("  ", 1)[1] for line in told[:-1]] == [f"{who}  {what}" for who, what in wanted]
    assert told[-1] == f"4 actes sur le dossier …{dossier.pk.hex[-8:]} (PV 12)."
    kept = LegalHold.history.filter(dossier_id=dossier.pk).order_by("history_id")
    assert [one.history_user_id for one in kept] == [
        f"operator:{User.objects.get(email=operators[number]).pk}" for number in (0, 1, 0, 1)
    ]


def test_of_a_hold_that_nobody_set_there_is_no_history():
    with pytest.raises(CommandError, match="Aucun gel n'a ce nom"):
        said("holds", "history", str(uuid.uuid4()))


@pytest.mark.parametrize(
    ("why", "closure", "told"),
    [("fraude", "FRAUDE_DYSFONCTIONNEMENT", 1), ("doublon", "DOUBLON_IDENTITE", 1), ("deces", "DECES", 0)],
)
def test_a_dossier_is_closed_with_its_proof_and_the_living_are_told(dossier, operators, why, closure, told):
    act = ("close_dossier", why, "--evidence", "acte n° 31", "--by", operators[0])
    assert "Rien n'est fait" in said(*act)
    assert Dossier.objects.get(pk=dossier.pk).is_open
    said(*act, "--apply")
    assert Dossier.objects.values_list("state", "closure").get(pk=dossier.pk) == ("closed", closure)
    trace = Trace.objects.about(dossier.pk).get(event="dossier_closed")
    assert (trace.actor_kind, trace.reason) == ("operator", "acte n° 31")
    assert Notice.objects.filter(dossier=dossier, kind="dossier_closed").count() == told
    with pytest.raises(CommandError, match="déjà fermé"):
        said(*act, "--apply")


def test_a_death_ends_the_account_at_once_and_an_operator_alone_gives_it_back(dossier, operators, holder_client):
    browser = holder_client(dossier)
    account = dossier.representations.filter(dossier=dossier).get().user
    assert browser.get("/profil/").status_code == 200
    said("close_dossier", "deces", "--evidence", "acte n° 31", "--by", operators[0], "--apply")
    assert browser.get("/profil/").status_code == 302  # whoever it was is out
    account.refresh_from_db()
    assert not account.is_active
    act = ("reopen_dossier", "--evidence", "lettre du 3 mars", "--by", operators[1])
    assert "après un décès" in said(*act)
    assert not Dossier.objects.get(pk=dossier.pk).is_open
    said(*act, "--apply")
    account.refresh_from_db()
    assert account.is_active and Dossier.objects.get(pk=dossier.pk).is_open
    consent = Consent.objects.get(dossier=dossier, subject="reopening")
    assert (consent.channel, consent.evidence) == ("operator", "lettre du 3 mars")
    with pytest.raises(CommandError, match="pas fermé"):
        said(*act, "--apply")


def test_who_has_not_the_code_of_an_operator_does_nothing(dossier, operators):
    stranger = make.UserFactory(kind="agent", email="agent@caisse.example.org")
    with pytest.raises(CommandError, match="n'est pas celui d'un exploitant"):
        said("close_dossier", "fraude", "--evidence", "x", "--by", stranger.email, "--apply")
    assert Dossier.objects.get(pk=dossier.pk).is_open
