"""Every kind of request, by every way it comes: recorded, told, with a tracked number, a receipt and its date."""

import datetime as dt

import pytest
from django.template.loader import render_to_string
from django.urls import clear_url_caches

from patients import dossiers, request_letters
from patients.models import Dossier, Notice
from patients.models_requests import Kind, Request
from tests import factories as make
from tests.access.counter import look_for

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2027, 3, 10, 11, tzinfo=dt.UTC)
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HEIRS = {
    "requester": "Luc Marchand", "address": "3 rue Haute, 69003 Lyon", "quality": "heir",
    "proof": "Acte de notoriété", "motive": "rights",
}  # fmt: skip
# Asked on 10 March 2027 at the counter or online; by a letter that came on 1 March. Written by hand from the law.
DUE = {
    "rectification": ("10 avril 2027", "1 avril 2027", "article 12"),
    "copy": ("18 mars 2027", "9 mars 2027", "L1111-7"),
    "closure": ("10 avril 2027", "1 avril 2027", "R1111-36"),
    "document": ("10 avril 2027", "1 avril 2027", "article 12"),
    "destruction": ("10 juin 2027", "1 juin 2027", "R1111-36"),
    "reopening": ("10 avril 2027", "1 avril 2027", "R1111-36"),
    "contest": ("10 avril 2027", "1 avril 2027", "article 12"),
    "heirs": ("18 mars 2027", "9 mars 2027", "L1110-4"),
}
# Online: a closing and a reactivation are done at once on their own pages, a destruction is asked there
# (tests/archival/test_pages_lifecycle.py); a family has no account.
ONLINE = {"rectification": "correction", "copy": "copie", "contest": "contestation", "document": "document"}


@pytest.fixture(autouse=True)
def at_noon(time_machine, code_tables):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def counter(settings, client, agent):
    """Karim's screen, with a person who has a dossier."""
    settings.ROOT_URLCONF = "dmp.urls_backoffice"
    clear_url_caches()
    client.force_login(agent, backend=BACKEND)
    person = make.InsuredFactory()
    agreement = dossiers.Agreement("holder", "F-12", "counter")
    dossier = dossiers.open_for(person, agreement=agreement, by=agent.actor(), email="titulaire@example.org")
    look_for(client, person)
    yield client, dossier
    clear_url_caches()


def the_receipt_says(row, due, law):
    said = render_to_string(*request_letters.page(row, "recu"))
    for word in (row.on_paper, due, law):
        assert word in said, word


def test_every_kind_is_here():
    assert set(DUE) == set(Kind.values)


@pytest.mark.parametrize("channel", ["counter", "post"])
@pytest.mark.parametrize("kind", DUE)
def test_at_the_counter_and_by_post(counter, agent, kind, channel):
    client, dossier = counter
    if kind == "reopening":
        dossiers.close(dossier.pk, closure=Dossier.Closure.HOLDER, by=agent.actor())
    here, posted, law = DUE[kind]
    said = {"kind": kind, "channel": channel, "identity": "passeport", "said": "le nom"}
    said |= {"arrived": "01/03/2027"} if channel == "post" else {}
    said |= HEIRS if kind == "heirs" else {}
    answer = client.post("/guichet/demandes/nouvelle/", said)
    row = Request.objects.get(dossier=dossier)
    assert (row.kind, row.channel, row.state) == (kind, channel, "received")
    listed = client.get("/guichet/demandes/").content.decode()
    assert row.on_paper in listed
    assert client.post("/guichet/demandes/", {"number": row.on_paper})["Location"] == answer["Location"]
    pdf = client.get(f"{answer['Location']}recu/")
    assert pdf.content.startswith(b"%PDF") and row.on_paper in pdf["Content-Disposition"]
    the_receipt_says(row, posted if channel == "post" else here, law)
    told = Notice.objects.filter(dossier=dossier, kind="request_received").count()
    assert told == (kind != "heirs")  # a family is written to


@pytest.mark.parametrize("kind", ONLINE)
def test_online(holder_client, kind):
    dossier = make.DossierFactory()
    document = make.DocumentFactory(dossier=dossier)
    client = holder_client(dossier)
    named = f"{document.pk}/" if kind == "document" else ""
    client.post(f"/profil/demandes/nouvelle/{ONLINE[kind]}/{named}", {"said": "le nom", "about_old": ""})
    row = Request.objects.get(dossier=dossier)
    assert (row.kind, row.channel, row.state) == (kind, "web", "received")
    assert row.on_paper in client.get("/profil/demandes/").content.decode()
    assert client.get(f"/profil/demandes/{row.pk}/lettre/recu/").content.startswith(b"%PDF")
    the_receipt_says(row, DUE[kind][0], DUE[kind][2])
    assert Notice.objects.filter(dossier=dossier, kind="request_received").count() == 1
