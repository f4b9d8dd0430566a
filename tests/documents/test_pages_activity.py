"""The trail as its holder reads it: everything that was done, newest first, and nothing hidden told."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access import contests, gate
from access.facts import Act
from audit import trail
from audit.models import Trace
from audit.trail import Event
from documents.models import Document
from patients import requests
from patients.models import Channel
from patients.models_requests import Kind
from tests import factories as make

pytestmark = pytest.mark.django_db

ACTIVITY = reverse("activity")
LINE = re.compile(r"n° (\d+)</span>.*?<p class=\"mb-1\">(.*?)</p>", re.S)


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def doctor(dossier):
    professional = make.ProfessionalFactory()
    make.permit(dossier, professional)
    return professional


def open_by(professional, dossier, document):
    with gate.enter(make.caller(professional), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
        entry.trace(object_kind="document", object_id=document.pk, object_title=document.title)


def page(client, query=""):
    answer = client.get(f"{ACTIVITY}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def lines(client, query=""):
    """(rank, sentence) of each line shown."""
    found = LINE.findall(page(client, query))
    return [(int(rank), " ".join(re.sub(r"<[^>]+>", "", words).split())) for rank, words in found]


def sentences(client, query=""):
    return [words for _, words in lines(client, query)]


def test_newest_first_with_title_and_reason(holder_client, dossier, doctor):
    open_by(doctor, dossier, make.DocumentFactory(dossier=dossier, title="Radio"))
    open_by(doctor, dossier, make.DocumentFactory(dossier=dossier, title="Bilan"))
    client = holder_client(dossier)
    said = sentences(client)
    assert [words.partition(".")[0] for words in said] == [
        "Dr Paul Morel (médecin) a ouvert le document « Bilan »",
        "Dr Paul Morel (médecin) a ouvert le document « Radio »",
    ]
    assert "Vous l&#x27;avez autorisé" in page(client)


def test_reading_the_trail_leaves_a_line_that_is_folded(holder_client, dossier):
    client = holder_client(dossier)
    page(client)
    page(client)
    assert Trace.objects.about(dossier.pk).filter(event="trail_read").count() == 2
    assert lines(client) == []
    assert "3 visites" in page(client)
    assert sentences(client, "?lectures")[0] == "Vous avez consulté la page Activité."


def test_her_own_lists_are_folded_too(holder_client, dossier):
    client = holder_client(dossier)
    client.get(reverse("documents:list"))
    assert lines(client) == []
    assert "Vous avez consulté la liste des documents." in sentences(client, "?lectures")


def test_who_may_be_chosen(holder_client, dossier, doctor):
    open_by(doctor, dossier, make.DocumentFactory(dossier=dossier))
    with (
        pytest.raises(gate.Refused),
        gate.enter(
            make.caller(make.ProfessionalFactory(family="DENIS")),
            Act.LIST,
            Event.DOCUMENT_LISTED,
            dossier_id=dossier.pk,
        ),
    ):
        pass
    trail.record(Event.DOCUMENT_ARCHIVED, by=trail.SYSTEM, dossier_id=dossier.pk)
    client = holder_client(dossier)
    client.get(reverse("documents:document", args=[Document.objects.get().pk]))
    firsts = {
        query: [words.split(" ")[0] for words in sentences(client, query)]
        for query in ("", "?qui=professionnels", "?qui=moi", "?qui=services", "?qui=refus")
    }
    assert firsts == {
        "": ["Vous", "Le", "Refusé", "Dr"],
        "?qui=professionnels": ["Refusé", "Dr"],
        "?qui=moi": ["Vous"],
        "?qui=services": ["Le"],
        "?qui=refus": ["Refusé"],
    }
    assert client.get(f"{ACTIVITY}?qui=tous").status_code == 404


def test_pages_follow_each_other_without_loss(holder_client, dossier, doctor):
    document = make.DocumentFactory(dossier=dossier)
    for _ in range(70):
        open_by(doctor, dossier, document)
    client, seen, query = holder_client(dossier), [], ""
    while query is not None:
        text = page(client, query)
        seen += [int(rank) for rank, _ in LINE.findall(text)]
        more = re.search(r'href="/activite/(\?avant=[^"]*)"', text)
        query = more[1] if more else None
    assert seen == list(range(70, 0, -1))


def test_what_waits_to_be_announced_leaves_no_line_no_rank_no_gap(holder_client, dossier, doctor):
    shown, hidden = make.DocumentFactory(dossier=dossier), make.DocumentFactory(dossier=dossier, awaiting=True)
    open_by(doctor, dossier, shown)
    open_by(doctor, dossier, hidden)
    with (
        pytest.raises(gate.Absent),
        gate.enter(make.caller(doctor), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk, object_id=hidden.pk),
    ):
        raise gate.Absent
    open_by(doctor, dossier, shown)
    client = holder_client(dossier)
    assert [rank for rank, _ in lines(client)] == [2, 1]
    past = timezone.now() - dt.timedelta(minutes=1)
    Document.objects.filter(pk=hidden.pk).update(visible_from=past)
    assert [rank for rank, _ in lines(client) if rank <= 4] == [4, 3, 2, 1]


def test_a_representative_reads_nothing_of_a_minors_secret(client, doctor):
    dossier = make.DossierFactory(minor=True)
    make.permit(dossier, doctor)
    parent = make.holder_of(dossier, role="parent")
    client.force_login(parent, backend="allauth.account.auth_backends.AuthenticationBackend")
    open_by(doctor, dossier, make.DocumentFactory(dossier=dossier))
    before = lines(client)
    open_by(doctor, dossier, make.DocumentFactory(dossier=dossier, secret=True, title="Consultation"))
    assert lines(client) == before
    assert "Consultation" not in page(client)


def test_the_title_of_a_document_taken_away_is_not_told(holder_client, dossier, doctor):
    document = make.DocumentFactory(dossier=dossier, title="Bilan")
    open_by(doctor, dossier, document)
    Document.objects.filter(pk=document.pk).update(state="deleted")
    text = page(holder_client(dossier))
    assert "Bilan" not in text
    assert "a ouvert un document" in text


def test_a_closed_dossier_keeps_its_trail_without_titles(holder_client, code_tables):
    closed = make.DossierFactory(closed=True)
    document = make.DocumentFactory(dossier=closed, title="Bilan")
    trail.record(
        Event.DOCUMENT_READ,
        by=make.caller(make.ProfessionalFactory()).actor,
        dossier_id=closed.pk,
        ground="authorised",
        object_kind="document",
        object_id=document.pk,
        object_title="Bilan",
    )
    text = page(holder_client(closed))
    assert "a ouvert un document" in text
    assert "Bilan" not in text


def test_one_dossier_never_tells_of_another(holder_client, dossier, doctor):
    other = make.DossierFactory()
    make.permit(other, doctor)
    open_by(doctor, other, make.DocumentFactory(dossier=other))
    client = holder_client(dossier)
    assert lines(client) == []
    foreign = Trace.objects.about(other.pk).first()
    assert client.get(f"{ACTIVITY}?avant={foreign.pk}").status_code == 404


def test_a_page_costs_the_same_for_one_line_and_for_hundreds(holder_client, dossier, doctor):
    documents = make.DocumentFactory.create_batch(5, dossier=dossier)
    open_by(doctor, dossier, documents[0])
    client = holder_client(dossier)
    page(client)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            page(client)
        return len([one for one in queries if not re.search("django_session|SAVEPOINT", one["sql"])])

    few = cost()
    for number in range(100):
        open_by(doctor, dossier, documents[number % 5])
    # account · facts · lines · ranks · titles · contests · rights · trace
    assert cost() == few == 8


# -- whom nothing of a document is told ----------------------------------------------------------------
def person(client, dossier, role, rights=()):
    user = make.holder_of(dossier, role)
    user.representations.filter(dossier=dossier).update(rights=list(rights))
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_a_carer_who_has_the_trail_alone_reads_what_names_no_document(client, dossier, doctor):
    before = lines(carer := person(client, dossier, "carer", ["trail"]))
    open_by(doctor, dossier, make.DocumentFactory(dossier=dossier))
    assert lines(carer) == before
    trail.record(Event.DOCUMENT_LISTED, by=make.caller(doctor).actor, dossier_id=dossier.pk, ground="authorised")
    assert [words for _, words in lines(carer) if "Morel" in words]


def test_a_carer_who_reads_without_the_trail_is_told_nothing(client, dossier, doctor):
    trail.record(Event.DOCUMENT_LISTED, by=make.caller(doctor).actor, dossier_id=dossier.pk, ground="authorised")
    carer = person(client, dossier, "carer", ["read"])
    assert carer.get(ACTIVITY).status_code == 404
    assert "Morel" not in carer.get(reverse("home")).content.decode()


def test_a_guardian_learns_nothing_of_a_request_or_a_contest_about_a_secret(client, dossier, doctor):
    secret = make.DocumentFactory(dossier=dossier, secret=True)
    before = sentences(guardian := person(client, dossier, "guardian"))
    asked = requests.Asked(
        kind=Kind.DOCUMENT,
        channel=Channel.WEB,
        requester="Antoine MARCHAND",
        identity="session",
        said="ce compte rendu-là",
        concerns=secret.pk,
    )
    row = requests.ask(dossier.pk, asked, by=make.holder(dossier).actor)
    open_by(doctor, dossier, secret)
    read = Trace.objects.about(dossier.pk).get(event="document_read")
    with gate.enter(
        make.holder(dossier), Act.TRAIL, Event.ACCESS_CONTESTED, dossier_id=dossier.pk, lock=True
    ) as entry:
        contests.contest(entry, read, "pas lui")
    assert sentences(guardian) == before
    assert row.on_paper not in guardian.get(reverse("profile_requests")).content.decode()
    assert guardian.get(reverse("profile_request", args=[row.pk])).status_code == 404
    assert guardian.post(reverse("profile_request_cancel", args=[row.pk])).status_code == 404
    client.force_login(make.holder_of(dossier), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "ce compte rendu-là" in client.get(reverse("profile_request", args=[row.pk])).content.decode()
