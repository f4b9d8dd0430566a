"""« Mes demandes »: the holder asks, follows, cancels, reads the answer, prints the letters."""

import datetime as dt

import pytest

from access.models import Representation
from audit.models import Trace
from patients import requests
from patients.models import Notice
from patients.models_requests import Request
from tests import factories as make

pytestmark = pytest.mark.django_db
LIST = "/profil/demandes/"


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def hers(holder_client, dossier):
    return holder_client(dossier)


@pytest.fixture
def agent(dossier):
    return make.UserFactory(kind="agent", first_name="Karim", last_name="Benali").actor()


def test_a_request_is_made_has_a_number_a_deadline_and_leaves_a_trace_and_a_notice(
    code_tables, holder_client, time_machine
):
    time_machine.move_to(dt.datetime(2027, 1, 31, 9, tzinfo=dt.UTC), tick=False)
    dossier = make.DossierFactory()
    hers = holder_client(dossier)
    answer = hers.post(f"{LIST}nouvelle/correction/", {"said": "Mon prénom est mal écrit."})
    row = Request.objects.get(dossier=dossier)
    assert answer["Location"] == f"{LIST}{row.pk}/"
    assert (row.state, row.kind, row.channel) == ("received", "rectification", "web")
    assert row.due_on == dt.date(2027, 2, 28)
    assert Trace.objects.about(dossier.pk).filter(event="request_made", object_id=row.pk).count() == 1
    assert Notice.objects.filter(dossier=dossier, kind="request_received").count() == 1
    body = hers.get(LIST).content.decode()
    assert row.on_paper in body
    assert "28 février 2027" in body


def test_a_document_is_named_to_the_holder_and_kept_as_an_id(hers, dossier):
    document = make.DocumentFactory(dossier=dossier, title="Sérologie du premier mars")
    page = hers.get(f"{LIST}nouvelle/document/{document.pk}/").content.decode()
    assert "Sérologie du premier mars" in page
    hers.post(f"{LIST}nouvelle/document/{document.pk}/", {"said": "Il n'est pas à moi."})
    row = Request.objects.get(dossier=dossier)
    assert row.concerns == document.pk
    assert "Sérologie" not in str(row.__dict__)
    assert "Sérologie du premier mars" in hers.get(f"{LIST}{row.pk}/").content.decode()


def test_a_document_she_may_not_open_or_of_another_dossier_does_not_exist(hers, dossier):
    awaiting = make.DocumentFactory(dossier=dossier, awaiting=True)
    other = make.DocumentFactory()
    for row in (awaiting, other):
        url = f"{LIST}nouvelle/document/{row.pk}/"
        assert hers.get(url).status_code == 404
        assert hers.post(url, {"said": "x"}).status_code == 404
    assert not Request.objects.exists()


def test_she_cancels_until_it_is_done(hers, dossier, agent, time_machine):
    hers.post(f"{LIST}nouvelle/copie/", {"about_old": ""})
    row = Request.objects.get(dossier=dossier)
    requests.take(dossier.pk, row.pk, by=agent)
    requests.accept(dossier.pk, row.pk, "Elle vous est envoyée.", by=agent)
    assert hers.post(f"{LIST}{row.pk}/annuler/").status_code == 302
    row.refresh_from_db()
    assert row.state == "cancelled"
    hers.post(f"{LIST}{row.pk}/annuler/")
    assert Trace.objects.about(dossier.pk).filter(event="request_handled", actor_kind="holder").count() == 1


def test_the_same_request_twice_is_one(hers, dossier):
    for _ in range(2):
        answer = hers.post(f"{LIST}nouvelle/copie/", {"about_old": ""})
    assert Request.objects.filter(dossier=dossier).count() == 1
    assert answer.status_code == 422
    assert "déjà enregistrée" in answer.content.decode()


def test_she_reads_the_answer_and_prints_both_letters(hers, dossier, agent):
    hers.post(f"{LIST}nouvelle/correction/", {"said": "Ce n'est pas moi."})
    row = Request.objects.get(dossier=dossier)
    assert hers.get(f"{LIST}{row.pk}/lettre/reponse/").status_code == 404
    requests.take(dossier.pk, row.pk, by=agent)
    requests.refuse(dossier.pk, row.pk, "author", "Adressez-vous à l'auteur.", by=agent)
    page = hers.get(f"{LIST}{row.pk}/").content.decode()
    assert "Adressez-vous à l'auteur." in page or "Adressez-vous à l&#x27;auteur." in page
    for name in ("recu", "reponse"):
        answer = hers.get(f"{LIST}{row.pk}/lettre/{name}/")
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF")
    letters = Trace.objects.about(dossier.pk).filter(event="request_read", detail__has_key="letter", allowed=True)
    assert letters.count() == 2


def test_a_carer_and_a_family_s_request_are_out_of_her_pages(hers, dossier, agent):
    asked = requests.Asked(
        kind="heirs", channel="post", requester="Luc Marchand", identity="copie de la carte d'identité",
        quality="heir", motive="rights", proof="acte de notoriété",
    )  # fmt: skip
    row = requests.ask(dossier.pk, asked, by=agent)
    assert row.on_paper not in hers.get(LIST).content.decode()
    assert hers.get(f"{LIST}{row.pk}/").status_code == 404
    assert not Notice.objects.filter(dossier=dossier).exists()
    carer = make.UserFactory()
    Representation.objects.create(dossier=dossier, user=carer, role="carer", rights=["read"], recorded_by="test")
    hers.force_login(carer, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert hers.get(LIST).status_code == 404


@pytest.mark.parametrize(("closed", "slugs"), [(True, ["reactivation", "suppression"]), (False, ["fermeture"])])
def test_the_state_of_the_dossier_is_changed_on_its_own_pages(holder_client, code_tables, closed, slugs):
    dossier = make.DossierFactory(closed=closed)
    hers = holder_client(dossier)
    assert hers.post(f"{LIST}nouvelle/copie/", {"about_old": ""}).status_code == 302
    page = hers.get(LIST).content.decode()
    offered = [one for one in ("fermeture", "reactivation", "suppression") if f"/profil/dossier/{one}/" in page]
    assert offered == slugs
    assert hers.get(f"{LIST}nouvelle/fermeture/").status_code == 404


def test_the_author_reads_what_is_asked_of_his_document_and_nobody_else_does(hers, dossier, api, agent):
    author, other = make.ProfessionalFactory(), make.ProfessionalFactory()
    make.permit(dossier, other)
    his = make.DocumentFactory(dossier=dossier, author_ids=[author.idnat])
    make.DocumentFactory(dossier=dossier, author_ids=[other.idnat])
    hers.post(f"{LIST}nouvelle/document/{his.pk}/", {"said": "Il n'est pas à moi."})
    row = Request.objects.get(dossier=dossier)
    door = f"/api/v1/dossiers/{dossier.pk.hex}/depots"
    said = {"number": row.on_paper, "kind": "document", "said": "Il n'est pas à moi.", "due_on": str(row.due_on)}
    assert [one["requests"] for one in api(author).get(door).json()["deposits"]] == [[said]]
    assert [one["requests"] for one in api(other).get(door).json()["deposits"]] == [[]]
    requests.cancel(dossier.pk, row.pk, by=agent)
    assert [one["requests"] for one in api(author).get(door).json()["deposits"]] == [[]]
