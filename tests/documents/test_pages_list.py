"""The holder's list: what exists for her, by family, newest first, at a constant cost."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import Trace
from documents.models import Document
from tests import factories as make

pytestmark = pytest.mark.django_db

LIST = reverse("documents:list")
SHOWN = re.compile(r'href="/documents/([0-9a-f-]{36})/"')


def shown(client, url=LIST):
    answer = client.get(url)
    assert answer.status_code == 200
    return SHOWN.findall(answer.content.decode())


def fill(dossier, count):
    start = timezone.now() - dt.timedelta(days=count)
    documents = [
        make.DocumentFactory.build(dossier=dossier, created=start + dt.timedelta(days=day)) for day in range(count)
    ]
    return [str(one.pk) for one in reversed(Document.objects.bulk_create(documents))]


def statements(client, url=LIST):
    """What a page asks the database; without the session (cached, or not) and savepoints, which tests alone see."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    asked = [query["sql"] for query in queries if "django_session" not in query["sql"]]
    return [sql for sql in asked if "SAVEPOINT" not in sql]


def test_newest_first_twenty_at_a_time_none_lost_none_twice(holder_client, dossier):
    ids = fill(dossier, 45)
    client, seen, url = holder_client(dossier), [], LIST
    while url:
        page = client.get(url).content.decode()
        found = SHOWN.findall(page)
        assert len(found) <= 20
        seen += found
        more = re.search(r'href="([^"]*avant=[^"]*)"', page)
        url = LIST + more[1].rpartition("/")[2].replace("&amp;", "&") if more else None
    assert seen == ids


def test_a_list_of_a_thousand_costs_what_a_list_of_five_costs(holder_client, dossier):
    fill(dossier, 5)
    client = holder_client(dossier)
    client.get(LIST)  # the dossier is chosen, the code tables are read
    five = statements(client)
    fill(dossier, 995)
    thousand = statements(client)
    # account · facts · families · documents · trace
    assert len(thousand) == len(five) == 5, "\n".join(thousand)


def test_a_later_page_costs_one_statement_more(holder_client, dossier):
    ids = fill(dossier, 45)
    client = holder_client(dossier)
    client.get(LIST)
    assert len(statements(client, f"{LIST}?avant={ids[19]}")) == 6


def test_by_family_with_its_count(holder_client, dossier):
    lab = make.DocumentFactory(dossier=dossier, family="biologie")
    make.DocumentFactory(dossier=dossier)
    odd = make.DocumentFactory(dossier=dossier, family="")
    client = holder_client(dossier)
    assert shown(client, f"{LIST}?famille=biologie") == [str(lab.pk)]
    assert shown(client, f"{LIST}?famille=autres") == [str(odd.pk)]
    page = client.get(LIST).content.decode()
    assert page.count('class="family family-') == 9  # all of them, and the eight families
    assert "Analyses de biologie" in page
    assert client.get(f"{LIST}?famille=inconnue").status_code == 404


def test_by_words_of_the_title_that_stay_out_of_addresses(holder_client, dossier):
    found = make.DocumentFactory(dossier=dossier, title="Bilan sanguin")
    make.DocumentFactory(dossier=dossier, title="Radio du genou")
    client = holder_client(dossier)
    answer = client.post(reverse("documents:search"), {"text": "BILAN"})
    assert answer.headers["Location"] == LIST
    assert shown(client) == [str(found.pk)]
    client.post(reverse("documents:search"), {"text": ""})
    assert len(shown(client)) == 2


def test_percent_and_quotes_are_plain_letters(holder_client, dossier):
    make.DocumentFactory(dossier=dossier, title="Bilan")
    client = holder_client(dossier)
    for text in ("%", "_", "'", '"><script>alert(1)</script>'):
        client.post(reverse("documents:search"), {"text": text})
        answer = client.get(LIST)
        assert not SHOWN.findall(answer.content.decode())
        assert b"<script>alert" not in answer.content


@pytest.mark.parametrize("trait", ["awaiting", "removed"])
def test_what_is_not_for_her_changes_no_byte(holder_client, dossier, trait):
    """Not listed, not counted, not in a family, not hinted (A2)."""
    make.DocumentFactory(dossier=dossier)
    client = holder_client(dossier)
    client.get(LIST)

    def page():
        return re.sub(rb'value="[^"]{64}"', b"", client.get(LIST).content)

    before = page()
    make.DocumentFactory(dossier=dossier, family="biologie", **{trait: True})
    assert page() == before


def test_a_representative_does_not_see_what_a_minor_keeps_secret(client):
    dossier = make.DossierFactory(minor=True)
    shown_one = make.DocumentFactory(dossier=dossier)
    make.DocumentFactory(dossier=dossier, secret=True)
    parent = make.holder_of(dossier, role="parent")
    client.force_login(parent, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert shown(client) == [str(shown_one.pk)]


def test_masked_and_waited_for_long_enough_are_there(holder_client, dossier):
    masked = make.DocumentFactory(dossier=dossier, hidden=True)
    late = make.DocumentFactory(dossier=dossier, announced_by_time=True)
    assert set(shown(holder_client(dossier))) == {str(masked.pk), str(late.pk)}


def test_one_dossier_never_shows_another(holder_client, dossier):
    other = make.DocumentFactory()
    client = holder_client(dossier)
    assert not shown(client)
    assert client.get(f"{LIST}?avant={other.pk}").status_code == 404
    assert client.get(f"{LIST}?avant=x").status_code == 404


def test_listing_is_traced(holder_client, dossier):
    make.DocumentFactory(dossier=dossier)
    shown(holder_client(dossier))
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.event, trace.actor_kind, trace.ground, trace.channel) == (
        "document_listed",
        "holder",
        "holder",
        "web",
    )


def test_no_trace_no_list(holder_client, dossier, monkeypatch):
    from audit import trail

    make.DocumentFactory(dossier=dossier, title="Bilan sanguin")
    client = holder_client(dossier)
    client.get(reverse("profile"))
    monkeypatch.setattr(trail, "_INSERT", "SELECT broken")
    answer = client.get(LIST)
    assert answer.status_code == 503
    assert b"Bilan" not in answer.content


def test_a_closed_dossier_lists_nothing(holder_client, code_tables):
    closed = make.DossierFactory(closed=True)
    make.DocumentFactory(dossier=closed, title="Bilan sanguin")
    answer = holder_client(closed).get(LIST)
    assert answer.status_code == 403
    assert b"Bilan" not in answer.content
    assert "fermé" in answer.content.decode()
