"""Signing in through the real pages: password, then a mailed code; or password, then the application's code."""

import datetime as dt
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.db import connection
from django.test import override_settings
from django.urls import include, path, reverse
from django.utils import timezone

from access.models import Representation, User
from audit.models import NO_DOSSIER, Trace
from tests import factories as make

pytestmark = pytest.mark.django_db

PASSWORD = "cheval correct agrafe pile"
urlpatterns = [path("compte/", include("allauth.urls")), path("", include("dmp.urls"))]  # the engine's pages first


@pytest.fixture
def holder(code_tables):
    dossier = make.DossierFactory()
    user = make.holder_of(dossier)
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def enter_password(client, holder, password=PASSWORD):
    return client.post(reverse("account_login"), {"login": holder.email, "password": password})


def signed_in(client):
    return "_auth_user_id" in client.session


def code_in(mail):
    return re.search(r"^\s*([0-9A-Z]{3,4}-?[0-9A-Z]{3,4})\s*$", mail.body, re.M)[1]


@override_settings(ROOT_URLCONF=__name__)
def test_nobody_signs_up_by_himself_even_on_the_engine_s_own_page(client, code_tables):
    """Both sites put a page of theirs in its place (tests/test_doors.py): this is what stands behind them."""
    page = reverse("account_signup")
    said = {"email": "nouveau@example.org", "password1": PASSWORD}
    for answer in (client.get(page), client.post(page, said)):
        assert (answer.status_code, "password1" in answer.content.decode()) == (200, False)
    assert not signed_in(client)
    assert not User.objects.filter(email="nouveau@example.org").exists()


def test_the_password_alone_opens_nothing(client, holder, mailoutbox):
    answer = enter_password(client, holder)
    assert answer.headers["Location"] == reverse("account_confirm_login_code")
    assert not signed_in(client)
    assert len(mailoutbox) == 1
    assert mailoutbox[0].to == [holder.email]


def test_the_mailed_code_completes_it_and_the_trail_says_how(client, holder, mailoutbox):
    enter_password(client, holder)
    answer = client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("home")
    assert answer.status_code == 200
    assert signed_in(client)
    assert Trace.objects.latest("at").means == "password+code"


def test_a_wrong_code_opens_nothing(client, holder, mailoutbox):
    enter_password(client, holder)
    for _ in range(4):
        client.post(reverse("account_confirm_login_code"), {"code": "AAA-AAA"})
    client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert not signed_in(client)


def test_the_answer_is_the_same_for_an_account_that_does_not_exist(client, holder):
    known = enter_password(client, holder, "une autre phrase")
    unknown = client.post(reverse("account_login"), {"login": "inconnu@example.org", "password": "une autre phrase"})
    assert known.status_code == unknown.status_code == 200
    hidden = re.compile(rb'value="[^"]*"')
    assert hidden.sub(b"", known.content) == hidden.sub(b"", unknown.content)


def test_the_session_key_changes_at_sign_in(client, holder, mailoutbox):
    enter_password(client, holder)
    before = client.session.session_key
    client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert client.session.session_key != before


def test_who_has_an_application_of_codes_is_asked_for_its_code_alone(client, holder, mailoutbox):
    secret = generate_totp_secret()
    TOTP.activate(holder, secret)
    answer = enter_password(client, holder)
    assert answer.headers["Location"] == reverse("mfa_authenticate")
    assert not mailoutbox
    code = f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert signed_in(client)


def test_the_mailed_code_alone_opens_nothing(client, holder, mailoutbox):
    """Two factors always: a way in by mail only would be one."""
    answer = client.post("/compte/login/code/", {"email": holder.email})
    assert answer.status_code == 404
    assert not mailoutbox


def openings():
    traces = Trace.objects.filter(event="signed_in").order_by("dossier_id")
    return [(one.dossier_id, one.actor_kind, one.actor_id, one.means) for one in traces]


def enter(client, holder, mailoutbox):
    enter_password(client, holder)
    client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[-1])})


def test_opening_a_session_is_traced_in_each_dossier_one_may_look_at(client, holder, mailoutbox):
    """As holder of one's own, as representative of a child's; not where the right has ended, nor as a carer."""
    own = Representation.objects.get(user=holder).dossier
    child = make.DossierFactory(minor=True)
    former, cared_for, stranger = make.DossierFactory.create_batch(3)
    for dossier, role, until in [
        (child, "parent", None),
        (former, "guardian", timezone.now() - dt.timedelta(days=1)),
        (cared_for, "carer", None),
    ]:
        Representation.objects.create(
            dossier=dossier, user=holder, role=role, recorded_by="test", since=dossier.opened_at, until=until
        )
    enter(client, holder, mailoutbox)
    assert signed_in(client)
    who = (str(holder.pk), "password+code")
    assert openings() == sorted([(own.pk, "holder", *who), (child.pk, "representative", *who)])
    assert not Trace.objects.about(stranger.pk).exists()


def test_a_password_without_its_code_leaves_no_opening(client, holder):
    enter_password(client, holder)
    assert openings() == []


def test_an_agent_s_opening_concerns_no_dossier(client, holder, mailoutbox):
    holder.kind = "agent"
    holder.save()
    enter(client, holder, mailoutbox)
    assert openings() == [(NO_DOSSIER, "counter", str(holder.pk), "password+code")]


def test_no_trace_no_session(client, holder, mailoutbox):
    """The trail's table refuses, as when its partition is missing."""
    enter_password(client, holder)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_trace ADD CONSTRAINT shut CHECK (event <> 'signed_in') NOT VALID")
    answer = client.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert answer.status_code == 503
    assert not signed_in(client)


def test_the_holder_reads_that_a_session_was_opened(client, holder, mailoutbox):
    enter(client, holder, mailoutbox)
    assert "ouvert une session" in client.get(reverse("activity")).content.decode()
