"""The back office opens to staff with a second factor of their own: at every address, and by no other way."""

import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.urls import clear_url_caches, reverse
from django.utils import timezone

from access.models import User
from audit.models import Trace
from tests import doors
from tests import factories as make

pytestmark = pytest.mark.django_db

PASSWORD = "cheval correct agrafe pile"
# Asked of nobody: what says nothing, signing in, the account itself (where the second factor is set up).
OPEN = ("healthz", "accessibilite/", "aide/", "mentions-legales/", "compte/", "accueil/", "")


@pytest.fixture
def back_office(settings, code_tables):
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    settings.ACCOUNT_RATE_LIMITS = False
    clear_url_caches()
    yield
    clear_url_caches()


def sent_away(answer):
    return answer.status_code == 302 and answer.headers["Location"].startswith(
        ("/admin/login/?next=", "/compte/login/?next=", "/compte/2fa/totp/activate/")
    )


@pytest.mark.parametrize("kind", ["agent", "operator"])
def test_without_a_second_factor_of_their_own_staff_reach_no_address(back_office, kind):
    cast = doors.cast()
    client = doors.signed_in(User.objects.get(email=f"{kind}@example.org"))
    Authenticator.objects.all().delete()
    guarded = [route for route in doors.routes("dmp.urls_backoffice") if not route.startswith(OPEN[:5])]
    guarded = [route for route in guarded if route not in OPEN and route != "admin/logout/"]
    assert len(guarded) > 60
    reached = [
        f"{method} {route}: {answer.status_code}"
        for route in guarded
        for method in ("GET", "POST")
        if not sent_away(answer := client.generic(method, doors.address(route, cast)))
    ]
    assert reached == []


def test_recovery_codes_alone_are_no_second_factor(back_office, client):
    agent = doors.staff("agent")
    Authenticator.objects.update(type=Authenticator.Type.RECOVERY_CODES)
    client.force_login(agent, doors.BACKEND)
    assert sent_away(client.get("/guichet/"))


def test_the_one_who_is_sent_away_arrives_where_it_is_set_up(back_office, client):
    agent = doors.staff("agent")
    Authenticator.objects.all().delete()
    client.force_login(agent, doors.BACKEND)
    chain = client.get("/guichet/", follow=True).redirect_chain
    assert ("/compte/2fa/totp/activate/", 302) in chain


def test_django_s_own_form_signs_nobody_in_by_a_password_alone(back_office, client):
    agent, operator = doors.staff("agent"), doors.staff("operator")
    operator.set_password(PASSWORD)
    operator.save()
    form = {"username": operator.email, "password": PASSWORD}
    client.post("/admin/login/", form)
    assert "_auth_user_id" not in client.session
    client.force_login(agent, doors.BACKEND)
    client.post("/admin/login/", form)
    assert client.session["_auth_user_id"] == str(agent.pk)


@pytest.mark.parametrize("kind", ["person", "professional"])
def test_an_account_of_another_kind_does_not_enter_even_with_a_second_factor(back_office, client, kind):
    user = make.UserFactory() if kind == "person" else make.account(make.ProfessionalFactory())
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client.force_login(user, doors.BACKEND)
    for path in ("/admin/", "/guichet/"):
        assert sent_away(client.get(path))


def test_an_agent_deactivated_is_out_at_once(back_office, client):
    agent = doors.staff("agent")
    client.force_login(agent, doors.BACKEND)
    assert client.get("/guichet/").status_code == 200
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert sent_away(client.get("/guichet/"))


@pytest.mark.parametrize("kind", ["agent", "operator"])
def test_a_sign_in_is_in_the_trail_and_leaves_no_row_in_the_history_of_the_account(
    back_office, client, kind, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    user, secret = doors.staff(kind), "KRUGKIDDMFYHI2LUNFZW45DFNRXW4ZLT"
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Authenticator.objects.all().delete()
    TOTP.activate(user, secret)
    before = user.history.count()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    client.post(reverse("mfa_authenticate"), {"code": code})
    user.refresh_from_db()
    assert client.session["_auth_user_id"] == str(user.pk) and user.last_login is not None
    assert Trace.objects.filter(event="signed_in", actor_id=str(user.pk)).count() == 1
    assert user.history.count() == before


def test_what_the_history_keeps_of_an_account_has_its_row_whatever_else_is_saved(back_office):
    user = doors.staff("agent")
    before = user.history.count()
    user.last_login, user.is_active = timezone.now(), False
    user.save(update_fields=["last_login", "is_active"])
    assert user.history.count() == before + 1


def test_who_is_not_signed_in_is_sent_to_sign_in(back_office, client):
    assert client.get("/admin/login/").headers["Location"].startswith("/compte/login/")


def test_who_is_in_already_goes_to_the_first_page(back_office):
    client = doors.signed_in(doors.staff("agent"))
    assert client.get("/admin/login/").headers["Location"] == "/admin/"


def test_an_account_of_another_kind_is_refused_where_one_signs_in(back_office, client):
    client.force_login(User.objects.create_user("marie@example.org", "x"), doors.BACKEND)
    assert client.get("/admin/login/").status_code == 403
