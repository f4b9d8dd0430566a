"""Every page of the holder in a real browser: no accessibility rule broken, nothing wider than a telephone."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from access import gate
from access.facts import Act
from audit.models import Trace
from audit.trail import Event
from documents import contents, opening
from tests import browser, messages
from tests import factories as make
from tests.documents.test_pages_document import DEMO, jpeg, result

pytestmark = browser.MARKS


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


def filed(dossier, content, **fields):
    document = make.DocumentFactory(dossier=dossier, size=len(content), **fields)
    contents.put(dossier.pk, document.pk, content)
    return document


def pages(dossier):
    """Each address of the holder's pages, in a dossier where each has something to show."""
    treating, current, blocked, friend = (make.ProfessionalFactory() for _ in range(4))
    make.treat(dossier, treating)
    make.permit(dossier, current)
    make.forbid(dossier, blocked)
    lab = filed(
        dossier, (DEMO / "biologie-20231114.xml").read_bytes(), media_type="text/xml", level="N3", event_codes=["A"]
    )
    letter = filed(
        dossier, (DEMO / "neurologie.xml").read_bytes(), media_type="text/xml", level="N1", event_codes=["A"]
    )
    picture = filed(dossier, jpeg(), media_type="image/jpeg")
    masked = filed(dossier, messages.pdf(), hidden=True)
    own = filed(dossier, b"Notes", media_type="text/plain", origin="holder")
    own.author_ids = [str(make.holder_of(dossier).pk)]
    own.save(update_fields=["author_ids"])
    with gate.enter(make.caller(current), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
        entry.trace(object_kind="document", object_id=lab.pk)
    contested = Trace.objects.about(dossier.pk).get(event="document_read")
    with gate.enter(make.holder(dossier), Act.OPEN, Event.DOCUMENT_OPENED_TO, dossier_id=dossier.pk) as entry:
        opening.open_to(entry, masked, friend, timezone.now() + dt.timedelta(days=30))
    now = timezone.now()
    result(lab, now, "10.5")
    result(letter, now - dt.timedelta(days=90), "13")
    for name in ("home", "documents:list", "documents:add", "autorisations", "activity", "profile", "dossiers"):
        yield reverse(name)
    for name in ("profile_contacts", "profile_emergency", "profile_new_documents"):
        yield reverse(name)
    for document in (lab, letter, picture, masked, own):
        yield reverse("documents:document", args=[document.pk])
    yield reverse("documents:mask", args=[lab.pk])
    yield reverse("documents:unmask", args=[masked.pk])
    yield reverse("documents:delete", args=[own.pk])
    for professional in (treating, current, blocked):
        yield reverse("professional", args=[professional.pk])
        yield reverse("professional_preview", args=[professional.pk])
        yield reverse("professional_preview", args=[professional.pk]) + "?reste"
    yield reverse("documents:readers", args=[masked.pk])
    yield reverse("documents:open_to", args=[masked.pk])
    yield reverse("documents:open_until", args=[masked.pk, current.pk])
    yield reverse("activity_contest", args=[contested.pk])


def test_each_page_is_accessible_on_a_telephone(page, live_server, holder_client, dossier, settings):
    settings.DEMO = False
    addresses = list(pages(dossier))
    client = holder_client(dossier)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([cookie | {"url": live_server.url}])
    broken = {}
    for address in addresses:
        answer = page.goto(live_server.url + address)
        assert answer.status == 200, address
        for summary in page.locator("summary").all():
            summary.click()
        if found := browser.faults(page):
            broken[address] = found
    assert broken == {}
