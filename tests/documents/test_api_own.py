"""GET /api/v1/dossiers/{id}/depots: what he deposited, across time, and nothing of the others."""

import datetime as dt

import pytest
from django.utils import timezone

from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def dossier():
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory()


def url(dossier):
    return f"/api/v1/dossiers/{dossier.pk.hex}/depots"


def test_his_own_masked_too_without_any_right(api, dossier, doctor):
    make.DocumentFactory(dossier=dossier, title="À un autre")
    make.DocumentFactory(dossier=dossier, title="Le mien", author_ids=[doctor.idnat], hidden=True)
    make.DocumentFactory(dossier=dossier, title="Retiré", author_ids=[doctor.idnat], removed=True)
    answer = api(doctor).get(url(dossier))
    assert [(one["title"], one["masked"]) for one in answer.json()["deposits"]] == [("Le mien", True)]
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.event, trace.ground, trace.detail) == ("document_listed", "author", {"count": 1, "own": True})


@pytest.mark.parametrize("state", ["blocked", "closed"])
def test_not_when_blocked_nor_closed(api, doctor, state):
    dossier = make.DossierFactory(closed=state == "closed")
    if state == "blocked":
        make.forbid(dossier, doctor)
    answer = api(doctor).get(url(dossier))
    assert (answer.status_code, answer.json()["ground"]) == (403, state)


def test_page_after_page_each_once(api, dossier, doctor):
    now = timezone.now()
    for number in range(120):
        moment = now - dt.timedelta(days=number // 50)
        make.DocumentFactory(dossier=dossier, title=str(number), author_ids=[doctor.idnat], deposited_at=moment)
    client, seen, cursor = api(doctor), [], None
    while True:
        page = client.get(url(dossier), {"cursor": cursor} if cursor else {}).json()
        seen += [one["title"] for one in page["deposits"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == len(set(seen)) == 120
    assert client.get(url(dossier), {"cursor": "rien"}).status_code == 422


def test_it_costs_five_statements(api, dossier, doctor, django_assert_num_queries):
    make.DocumentFactory.create_batch(60, dossier=dossier, author_ids=[doctor.idnat])
    client = api(doctor)
    client.get(url(dossier))  # the first sign-in makes the account
    with django_assert_num_queries(
        5 + 2
    ):  # account, rights, rows, requests about them, trace; the savepoint of tests
        client.get(url(dossier))
