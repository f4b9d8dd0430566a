"""The ground every test stands on: both databases, the app role's grants, the cast."""

import datetime as dt
import io
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.db import connections, transaction
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase, override_settings
from django.urls import clear_url_caches
from rest_framework.test import APIClient

from access import demo_issuer
from access.management.operators import OperatorCommand
from access.models import CaisseGroupGrant, Professional, User
from access.roles import grants_for
from tests import factories
from tests.browser import CHROMIUM
from tests.emptied import empty
from tests.one_dossier import guard
from tests.pages import reader, watch
from tests.saves import write, writer
from tests.sentences import listen, listener
from tests.trails import audit, auditor

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.exists():
            item.add_marker(pytest.mark.skip(reason="les échantillons (../shared) ne sont pas là"))
        if marker := item.get_closest_marker("django_db"):
            marker.kwargs.setdefault("databases", ["default", "keys"])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Emptying the tables between transactional tests needs the removal of traces, as their owner; and a frozen clock
    closes dossiers, which no production's may.

    The guard itself is tested by connections of its own, as the roles that production uses.
    """
    options = connections["default"].settings_dict["OPTIONS"]
    options["options"] = "-c dmp.trace_removal=on -c dmp.any_clock=on"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test databases get the grants of production."""
    TransactionTestCase._fixture_teardown = empty
    with django_db_blocker.unblock():
        for alias in ("default", "keys"):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                for statement in grants_for(alias, [name for (name,) in cursor.fetchall()]):
                    cursor.execute(statement)
        with connections["default"].cursor() as cursor:
            guard.learn(cursor)
        guard.watch(connections["default"])
        connection_created.connect(guard.watch)


@pytest.fixture(autouse=True)
def _one_dossier() -> Iterator[None]:
    """Scale rule R6: what the product asked during a test named its dossier."""
    guard.found.clear()
    yield
    found, guard.found[:] = sorted(set(guard.found)), []
    if found:
        pytest.fail("R6, sans dossier :\n" + "\n".join(found), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def _ears_and_eyes() -> None:
    listen()
    watch()
    audit()
    write()


@pytest.fixture(autouse=True)
def _said_and_shown() -> Iterator[None]:
    """What the product said during a test was said in sentences; what it showed, traced and wrote has its form."""
    for watcher in (listener, reader, auditor, writer):
        watcher.found.clear()
    yield
    for letter in getattr(mail, "outbox", []):
        reader.read_mail(letter)
    found = sorted({*listener.found, *reader.found, *auditor.found, *writer.found})
    if found:
        pytest.fail("Mal dit, mal montré, mal tracé ou mal écrit :\n" + "\n".join(found), pytrace=False)


@pytest.fixture(autouse=True)
def _own_places(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Contents, mails and counters of a test stay with it."""
    settings.MEDIA_ROOT, settings.PRINTER_DIR = tmp_path_factory.mktemp("media"), tmp_path_factory.mktemp("printer")
    settings.TOMBSTONES = [tmp_path_factory.mktemp("tombstones") / "journal"]
    # Counters too: emptying the cache would empty that of the tests that run beside this one.
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": uuid.uuid4().hex}}
    yield


@pytest.fixture(scope="session", autouse=True)
def _demo_issuer(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> None:
    """One issuer of tokens a session: making a key costs a second."""
    from django.conf import settings

    settings.DEMO = True
    settings.WHITENOISE_AUTOREFRESH = True  # else each client's middleware lists every static file
    settings.DEMO_ISSUER_DIR = str(tmp_path_factory.mktemp("issuer"))
    settings.PSC_ISSUER, settings.PSC_AUDIENCE = "https://psc.test", "dmp"
    demo_issuer.key.cache_clear()
    demo_issuer.key()
    settings.PSC_JWKS = str(Path(settings.DEMO_ISSUER_DIR) / "jwks.json")


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """A client signed in as a professional: `api(professional)`."""

    def client(professional: Professional, **claims: Any) -> APIClient:
        signed_in = APIClient()
        token = demo_issuer.token(demo_issuer.claims_of(professional) | claims)
        signed_in.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return signed_in

    return client


@pytest.fixture
def holder_client(client: Any) -> Callable[..., Any]:
    """A browser in which the holder of a dossier is signed in: `holder_client(dossier)`."""

    def signed_in(dossier: Any) -> Any:
        user = factories.holder_of(dossier)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A telephone's browser."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched.new_page(viewport={"width": 360, "height": 740}, locale="fr-FR")
        launched.close()


@pytest.fixture(scope="session")
def _loaded_tables(django_db_setup: None, django_db_blocker: Any) -> dict[str, str]:
    """What the command loads, put aside once in a schema of its own: a copy takes a hundredth of a reading."""
    from django.core.management import call_command

    from access.models import MatrixRow, MatrixVersion
    from patients.models import RegisterLoad, Term

    aside = {}
    with django_db_blocker.unblock(), transaction.atomic(), connections["default"].cursor() as cursor:
        call_command("load_code_tables", apply=True, verbosity=0, stdout=io.StringIO())
        cursor.execute("DROP SCHEMA IF EXISTS aside CASCADE; CREATE SCHEMA aside")
        for name in (model._meta.db_table for model in (Term, MatrixVersion, MatrixRow)):
            cursor.execute(f"CREATE TABLE aside.{name} AS TABLE public.{name}")
            aside[name] = f"INSERT INTO {name} SELECT * FROM aside.{name}"
        what_tells_of_it = [model._meta.db_table for model in (RegisterLoad, MatrixVersion.history.model)]
        for name in (*reversed(aside), *what_tells_of_it):
            cursor.execute(f"DELETE FROM {name}")
    return aside


@pytest.fixture
def code_tables(db: None, _loaded_tables: dict[str, str]) -> None:
    """The project's own code tables, and a matrix in force."""
    from django.utils import timezone

    from access.models import MatrixVersion
    from patients import terms

    terms.forget()
    with connections["default"].cursor() as cursor:
        for statement in _loaded_tables.values():
            cursor.execute(statement)
    MatrixVersion.objects.update(effective_from=timezone.now())


@pytest.fixture
def tomorrow() -> dt.datetime:
    from django.utils import timezone

    return timezone.now() + dt.timedelta(days=1)


@pytest.fixture
def odile(db, monkeypatch):
    """An operator whose code is right: what she is asked at the prompt is another test's matter."""
    user = User.objects.create_user(
        "odile@exploitant.example.org", "x", kind="operator", is_staff=True, first_name="Odile", last_name="Fournier"
    )
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    monkeypatch.setattr(OperatorCommand, "operator", lambda self, email: User.objects.get(email=email))
    return user


@pytest.fixture
def back_office() -> Iterator[None]:
    """The addresses of the back office, instead of the portal's."""
    clear_url_caches()
    with override_settings(ROOT_URLCONF="dmp.urls_backoffice"):
        yield
    clear_url_caches()


@pytest.fixture
def agent(client: Any) -> User:
    """Karim, of the Rhône's counter, signed in with a second factor of his own."""
    user = User.objects.create_user("karim@cpam.example.org", "x", kind="agent", is_staff=True, first_name="Karim")
    group = Group.objects.create(name="Rhône")
    user.groups.add(group)
    permission = Permission.objects.get(codename="serve_caisse")
    CaisseGroupGrant.objects.create(group=group, permission=permission, content_object=factories.CaisseFactory())
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return user
