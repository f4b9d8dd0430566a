"""Broken glasses without attestation: the holder and the back office after 24 hours, the operator after 72."""

import datetime as dt
import io

import psycopg
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from access import attestations, tasks
from access.attestations import State, state_of
from access.models import EmergencyAccess
from patients.models import Patient
from tests import doors
from tests import factories as make

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SAID = "Personne inconsciente : surdosage"


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def dossier():
    return make.DossierFactory()


def broken(dossier, hours, **fields):
    doctor = make.ProfessionalFactory()
    values = {"kind": "break_glass", "reason": SAID, "since": NOW - hours * HOUR, "until": NOW - (hours - 4) * HOUR}
    return EmergencyAccess.objects.create(dossier=dossier, user=make.account(doctor), **values | fields)


def listed():
    out = io.StringIO()
    call_command("emergencies", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("hours", "fields", "state"),
    [
        (24, {}, State.AWAITED),
        (25, {}, State.LATE),
        (80, {}, State.LATE),
        (80, {"escalated_at": NOW}, State.SIGNALLED),
        (80, {"attested_at": NOW - 60 * HOUR, "attestation": "oui"}, State.ATTESTED),
        (80, {"attested_at": NOW - 10 * HOUR, "attestation": "oui"}, State.ATTESTED_LATE),
        (80, {"kind": "number", "reason": ""}, State.NOT_NEEDED),
    ],
)
def test_what_an_access_owes(dossier, hours, fields, state):
    assert state_of(broken(dossier, hours, **fields), NOW) is state


def test_the_command_lists_them_after_a_day_and_is_content(dossier):
    broken(dossier, 24)  # not late yet
    row = broken(dossier, 30)
    said = listed()
    assert row.user.professional.rpps in said
    assert "1 accès en urgence sans justification, dont 0 de plus de 72 heures." in said


def test_the_command_fails_beyond_seventy_two_hours(dossier):
    broken(dossier, 72)
    assert listed()  # 72 hours sharp: not yet
    broken(dossier, 73)
    with pytest.raises(CommandError) as error:
        listed()
    assert error.value.returncode == 1


def test_attested_or_by_the_card_is_not_listed(dossier):
    broken(dossier, 80, attested_at=NOW, attestation="oui")
    broken(dossier, 80, kind="number", reason="")
    assert listed().startswith("0 accès")


def test_a_line_says_since_when_how_long_who_and_which(dossier):
    row = broken(dossier, 30)
    who = row.user.professional
    first, last = listed().splitlines()
    place = f"dossier …{dossier.pk.hex[-8:]}  accès {row.pk}"
    assert first == f"  22/11/2026 07:00     30 h  {who.name} ({who.rpps})  {place}"
    assert last == "1 accès en urgence sans justification, dont 0 de plus de 72 heures."


def test_it_prints_nothing_of_the_person(dossier):
    row = broken(dossier, 30)
    patient = Patient.objects.get(dossier=dossier)
    said = listed()
    for secret in (patient.ins.matricule, patient.birth_family, "Antoine", "surdosage", dossier.pk.hex):
        assert secret not in said
    assert dossier.pk.hex[-8:] in said
    assert str(row.pk) in said


def test_the_operator_is_told_once_of_each_in_one_line_and_one_mail(dossier, settings, caplog):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    late, recent = broken(dossier, 73), broken(dossier, 71)
    assert tasks.signal_attestations() == 1
    assert tasks.signal_attestations() == 1  # still there: the log says so, no other mail
    assert [one.getMessage() for one in caplog.records] == [
        "emergency accesses without attestation beyond 72 h: 1"
    ] * 2
    (sent,) = mail.outbox
    assert sent.to == ["exploitation@example.org"]
    assert "depuis plus de 72 heures : 1 de plus." in sent.body and settings.BACKOFFICE_URL in sent.body
    assert "surdosage" not in sent.body
    for row in (late, recent):
        row.refresh_from_db()
    assert (late.escalated_at, recent.escalated_at) == (NOW, None)


def test_nothing_late_is_silence(dossier, settings, caplog):
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    broken(dossier, 71)
    assert tasks.signal_attestations() == 0
    assert (caplog.records, mail.outbox) == ([], [])


def test_without_an_address_the_log_alone(dossier, settings):
    settings.OPERATOR_EMAIL = ""
    broken(dossier, 73)
    assert tasks.signal_attestations() == 1
    assert mail.outbox == []


# -- the back office ----------------------------------------------------------------------------------------
@pytest.fixture
def backoffice(settings):
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"

    def signed_in(kind) -> Client:
        return doors.signed_in(doors.staff(kind))

    return signed_in


LIST = "/admin/access/emergencyaccess/"


def test_the_back_office_lists_who_and_when_and_nothing_said_of_the_person(backoffice, dossier):
    shown, recent = broken(dossier, 30), broken(dossier, 2)
    page = backoffice("operator").get(LIST).content.decode()
    assert shown.user.professional.rpps in page
    assert f"…{shown.dossier_id.hex[-8:]}" in page
    assert recent.user.professional.rpps not in page
    assert "surdosage" not in page
    assert "MARCHAND" not in page


def test_one_row_is_read_only_and_as_silent(backoffice, dossier):
    row = broken(dossier, 30)
    client = backoffice("operator")
    page = client.get(f"{LIST}{row.pk}/change/")
    assert page.status_code == 200
    assert "surdosage" not in page.content.decode()
    assert client.post(f"{LIST}{row.pk}/change/", {"escalated_at": ""}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403


def test_an_agent_of_the_counter_does_not_see_them(backoffice):
    assert backoffice("agent").get(LIST).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_role_of_the_back_office_cannot_read_the_reason(dossier):
    """A fact of the database: what the page does not show, its process could not read."""
    broken(dossier, 30)
    known = connection.settings_dict
    with psycopg.connect(host=known["HOST"], dbname=known["NAME"], user="dmp_counter", autocommit=True) as other:
        assert other.execute("SELECT since, user_id FROM access_emergencyaccess").fetchall()
        for sql in (
            "SELECT reason FROM access_emergencyaccess",
            "SELECT attestation FROM access_emergencyaccess",
            "UPDATE access_emergencyaccess SET until = now()",
            "SELECT lookup FROM access_emergencynumber",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(sql)


def test_what_is_read_for_the_list_leaves_the_reason_unread(dossier):
    broken(dossier, 30)
    assert {"reason", "attestation"} <= attestations.late(NOW).get().get_deferred_fields()
