"""The operator makes and ends the accounts of the counter: no password, one Caisse, traced, never deleted."""

import io

import pytest
from django.core.management import CommandError, call_command

from access.models import CaisseGroupGrant, User
from audit.models import Trace
from tests import doors
from tests import factories as make

pytestmark = pytest.mark.django_db


def staff(*words):
    said = io.StringIO()
    call_command("staff", *words, stdout=said)
    return said.getvalue()


def test_an_agent_serves_his_caisse_and_has_no_password():
    caisse = make.CaisseFactory()
    assert "access_code" in staff("add", "karim@example.org", "Karim", "Benali", "--caisse", caisse.code)
    user = User.objects.get(email="karim@example.org")
    assert (user.kind, user.is_superuser, user.has_usable_password()) == ("agent", False, False)
    assert CaisseGroupGrant.objects.get(group__user=user).content_object == caisse
    assert Trace.objects.get(event="staff_added").detail == {"kind": "agent"}


def test_without_a_caisse_he_is_an_operator():
    staff("add", "odile@example.org", "Odile", "Fournier")
    assert User.objects.get().kind == "operator"
    assert "exploitation" in staff("list") and "1 comptes" in staff("list")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "odile@example.org", "O", "F"], "déjà un compte"),
        (["add", "autre@example.org", "O", "F", "--caisse", "999"], "Aucune caisse"),
        (["end", "personne@example.org"], "Aucun compte actif"),
    ],
)
def test_what_cannot_be_done_is_said(words, said):
    staff("add", "odile@example.org", "Odile", "Fournier")
    with pytest.raises(CommandError, match=said):
        staff(*words)


def test_ended_he_is_out_at_once_and_his_account_stays(settings):
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    user = doors.staff("agent")
    browser = doors.signed_in(user)
    assert browser.get("/guichet/").status_code == 200
    staff("end", user.email)
    assert browser.get("/guichet/").status_code == 302
    assert User.objects.filter(pk=user.pk, is_active=False).exists()
    with pytest.raises(CommandError):
        staff("end", user.email)
