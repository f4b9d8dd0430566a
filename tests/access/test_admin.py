"""The administration: every change has an author and a reason, nothing is deleted, a forged form changes nothing.

The forms are those of the holes that Django's security releases closed in its admin: rows added by an inline or by a
list (4277, 4292), rows deleted outside the queryset (87975), a script in a field (15920).
"""

import datetime as dt

import psycopg
import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import override_settings
from django.urls import clear_url_caches

from access.counter import served
from access.counter_rights import RIGHTS
from access.models import CaisseGroupGrant, User
from patients import registers
from patients.models import Caisse, OpeningRule
from tests import doors
from tests import factories as make
from tests.access.test_counter_rights import as_counter

pytestmark = pytest.mark.django_db
RULES = "/admin/patients/openingrule/"
RULE = {"channel": "web", "allowed": "on", "since": "01/01/2016", "note": "", "reason": "décision du 3 mars"}


@pytest.fixture(autouse=True)
def back_office():
    clear_url_caches()
    with override_settings(ROOT_URLCONF="dmp.urls_backoffice", ROLE="backoffice"):
        yield
    clear_url_caches()


@pytest.fixture
def operator(client):
    user = doors.staff("operator")
    client.force_login(user, doors.BACKEND)
    return user


def test_a_change_without_its_reason_is_refused(client, operator):
    assert client.post(f"{RULES}add/", RULE | {"reason": ""}).status_code == 200  # the form again
    assert not OpeningRule.objects.exists()


def test_the_history_shows_who_changed_a_rule_and_why(client, operator):
    client.post(f"{RULES}add/", RULE)
    rule = OpeningRule.objects.get()
    client.post(f"{RULES}{rule.pk}/change/", RULE | {"channel": "counter", "reason": "pilote étendu"})
    reasons = list(rule.history.order_by("history_date").values_list("history_change_reason", "history_user_id"))
    by = f"operator:{operator.pk}"
    assert reasons == [("décision du 3 mars", by), ("pilote étendu", by)]
    page = client.get(f"{RULES}{rule.pk}/history/").content.decode()
    assert all(said in page for said in ("pilote étendu", "décision du 3 mars", str(operator)))


def test_the_past_is_not_put_back(client, operator):
    client.post(f"{RULES}add/", RULE)
    rule = OpeningRule.objects.get()
    client.post(f"{RULES}{rule.pk}/change/", RULE | {"channel": "counter"})
    first = rule.history.earliest()
    assert client.post(f"{RULES}{rule.pk}/history/{first.pk}/", RULE).status_code == 403
    assert client.get(f"{RULES}{rule.pk}/history/{first.pk}/").status_code == 200
    assert OpeningRule.objects.get().channel == "counter"


def test_who_serves_a_fund_has_a_history(client, operator):
    group, permission = Group.objects.create(name="Rhône"), Permission.objects.get(codename="serve_caisse")
    fields = {"group": group.pk, "permission": permission.pk, "content_object": make.CaisseFactory().pk}
    client.post("/admin/access/caissegroupgrant/add/", fields | {"reason": "ouverture du guichet"})
    grant = CaisseGroupGrant.objects.get()
    assert grant.history.get().history_change_reason == "ouverture du guichet"
    assert client.get(f"/admin/access/caissegroupgrant/{grant.pk}/history/").status_code == 200


def test_a_group_serves_a_fund_until_the_end_that_is_written_and_again_when_it_is_emptied(client, operator):
    agent = doors.staff("agent")
    grant = CaisseGroupGrant.objects.get(group__user=agent)
    page = f"/admin/access/caissegroupgrant/{grant.pk}/change/"
    same = {name: getattr(grant, f"{name}_id") for name in ("group", "permission", "content_object")}
    assert list(served(agent)) == [grant.content_object]
    client.post(page, same | {"ended_at_0": "01/01/2020", "ended_at_1": "00:00", "reason": "agence fermée"})
    assert list(served(agent)) == []
    client.post(page, same | {"ended_at_0": "", "ended_at_1": "", "reason": "rouverte"})
    assert list(served(agent)) == [grant.content_object]
    reasons = grant.history.order_by("history_date").values_list("history_change_reason", flat=True)
    assert list(reasons)[1:] == ["agence fermée", "rouverte"]


def test_a_fund_that_a_command_loaded_shows_its_history_and_is_not_changed(client, operator):
    registers.load_funds(by=operator.actor(), reason="mise en place")
    history = "/admin/patients/caisse/691/history/"
    page = client.get(history).content.decode()
    assert "mise en place" in page and str(operator) in page
    first = Caisse.objects.get(pk="691").history.get()
    assert client.get(f"{history}{first.pk}/").status_code == 200
    for path in (f"{history}{first.pk}/", "/admin/patients/caisse/691/change/", "/admin/patients/caisse/add/"):
        assert client.post(path, {"code": "691", "name": "X", "department": "69"}).status_code == 403


def test_the_loads_of_the_registers_are_read_with_their_authors(client, operator):
    ours = make.RegisterLoadFactory(by=operator.actor().reference, reason="fichier d'octobre")
    other = make.RegisterLoadFactory(by="system:load_insured")
    listed = client.get("/admin/patients/registerload/").content.decode().replace("&#x27;", "'")
    assert "fichier d'octobre" in listed
    for one, author in ((ours, str(operator)), (other, "la commande load_insured")):
        page = client.get(f"/admin/patients/registerload/{one.pk}/change/")
        assert author in page.content.decode() and one.digest in page.content.decode()
    assert client.post(f"/admin/patients/registerload/{ours.pk}/change/", {"reason": "x"}).status_code == 403


# Tables that the counter's role adds to or changes, and whose rows have no history: what tells of them instead.
WITHOUT_HISTORY = {
    "access_consentmeans": "digests: the trail tells each grid printed",
    "access_endedsession": "a session's end: the trail tells it",
    "access_recovery": "a code's digest: the trail tells each code given",
    "access_user_groups": "in the reason of the account's history",
    "account_emailaddress": "of the account, whose history has the address",
    "account_emailconfirmation": "an allauth's own code",
    "audit_trace": "the trail itself",
    "audit_tracehead": "the trail's head",
    "auth_group": "made, never changed, as the test below says: Django's journal tells by whom",
    "django_admin_log": "a journal",
    "django_session": "a session",
    "mfa_authenticator": "a secret: Django's session journal and the trail tell it",
    "patients_consent": "never changed: it says by whom, when, on what",
    "patients_consentpaper": "sealed, never changed by this role",
    "patients_envelope": "the trail tells each printing asked for, each handing over",
    "patients_identityindex": "never changed: the trail tells of the opening, of the number attached",
    "patients_insuredperson": "added as the identity service gave it, never changed: the trail tells the search",
    "patients_notice": "an outbox",
    "patients_requestpaper": "sealed, never changed by this role",
    "usersessions_usersession": "a session",
}


def test_whatever_the_counter_may_write_has_a_history_or_says_what_tells_of_it():
    known = {model._meta.db_table: model for model in apps.get_models()}
    written = {table for table, rights in RIGHTS.items() if any("INSERT" in one or "UPDATE" in one for one in rights)}
    written |= {"audit_trace"}
    with_history = {table for table in written if hasattr(known.get(table), "history")}
    histories = {table for table in written if "_historical" in table}
    assert written - with_history - histories == set(WITHOUT_HISTORY)
    for table in with_history:
        assert known[table].history.model._meta.db_table in histories, table
        assert "UPDATE" not in "".join(RIGHTS[known[table].history.model._meta.db_table]), table


@pytest.mark.django_db(transaction=True)
def test_a_group_is_made_and_nobody_changes_it_nor_gives_it_a_permission(client):
    """Neither a page, forged or not, nor the role of the database that serves it: there is nothing to keep."""
    client.force_login(doors.staff("operator"), doors.BACKEND)
    client.post("/admin/auth/group/add/", {"name": "Ain", "permissions": [Permission.objects.first().pk]})
    group = Group.objects.get(name="Ain")
    for path in ("change/", "delete/"):
        given = {"name": "Autre", "permissions": [Permission.objects.first().pk], "post": "yes"}
        assert client.post(f"/admin/auth/group/{group.pk}/{path}", given).status_code == 403
    assert Group.objects.get(pk=group.pk).name == "Ain" and not group.permissions.exists()
    with as_counter() as other:
        for statement in (
            "UPDATE auth_group SET name = name",
            "DELETE FROM auth_group",
            "INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (1, 1)",
            "DELETE FROM auth_group_permissions",
            "UPDATE auth_permission SET name = name",
            "INSERT INTO access_user_user_permissions (user_id, permission_id) VALUES (gen_random_uuid(), 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(statement)


def test_the_groups_given_to_an_agent_are_in_the_history(client, operator):
    agent, group = doors.staff("agent"), Group.objects.create(name="Ain")
    fields = {"first_name": "Karim", "last_name": "B", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    client.post(f"/admin/access/user/{agent.pk}/change/", fields | {"reason": "muté"})
    assert agent.history.latest().history_change_reason == "muté (groupes : Ain)"


def test_the_history_of_an_account_that_is_not_administered_here_is_absent(client, operator):
    """By its key alone: that of a person, of a professional."""
    for account in (make.UserFactory(first_name="Zebulon"), make.account(make.ProfessionalFactory())):
        version = account.history.latest()
        for path in ("history/", f"history/{version.pk}/"):
            assert client.get(f"/admin/access/user/{account.pk}/{path}").status_code == 404


def test_no_model_is_deleted_edited_in_a_list_or_by_an_inline(rf, operator):
    request = rf.get("/")
    request.user = operator
    assert operator.is_superuser
    for model, one in admin.site._registry.items():
        assert not one.has_delete_permission(request), model
        assert not one.get_actions(request), model
        assert not getattr(one, "list_editable", ()), model
        assert not one.get_inlines(request, None), model


def forged(rule):
    """Of a list or an inline that the page never had."""
    return {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "1",
        "form-0-id": str(rule.pk),
        "form-0-DELETE": "on",
        "form-0-allowed": "",
        "form-1-channel": "counter",
        "form-1-since": "2016-01-01",
        "history-TOTAL_FORMS": "1",
        "history-INITIAL_FORMS": "1",
        "history-0-history_id": str(rule.history.get().pk),
        "history-0-DELETE": "on",
        "_save": "1",
        "action": "delete_selected",
        "_selected_action": str(rule.pk),
        "post": "yes",
        "index": "0",
    }


def test_a_forged_list_neither_adds_changes_nor_deletes(client, operator):
    rule = OpeningRule.objects.create(channel="web", since=dt.date(2016, 1, 1))
    for path in (RULES, f"{RULES}{rule.pk}/delete/", f"{RULES}{rule.pk}/history/"):
        client.post(path, forged(rule))
    client.post(f"{RULES}{rule.pk}/change/", forged(rule))
    assert list(OpeningRule.objects.values_list("pk", "channel", "allowed")) == [(rule.pk, "web", True)]
    assert rule.history.count() == 1


def test_a_forged_form_gives_an_agent_no_right(client):
    agent = doors.staff("agent")
    client.force_login(agent, doors.BACKEND)
    fields = {"is_superuser": "on", "is_staff": "on", "is_active": "on", "kind": "operator", "reason": "x"}
    assert client.post(f"/admin/access/user/{agent.pk}/change/", fields).status_code == 403
    assert client.post("/admin/access/user/add/", fields).status_code == 403


def test_fields_that_the_form_does_not_have_change_nothing(client, operator):
    agent = doors.staff("agent")
    fields = {"first_name": "K", "last_name": "B", "is_active": "on", "is_staff": "on", "reason": "nom"}
    more = {"is_superuser": "on", "kind": "operator", "email": "autre@example.org", "password": "x"}
    client.post(f"/admin/access/user/{agent.pk}/change/", fields | more)
    after = User.objects.get(pk=agent.pk)
    assert (after.first_name, after.is_superuser, after.kind, after.email) == ("K", False, "agent", agent.email)
    assert after.password == agent.password


def test_the_account_of_a_person_or_a_professional_is_not_administered(client, operator):
    person = make.UserFactory()
    fields = {"first_name": "X", "is_active": "on", "is_staff": "on", "reason": "x"}
    client.post(f"/admin/access/user/{person.pk}/change/", fields)
    assert not User.objects.get(pk=person.pk).is_staff


def test_a_script_in_a_row_is_shown_as_text(client, operator):
    OpeningRule.objects.create(
        channel="web", since=dt.date(2016, 1, 1), department="<b>", note="<script>x()</script>"
    )
    rule = OpeningRule.objects.get()
    for path in (RULES, f"{RULES}{rule.pk}/change/", f"{RULES}{rule.pk}/history/"):
        page = client.get(path).content.decode()
        assert "<script>x()" not in page
        assert "<b>" not in page
