"""A mask may have an end; past it, it is none, everywhere at once, and nobody rewrites anything (S41, R1111-53)."""

import datetime as dt
import json

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from access import gate
from access.facts import Act
from audit.models import Trace
from audit.trail import Event
from documents.models import Document
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def deposit(api, author, dossier, *labels):
    body = messages.simplified(messages.subject(dossier), messages.pdf(), labels=labels)
    answer = api(author).post("/fhir/DocumentReference", json.dumps(body), content_type="application/fhir+json")
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def labels(client, dossier, name, **query):
    """The visibility labels served for a document: by id, in a search, and by the search on labels, which agree."""
    read = client.get(f"/fhir/DocumentReference/{name}").json()
    query = {"patient": dossier.pk.hex, "status": "current"} | query
    entries = client.get("/fhir/DocumentReference", query).json()["entry"]
    (listed,) = [one["resource"] for one in entries if one["resource"]["id"] == name]
    said = [coding["code"] for label in read["securityLabel"] for coding in label["coding"]]
    assert said == [coding["code"] for label in listed["securityLabel"] for coding in label["coding"]]
    for code in ("MASQUE_PS", "INVISIBLE_PATIENT"):
        answer = client.get("/fhir/DocumentReference", query | {"security-label": code}).json()
        found = [one["resource"]["id"] for one in answer.get("entry", [])]
        assert (name in found) == (code in said)
    return set(said) - {"N"}


def mask(client, document, **data):
    return client.post(reverse("documents:mask", args=[document.pk]), data)


@pytest.fixture
def author(dossier):
    author = make.ProfessionalFactory()
    make.permit(dossier, author)
    return author


def test_a_lapsed_mask_is_no_mask_anywhere(api, holder_client, dossier, author):
    reader = make.ProfessionalFactory(family="AUTRE")
    make.permit(dossier, reader)
    name = deposit(api, author, dossier)
    document = Document.objects.get()
    last_day = timezone.localdate() + 10 * DAY
    holder = holder_client(dossier)
    assert mask(holder, document, limit="date", last_day=last_day.isoformat()).status_code == 302
    assert labels(api(author), dossier, name) == {"MASQUE_PS"}
    assert api(reader).get(f"/fhir/DocumentReference/{name}").status_code == 404
    own = f"/api/v1/dossiers/{dossier.pk.hex}/depots"
    assert api(author).get(own).json()["deposits"][0]["masked"] is True
    stored = Document.objects.get().fhir
    with time_machine.travel(timezone.now() + 11 * DAY, tick=False):
        assert labels(api(author), dossier, name) == set()
        assert labels(api(reader), dossier, name) == set()
        assert api(author).get(own).json()["deposits"][0]["masked"] is False
        assert Document.objects.get().fhir == stored
        holder = holder_client(dossier)
        assert "Masqué aux professionnels" not in holder.get(reverse("documents:list")).content.decode()
        assert "<strong>Masqué" not in holder.get(reverse("documents:document", args=[document.pk])).content.decode()
        assert mask(holder, document).status_code == 302
        assert labels(api(author), dossier, name) == {"MASQUE_PS"}


def test_the_last_day_chosen_is_masked_whole(dossier, holder_client):
    document = make.DocumentFactory(dossier=dossier)
    mask(holder_client(dossier), document, limit="date", last_day=(timezone.localdate() + DAY).isoformat())
    until = timezone.localtime(Document.objects.get().masked_until)
    assert (until.date(), until.hour, until.minute) == (timezone.localdate() + 2 * DAY, 0, 0)


@pytest.mark.parametrize("days", [-1, 0, 368])
def test_the_end_is_from_tomorrow_to_a_year(dossier, holder_client, days):
    document = make.DocumentFactory(dossier=dossier)
    last_day = (timezone.localdate() + days * DAY).isoformat()
    assert mask(holder_client(dossier), document, limit="date", last_day=last_day).status_code == 422
    assert not Document.objects.get().masked


def test_the_trail_says_until_when(dossier, holder_client):
    document = make.DocumentFactory(dossier=dossier)
    mask(holder_client(dossier), document, limit="date", last_day=(timezone.localdate() + 5 * DAY).isoformat())
    assert "until" in Trace.objects.about(dossier.pk).get(event="document_masked").detail


def test_unmasking_forgets_the_end(dossier, holder_client):
    document = make.DocumentFactory(dossier=dossier, masked=True, masked_until=timezone.now() + 5 * DAY)
    holder_client(dossier).post(reverse("documents:unmask", args=[document.pk]))
    document.refresh_from_db()
    assert (document.masked, document.masked_until) == (False, None)


def test_after_the_month_nothing_says_that_it_was_withheld(api, dossier, author):
    name = deposit(api, author, dossier, "INVISIBLE_PATIENT")
    assert labels(api(author), dossier, name) == {"INVISIBLE_PATIENT"}
    with time_machine.travel(timezone.now() + 40 * DAY, tick=False):
        assert labels(api(author), dossier, name) == set()


# -- new documents -------------------------------------------------------------------------------------------------
SWITCH = "/profil/nouveaux-documents/"


def test_new_documents_are_masked_once_she_says_so(api, holder_client, dossier, author):
    reader = make.ProfessionalFactory(family="AUTRE")
    make.permit(dossier, reader)
    before = deposit(api, author, dossier)
    holder = holder_client(dossier)
    assert holder.post(SWITCH, {"masks_new_documents": "on"}).status_code == 302
    after = deposit(api, author, dossier)
    assert labels(api(author), dossier, before) == set()
    assert labels(api(author), dossier, after) == {"MASQUE_PS"}
    assert api(reader).get(f"/fhir/DocumentReference/{after}").status_code == 404
    assert holder.post(SWITCH, {}).status_code == 302
    assert labels(api(author), dossier, deposit(api, author, dossier)) == set()


def test_what_awaits_its_announcement_is_not_masked_as_well(api, dossier, author):
    """Both together are refused (D8): the deposit goes through, withheld only."""
    type(dossier).objects.filter(pk=dossier.pk).update(masks_new_documents=True)
    assert labels(api(author), dossier, deposit(api, author, dossier, "INVISIBLE_PATIENT")) == {"INVISIBLE_PATIENT"}


def test_the_scope_agrees_with_the_label(dossier, author):
    document = make.DocumentFactory(dossier=dossier, masked=True, masked_until=timezone.now() - DAY)
    with gate.enter(make.caller(author), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
        assert list(Document.objects.within(entry.scope)) == [document]
        entry.trace()
