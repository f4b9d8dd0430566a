"""The first page: who came, on what ground, what is new, what ends soon."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from access import gate
from access.facts import Act
from audit.trail import Event
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


def read_by(professional, dossier, *documents):
    for document in documents:
        with gate.enter(make.caller(professional), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
            entry.trace(object_kind="document", object_id=document.pk, object_title=document.title)


def home(client):
    answer = client.get(reverse("home"))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_stranger_reads_what_this_is(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert "public/landing.html" in [template.name for template in answer.templates]


def test_the_last_accesses_are_sentences_with_their_reason(holder_client, dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    read_by(doctor, dossier, *make.DocumentFactory.create_batch(2, dossier=dossier))
    page = home(holder_client(dossier))
    assert "<strong>Dr Paul Morel</strong> (médecin) a ouvert 2 documents aujourd&#x27;hui." in page
    assert "Vous l&#x27;avez autorisé à consulter votre dossier." in page
    assert "« Retirer l&#x27;autorisation »" in page


def test_three_accesses_at_most_the_latest_first_and_never_her_own(holder_client, dossier):
    names = ["ALBERT", "BERNARD", "CHARLES", "DENIS"]
    for name in names:
        doctor = make.ProfessionalFactory(family=name)
        make.permit(dossier, doctor)
        read_by(doctor, dossier, make.DocumentFactory(dossier=dossier))
    client = holder_client(dossier)
    home(client)
    page = home(client)
    places = [page.find(name.title()) for name in reversed(names)]
    assert places[:3] == sorted(places[:3])
    assert places[3] == -1
    assert "<strong>Vous</strong>" not in page


def test_a_refused_access_is_said_to_be_refused(holder_client, dossier):
    doctor = make.caller(make.ProfessionalFactory())
    with pytest.raises(gate.Refused), gate.enter(doctor, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk):
        pass
    page = home(holder_client(dossier))
    assert "Refusé</span> <strong>Dr Paul Morel</strong> (médecin) n&#x27;a pas pu consulter la liste" in page
    assert "vous ne l&#x27;avez pas autorisé." in page


def test_an_access_to_what_waits_to_be_announced_is_not_told(holder_client, dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    read_by(doctor, dossier, make.DocumentFactory(dossier=dossier, awaiting=True, title="Biopsie"))
    page = home(holder_client(dossier))
    assert "Morel" not in page
    assert "Biopsie" not in page


def test_what_is_new_comes_from_others(holder_client, dossier):
    make.DocumentFactory(dossier=dossier, title="Bilan sanguin")
    make.DocumentFactory(dossier=dossier, title="Mon carnet", origin="holder")
    make.DocumentFactory(dossier=dossier, title="Ancienne radio", deposited_at=timezone.now() - dt.timedelta(days=60))
    page = home(holder_client(dossier))
    assert "Bilan sanguin" in page
    assert "Mon carnet" not in page
    assert "Ancienne radio" not in page


def test_authorisations_that_end_soon_are_recalled(holder_client, dossier):
    now = timezone.now()
    soon, later = make.ProfessionalFactory(family="ALBERT"), make.ProfessionalFactory(family="BERNARD")
    make.permit(dossier, soon, until=now + dt.timedelta(days=10))
    make.permit(dossier, later, until=now + dt.timedelta(days=90))
    page = home(holder_client(dossier))
    assert "Albert" in page
    assert "Bernard" not in page


def test_a_closed_dossier_shows_its_dates_and_no_document(holder_client, code_tables):
    closed = make.DossierFactory(closed=True, closed_at=dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC))
    make.DocumentFactory(dossier=closed, title="Bilan sanguin")
    page = home(holder_client(closed))
    assert "fermé depuis le 5 mars 2026" in page
    assert "conservé jusqu'au 5 mars 2036" in page
    assert "Bilan" not in page
