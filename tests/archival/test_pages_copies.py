"""« Mes copies »: the holder asks, follows, proves herself anew, fetches, destroys."""

import io
import re
import zipfile

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from archival import copies, opening_sealed, sealing
from archival.copies_models import Copy
from audit.models import Trace
from tests import factories as make
from tests.archival import laid

pytestmark = pytest.mark.django_db
PASSWORD = "quatre chevaux au trot"
PHRASE = "quatre mots que nul ne devine"


@pytest.fixture
def dossier(code_tables):
    made = laid.dossier()
    laid.lay(made, title="Une note")
    return made


@pytest.fixture
def browser(dossier, client):
    user = make.holder_of(dossier)
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def prove(browser) -> None:
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def ready(browser, kind: str = "digital") -> Copy:
    answer = browser.post(reverse("profile_copies"), {"kind": kind})
    row = Copy.objects.get(dossier_id=_dossier_id(browser), state="asked")
    assert answer.status_code == 302 and answer["Location"] == reverse("profile_copy", args=[row.pk])
    return laid.made(row)


def _dossier_id(browser) -> str:
    return browser.session["dossier"]["id"]


def fetched(browser, row: Copy, **fields: str):
    address = reverse("profile_copy_fetch", args=[row.pk])
    prove(browser)
    assert browser.get(address).status_code == 200
    code = re.search(r"[A-Z0-9]{5} [A-Z0-9]{5}", mail.outbox[-1].body)[0]
    return browser.post(address, {"code": code, **fields})


def test_she_asks_follows_and_fetches(browser, dossier):
    browser.get(reverse("profile_copies"))
    browser.post(reverse("profile_copies"), {"kind": "digital"})
    row = Copy.objects.get(dossier=dossier)
    waiting = browser.get(reverse("profile_copy", args=[row.pk])).content.decode()
    assert '<meta http-equiv="refresh" content="5">' in waiting and "<progress" in waiting
    row = laid.made(row)
    page = browser.get(reverse("profile_copy", args=[row.pk])).content.decode()
    assert "prête" in page and "refresh" not in page
    answer = fetched(browser, row)
    content = b"".join(answer.streaming_content)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None and len(content) == int(answer["Content-Length"])
    assert re.fullmatch(r'attachment; filename="dossier-\d{4}-\d\d-\d\d\.zip"', answer["Content-Disposition"])
    assert answer["Cache-Control"] == "no-store" and answer["X-Content-Type-Options"] == "nosniff"
    acts = list(Trace.objects.filter(dossier_id=dossier.pk, object_kind="copy").order_by("seq"))
    assert [one.event for one in acts] == ["copy_asked", "copy_made", "copy_fetched"]
    assert [one.actor_kind for one in acts] == ["holder", "system", "holder"]
    activity = browser.get(reverse("activity")).content.decode()
    assert "récupéré une copie du dossier" in activity and "préparé une copie du dossier" in activity


def test_the_encrypted_file_takes_the_passphrase_of_the_moment(browser, monkeypatch):
    monkeypatch.setattr(sealing, "ITERATIONS", 1000)
    browser.get(reverse("profile_copies"))
    row = ready(browser, "sealed")
    refused = fetched(browser, row, passphrase=PHRASE, again="une autre phrase")
    assert refused.status_code == 422 and "pas la même phrase" in refused.content.decode()
    short = browser.post(reverse("profile_copy_fetch", args=[row.pk]), {"passphrase": "court", "again": "court"})
    assert short.status_code == 422
    content = b"".join(fetched(browser, row, passphrase=PHRASE, again=PHRASE).streaming_content)
    assert b"Une note" not in content
    assert b"".join(opening_sealed.pieces(content, PHRASE)).startswith(b"PK")


def test_nothing_is_fetched_without_a_second_factor_proven_now(browser):
    browser.get(reverse("profile_copies"))
    row = ready(browser)
    address = reverse("profile_copy_fetch", args=[row.pk])
    for method in (browser.get, browser.post):
        answer = method(address)
        assert answer.status_code == 302 and answer["Location"].startswith("/compte/reauthenticate/")
    prove(browser)
    browser.get(address)
    sent = len(mail.outbox)
    for code in ("", "AAAAA AAAAA"):
        assert browser.post(address, {"code": code}).status_code == 422
    assert len(mail.outbox) == sent  # one code at a time
    right = re.search(r"[A-Z0-9]{5} [A-Z0-9]{5}", mail.outbox[-1].body)[0]
    for _ in range(5):
        browser.post(address, {"code": "AAAAA AAAAA"})
    assert browser.post(address, {"code": right}).status_code == 422  # five tries
    assert not Trace.objects.filter(event="copy_fetched").exists()


def test_a_code_serves_once(browser):
    browser.get(reverse("profile_copies"))
    row = ready(browser)
    assert fetched(browser, row).status_code == 200
    right = re.search(r"[A-Z0-9]{5} [A-Z0-9]{5}", mail.outbox[-1].body)[0]
    assert browser.post(reverse("profile_copy_fetch", args=[row.pk]), {"code": right}).status_code == 422


def test_another_s_copy_is_as_absent_as_none(browser, dossier):
    """A parent and a holder of one dossier do not fetch each other's: each sees what is his."""
    browser.get(reverse("profile_copies"))
    row = laid.made(laid.ask(dossier, role="guardian"))
    for name, method in (
        ("profile_copy", browser.get),
        ("profile_copy_fetch", browser.get),
        ("profile_copy_destroy", browser.post),
    ):
        assert method(reverse(name, args=[row.pk])).status_code == 404
    assert "Copie numérique" not in browser.get(reverse("profile_copies")).content.decode()


def test_she_destroys_one(browser, django_capture_on_commit_callbacks):
    browser.get(reverse("profile_copies"))
    row = ready(browser)
    assert copies.store().exists(row.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(reverse("profile_copy_destroy", args=[row.pk])).status_code == 302
    assert not copies.store().exists(row.pk)
    assert "est détruite" in browser.get(reverse("profile_copy", args=[row.pk])).content.decode()
    assert browser.get(reverse("profile_copy_fetch", args=[row.pk])).status_code == 302


def test_a_closed_dossier_shows_the_way_to_ask(browser, dossier):
    dossier.state, dossier.closed_at, dossier.closure = "closed", timezone.now(), "DEMANDE_TITULAIRE"
    dossier.save()
    page = browser.get(reverse("profile_copies")).content.decode()
    assert "demande enregistrée" in page and "<form method" not in page.split("nouvelle")[1]
    assert browser.post(reverse("profile_copies"), {"kind": "paper"}).status_code == 403
    assert not Copy.objects.exists()


def test_words_of_a_form_that_does_not_exist_are_refused(browser):
    browser.get(reverse("profile_copies"))
    for kind in ("", "tout", "asked"):
        assert browser.post(reverse("profile_copies"), {"kind": kind}).status_code == 422
    assert make.DossierFactory._meta.model.objects.count() == 1
