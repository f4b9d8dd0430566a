"""Existing or not, the answer is the same: status, body, headers, cookies, statements, passwords hashed.

Times are not measured here, but what makes them: the SQL statements (how many, which of them write) and the
computations of a password's digest. `benchmarks/same_times.py` measures times.
"""

import datetime as dt
import re
import uuid
from contextlib import contextmanager

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access.models import User
from patients.models import Dossier, OpeningRequest, Patient
from tests import factories as make
from tests.access import entrance

pytestmark = pytest.mark.django_db

WRONG = "une autre phrase"
UNKNOWN = "inconnue@example.org"
CLOSED = {"state": "closed", "closed_at": "2010-01-01T00:00:00Z", "closure": "DEMANDE_TITULAIRE"}
# What differs from one answer to the next, even to the same request.
PASSING = re.compile(r'value="[^"]*"|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.+]+|nonce-\S+')


@pytest.fixture(autouse=True)
def _no_limit(settings):
    settings.ACCOUNT_RATE_LIMITS = False


@contextmanager
def counted(monkeypatch, hashed):
    encode = MD5PasswordHasher.encode

    def noted(self, password, salt):
        hashed.append(1)
        return encode(self, password, salt)

    with monkeypatch.context() as patch:
        patch.setattr(MD5PasswordHasher, "encode", noted)
        yield


def answer(monkeypatch, ask, *names):
    """All that a stranger may tell one answer from another by; `names` are what he himself gave."""
    hashed = []
    before = len(mail.outbox)
    with counted(monkeypatch, hashed), CaptureQueriesContext(connection) as queries:
        said = ask()

    def plain(text):
        for name in names:
            text = text.replace(name, "…")
        return PASSING.sub("", text)

    own = {"X-Request-Id", "Expires", "Content-Length"}  # the body is compared, without what he himself typed
    headers = {name: plain(value) for name, value in said.headers.items() if name not in own}
    cookies = {name: (one["max-age"], one["path"], one["samesite"]) for name, one in said.cookies.items()}
    statements = [one["sql"].strip() for one in queries if "SAVEPOINT" not in one["sql"]]
    # A trace in a dossier takes its rank in the statement that writes it.
    statements = ["INSERT INTO audit_trace" if one.startswith("WITH known AS") else one for one in statements]
    writes = [one for one in statements if not one.startswith("SELECT")]
    return {
        "status": said.status_code,
        **headers,
        "cookies": cookies,
        "body": plain(said.content.decode()),
        "statements": len(statements),
        "writes": [re.split(r"\s(?:VALUES|WHERE|SET)\s|\(", one)[0].strip() for one in writes],
        "hashes": len(hashed),
        "mails": len(mail.outbox) - before,
    }


def difference(one, other):
    """What tells them apart, short enough to be read."""
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


@pytest.fixture
def holder(code_tables):
    return entrance.account(make.DossierFactory())


def sign_in(email):
    return Client().post(reverse("account_login"), {"login": email, "password": WRONG})


def accounts_of_all_kinds():
    """Known addresses: with a dossier, without, shut, a professional's (no password), an agent's."""
    holder = entrance.account(make.DossierFactory())
    nothing, shut, agent = (make.UserFactory() for _ in range(3))
    professional = make.account(make.ProfessionalFactory())
    User.objects.filter(pk=shut.pk).update(is_active=False)
    User.objects.filter(pk=agent.pk).update(kind="agent", is_staff=True)
    User.objects.filter(pk=professional.pk).update(email="pro@example.org")
    for user in (nothing, shut, agent):
        user.set_password(entrance.PASSWORD)
        user.save(update_fields=["password"])
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return [holder.email, nothing.email, shut.email, agent.email, "pro@example.org"]


def test_a_wrong_password_is_refused_the_same_whoever_it_is_for(code_tables, monkeypatch):
    emails = accounts_of_all_kinds()
    sign_in(UNKNOWN)  # warm
    absent = answer(monkeypatch, lambda: sign_in(UNKNOWN), UNKNOWN)
    assert (absent["status"], absent["hashes"]) == (200, 1)
    for email in emails:
        assert difference(answer(monkeypatch, lambda email=email: sign_in(email), email), absent) == {}, email


def forgotten(email):
    return Client().post(reverse("account_reset_password"), {"email": email})


def test_a_forgotten_password_is_answered_the_same_whoever_asks(code_tables, monkeypatch):
    emails = accounts_of_all_kinds()
    with queued(monkeypatch, "access.account_forms.send_password_link.delay") as left:
        forgotten(UNKNOWN)
        absent = answer(monkeypatch, lambda: forgotten(UNKNOWN), UNKNOWN)
        assert absent["status"] == 302
        for email in emails:
            assert difference(answer(monkeypatch, lambda email=email: forgotten(email), email), absent) == {}, email
    assert [email for email, _ in left] == [UNKNOWN, UNKNOWN, *emails]


def test_one_mail_leaves_to_an_address_with_or_without_account(holder, mailoutbox):
    for email in (UNKNOWN, holder.email):
        forgotten(email)
    assert [one.to for one in mailoutbox] == [[UNKNOWN], [holder.email]]
    assert ["/compte/password/reset/key/" in one.body for one in mailoutbox] == [False, True]


@contextmanager
def queued(monkeypatch, place):
    """What a task does is not in the answer: it leaves for everybody alike."""
    left = []
    with monkeypatch.context() as patch:
        patch.setattr(place, lambda *what: left.append(what))
        yield left


def opening(number, postal_code):
    form = {"number": number, "postal_code": postal_code, "email": "quelquun@example.org"}
    return Client().post(reverse("opening"), form)


def test_an_opening_is_answered_the_same_whatever_the_number(code_tables, monkeypatch, settings):
    settings.DEMO = True
    person = make.InsuredFactory(postal_code="69001")
    number, unknown = person.ins.matricule, make.InsuredFactory.build().ins.matricule
    with queued(monkeypatch, "access.online.send_opening_code.delay_on_commit") as left:
        opening(unknown, "69001")
        absent = answer(monkeypatch, lambda: opening(unknown, "69001"))
        assert absent["status"] == 302
        assert difference(answer(monkeypatch, lambda: opening(number, "69001")), absent) == {}
        assert difference(answer(monkeypatch, lambda: opening(number, "75011")), absent) == {}
    assert len(left) == 4
    assert number not in str(left)  # the queue carries a keyed hash


def test_a_wrong_opening_code_is_answered_the_same_whether_the_number_was_known(
    code_tables, monkeypatch, settings, django_capture_on_commit_callbacks
):
    settings.DEMO = True
    said = []
    for number in (make.InsuredFactory(postal_code="69001").ins.matricule, make.InsuredFactory.build().ins.matricule):
        browser = Client()
        form = {"number": number, "postal_code": "69001", "email": "x@example.org"}
        with django_capture_on_commit_callbacks(execute=True):
            browser.post(reverse("opening"), form)
        browser.post(reverse("opening_code"), {"code": "000001"})
        said.append(
            answer(monkeypatch, lambda browser=browser: browser.post(reverse("opening_code"), {"code": "000000"}))
        )
    assert OpeningRequest.objects.get().attempts == 2
    assert said[0]["status"] == 422
    assert difference(*said) == {}


def test_a_letter_s_code_is_answered_the_same_whether_the_address_waits_for_one(code_tables, monkeypatch):
    def typed(email):
        form = {"email": email, "code": "AAAAA AAAAA"}
        return Client().post(reverse("opening_letter"), form)

    waiting = OpeningRequest.objects.create(
        insured=make.InsuredFactory(),
        email="attend@example.org",
        link_digest=b"",
        code_digest=b"",
        letter_digest=b"x",
        state="letter",
        expires_at=timezone.now() + dt.timedelta(days=1),
    )
    typed(UNKNOWN)
    absent = answer(monkeypatch, lambda: typed(UNKNOWN), UNKNOWN)
    assert absent["status"] == 422
    assert difference(answer(monkeypatch, lambda: typed(waiting.email), waiting.email), absent) == {}


def test_a_number_without_dossier_is_answered_as_that_of_a_dossier_destroyed(code_tables, monkeypatch, api):
    """D17: whoever has the number of a dossier that is there may know that it is; of one that was, nothing."""
    client = api(make.ProfessionalFactory())
    destroyed = make.DossierFactory()
    number = Patient.objects.get(dossier=destroyed).ins
    for step in (CLOSED, {"state": "destroyed"}):
        Dossier.objects.filter(pk=destroyed.pk).update(**step)
    unknown = make.InsuredFactory.build().ins

    def search(one):
        return client.get("/fhir/Patient", {"identifier": f"urn:oid:{one.oid}|{one.matricule}"})

    search(unknown)
    absent = answer(monkeypatch, lambda: search(unknown))
    assert absent["status"] == 200
    assert '"total":0' in absent["body"].replace(" ", "")
    assert difference(answer(monkeypatch, lambda: search(number)), absent) == {}


def test_the_page_of_a_dossier_destroyed_is_that_of_no_dossier(code_tables, monkeypatch, api):
    client = api(make.ProfessionalFactory())
    destroyed = make.DossierFactory()
    for step in (CLOSED, {"state": "destroyed"}):
        Dossier.objects.filter(pk=destroyed.pk).update(**step)
    addresses = [uuid.uuid4().hex, destroyed.pk.hex]
    client.get(f"/fhir/Patient/{addresses[0]}")
    said = [answer(monkeypatch, lambda one=one: client.get(f"/fhir/Patient/{one}"), one) for one in addresses]
    assert said[0]["status"] == 404
    assert difference(*said) == {}
