"""An open page shows the question without a reload, and every page about agreements is accessible."""

import pytest
from django.conf import settings
from django.urls import reverse

from access import consents, gate
from access.facts import Act
from audit.trail import Event
from tests import browser
from tests import factories as make

pytestmark = browser.MARKS


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def signed_in(page, live_server, holder_client, dossier):
    value = holder_client(dossier).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
    page.goto(live_server.url + reverse("autorisations"))  # chooses the only dossier
    return page


def test_the_question_appears_on_the_open_page_and_is_answered(signed_in, live_server, dossier):
    complaints = []
    signed_in.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    signed_in.goto(live_server.url + reverse("profile"))
    caller = make.caller(make.ProfessionalFactory(family="CARON"))
    with gate.enter(caller, Act.RECORD, Event.CONSENT_ASKED, dossier_id=dossier.pk, lock=True) as entry:
        consents.ask(entry, "suivi")
    signed_in.get_by_text("demande votre accord pour").wait_for(timeout=8000)
    assert browser.faults(signed_in) == []
    signed_in.get_by_role("link", name="Répondre").click()
    signed_in.wait_for_url(live_server.url + reverse("consents"))
    assert browser.faults(signed_in) == []
    signed_in.get_by_role("button", name="Oui, je l'autorise").click()
    signed_in.wait_for_url(live_server.url + reverse("autorisations"))
    assert complaints == []


@pytest.mark.parametrize("name", ["teams", "profile_means"])
def test_each_page_is_accessible(signed_in, live_server, name):
    signed_in.goto(live_server.url + reverse(name))
    assert browser.faults(signed_in) == []
