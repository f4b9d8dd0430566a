"""The operator makes and ends the accounts of the counter: no password, one Caisse, traced, never deleted."""

import io

import pytest
from django.core.management import CommandError, call_command

from access import staff_accounts
from access.models import CaisseGroupGrant, User
from audit.models import Trace
from tests import doors
from tests import factories as make
from tests.told import told

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


def test_what_is_kept_of_an_account_and_of_its_end():
    caisse = make.CaisseFactory()
    agent = staff_accounts.add("karim@example.org", "Karim", "Benali", caisse=caisse.code)
    second = staff_accounts.add("lea@example.org", "Léa", "Roy", caisse=caisse.code)
    operator = staff_accounts.add("odile@example.org", "Odile", "Fournier")
    kept = {one.email: (one.kind, one.first_name, one.last_name) for one in User.objects.all()}
    assert kept == {
        "karim@example.org": ("agent", "Karim", "Benali"),
        "lea@example.org": ("agent", "Léa", "Roy"),
        "odile@example.org": ("operator", "Odile", "Fournier"),
    }
    assert [(one.is_staff, one.is_superuser, one.is_active) for one in (agent, operator)] == [
        (True, False, True),
        (True, True, True),
    ]
    group = agent.groups.get()
    assert group.name == f"Guichet {caisse.name}"
    assert (second.groups.get(), operator.groups.count()) == (group, 0)
    grant = CaisseGroupGrant.objects.get()
    assert (grant.content_object, grant.group, grant.permission.codename) == (caisse, group, "serve_caisse")
    staff_accounts.end("KARIM@example.org")
    said = [told(one) for one in Trace.objects.filter(actor_id=str(agent.pk)).order_by("at")]
    common = {"allowed": True, "mode": "normal", "actor_kind": "counter", "actor_id": str(agent.pk)}
    common |= {"actor_name": str(agent), "means": "commande", "object_kind": "account"}
    assert said == [
        common | {"event": "staff_added", "detail": {"kind": "agent"}},
        common | {"event": "staff_ended"},
    ]


def test_only_staff_is_ended_so():
    user = make.UserFactory()
    with pytest.raises(staff_accounts.NotDone) as error:
        staff_accounts.end(user.email)
    assert error.value.args == ("Aucun compte actif de guichet ou d'exploitation à cette adresse.",)


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
