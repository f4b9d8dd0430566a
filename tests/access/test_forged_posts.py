"""Forged forms and addresses of the administration, on every model, asked as the back office's database role.

The agent holds every right of Django's administration: what is refused is refused by the pages and the database.
"""

import pytest
from django.contrib import admin
from django.urls import reverse

from audit.models import Trace
from tests import doors
from tests.access.test_counter_blind import as_the_counter, desk, rows_of  # noqa: F401 (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)
HASH = "pbkdf2"  # how the digest of a password begins
PREFIXES = ("password__startswith", "user__password__startswith", "owner__password__startswith")
WALKS = ("groups__user__password__contains", "dossier__patient__birth_family__startswith", "reason__startswith")
WALKS += ("user__groups__name__in", "sealed_matricule__gt", "content_object__insuredperson__birth_family")


def kept():
    """Every row of every table of the administration, column by column."""
    return {model: list(model._base_manager.order_by("pk").values()) for model in admin.site._registry}


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def forged(model, pk):
    """Of a list, an action, an inline or a deletion that no page has; without the reason that a change needs."""
    columns = {f"form-0-{column.name}": "1" for column in model._meta.concrete_fields}
    return columns | {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "1",
        "form-0-DELETE": "on",
        f"form-0-{model._meta.pk.name}": str(pk),
        "history-TOTAL_FORMS": "1",
        "history-INITIAL_FORMS": "1",
        "history-0-DELETE": "on",
        "action": "delete_selected",
        "_selected_action": str(pk),
        "post": "yes",
        "index": "0",
        "_save": "1",
        "_saveasnew": "1",
        "_change_history": "1",
        "_popup": "1",
        "_to_field": "password",
    }


@pytest.fixture
def ground(desk):  # noqa: F811
    cast, client = desk
    client.raise_request_exception = False
    return client, rows_of(cast)


def test_no_forged_form_adds_changes_or_deletes_a_row_of_any_model(ground):
    client, rows = ground
    before, answers = kept(), {}
    with as_the_counter():
        for model, (pk, version) in rows.items():
            paths = [page(model, "changelist"), page(model, "delete", pk), page(model, "history", pk)]
            paths += [page(model, "change", pk), page(model, "add")]
            paths += [f"{page(model, 'history', pk)}{version}/"] if version else []
            answers |= {path: client.post(path, forged(model, pk)).status_code for path in paths}
    assert kept() == before
    assert [path for path, status in answers.items() if status >= 500] == []


def test_no_list_is_filtered_by_what_it_does_not_show(ground):
    client, rows = ground
    with as_the_counter():
        for model in rows:
            for lookup in PREFIXES + WALKS:
                answer = client.get(page(model, "changelist"), {lookup: HASH})
                assert answer.status_code in (302, 400), (model, lookup)
            assert client.get(page(model, "changelist"), {"_to_field": "password", "_popup": "1"}).status_code in (
                200,
                400,
            )


def test_the_filters_that_a_list_shows_still_serve(ground):
    client, rows = ground
    shown = {
        "User": {"kind__exact": "operator", "is_active__exact": "1"},
        "OpeningRule": {"channel__exact": "web", "allowed__exact": "1"},
        "Contest": {"answered_at__isempty": "1", "delai": "depasse"},
    }
    with as_the_counter():
        for model in rows:
            for name, value in shown.get(model.__name__, {}).items():
                assert client.get(page(model, "changelist"), {name: value}).status_code == 200, name


def test_no_popup_names_a_column_that_nothing_refers_to(ground):
    client, rows = ground
    with as_the_counter():
        for model, (pk, _) in rows.items():
            answer = client.get(page(model, "change", pk), {"_to_field": "password", "_popup": "1"})
            assert HASH not in answer.content.decode(), model
            assert answer.status_code == 400, model


def test_a_form_of_an_account_changes_neither_its_rights_nor_its_password(ground):
    client, _ = ground
    agent = doors.User.objects.get(email="agent@example.org")
    wanted = {"first_name": "Karim", "last_name": "B", "is_active": "on", "is_staff": "on", "reason": "prénom"}
    wanted |= {"is_superuser": "on", "password": "x", "email": "autre@example.org", "kind": "operator"}
    wanted |= {"user_permissions": "1", "groups": [group.pk for group in agent.groups.all()]}
    with as_the_counter():
        assert client.post(page(doors.User, "change", agent.pk), wanted).status_code == 302
    fresh = doors.User.objects.get(pk=agent.pk)
    changed = {name for name in vars(fresh) if name[0] != "_" and vars(fresh)[name] != vars(agent)[name]}
    assert changed == {"first_name", "last_name"}
    assert not Trace.objects.filter(actor_id=str(agent.pk), event="staff_added").exists()
