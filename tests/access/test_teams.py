"""A care team: agreed to by the holder, each member by name, ended all at once."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from access.models import CareTeam, DossierGrant
from audit.models import Trace
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def team(holder_client, dossier):
    holder_client(dossier).post(reverse("teams"), {"name": "Cardiologie", "duration": "1mois"})
    return CareTeam.objects.get()


@pytest.fixture
def doctor(db):
    return make.ProfessionalFactory()


@pytest.fixture
def nurse(db):
    return make.ProfessionalFactory(nurse=True)


def add(client, team, who):
    return client.post(reverse("team_member", args=[team.pk]), {"rpps": who.idnat[1:]})


def bring(api, dossier, by, who):
    url = f"/api/v1/dossiers/{dossier.pk.hex}/equipe/membres"
    return api(by).post(url, {"idnat": who.idnat}, format="json")


def running():
    return DossierGrant.rights.running()


def test_agreeing_to_a_team_opens_nothing_before_a_member_is_named(team, dossier):
    assert not DossierGrant.objects.exists()
    assert Trace.objects.about(dossier.pk).filter(event="team_agreed").get().object_title == "Cardiologie"


def test_the_page_of_a_professional_found_by_name_offers_the_teams(holder_client, dossier, team, doctor):
    browser = holder_client(dossier)
    page = browser.get(reverse("professional", args=[doctor.pk])).content.decode()
    assert reverse("team_member", args=[team.pk]) in page and f'value="{doctor.rpps}"' in page
    assert add(browser, team, doctor).status_code == 302
    assert (
        reverse("team_member", args=[team.pk])
        not in browser.get(reverse("professional", args=[doctor.pk])).content.decode()
    )


def test_a_carer_is_offered_no_team(client, dossier, team, doctor):
    user = make.holder_of(dossier, "carer")
    user.representations.update(rights=["authorise", "read"])
    client.logout()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(reverse("professional", args=[doctor.pk]))
    assert page.status_code == 200
    assert reverse("team_member", args=[team.pk]) not in page.content.decode()


def test_each_member_has_his_own_right_until_the_teams_end(holder_client, api, dossier, team, doctor, nurse):
    assert add(holder_client(dossier), team, doctor).status_code == 302
    assert bring(api, dossier, doctor, nurse).status_code == 201
    found = {(grant.user.professional_id, grant.team, grant.until, grant.express) for grant in running()}
    assert found == {(one.pk, team.pk, team.until, False) for one in (doctor, nurse)}
    named = Trace.objects.about(dossier.pk).filter(event="team_joined").order_by("seq")
    assert list(named.values_list("actor_kind", "detail__idnat")) == [
        ("holder", doctor.idnat),
        ("professional", nurse.idnat),
    ]
    assert Notice.objects.filter(kind="access_granted").exists()


def test_who_is_no_member_brings_nobody_in(api, dossier, team, doctor, nurse):
    make.permit(dossier, doctor)  # authorised for himself, not of the team
    assert bring(api, dossier, doctor, nurse).status_code == 422
    assert running().count() == 1


def test_a_member_who_brings_a_number_that_is_nobodys_is_told(api, holder_client, dossier, team, doctor):
    add(holder_client(dossier), team, doctor)
    url = f"/api/v1/dossiers/{dossier.pk.hex}/equipe/membres"
    answer = api(doctor).post(url, {"idnat": "810000000009"}, format="json")
    assert (answer.status_code, "Aucun professionnel" in answer.content.decode()) == (422, True)


def test_ending_the_team_ends_its_members_and_nobody_else(holder_client, api, dossier, team, doctor, nurse):
    client = holder_client(dossier)
    other = make.permit(dossier, make.ProfessionalFactory())
    add(client, team, doctor)
    bring(api, dossier, doctor, nurse)
    assert client.post(reverse("team_end", args=[team.pk])).status_code == 302
    assert list(running()) == [other]
    assert Trace.objects.about(dossier.pk).filter(event="team_ended").count() == 1
    assert bring(api, dossier, doctor, nurse).status_code == 422


def test_a_blocked_member_is_out_and_is_not_brought_back(holder_client, api, dossier, team, doctor, nurse):
    client = holder_client(dossier)
    add(client, team, doctor)
    add(client, team, nurse)
    client.post(reverse("decide", kwargs={"professional_id": nurse.pk, "decision": "bloquer"}))
    assert [grant.user.professional for grant in running()] == [doctor]
    assert bring(api, dossier, doctor, nurse).status_code == 422


def test_a_team_of_another_dossier_is_not_found(holder_client, team, doctor):
    other = make.DossierFactory()
    client = holder_client(other)
    session = client.session
    session.pop("dossier", None)
    session.save()
    assert add(client, team, doctor).status_code == 404
    assert not running().exists()


def test_a_team_past_its_end_takes_nobody(holder_client, dossier, team, doctor):
    CareTeam.objects.update(until=timezone.now() - dt.timedelta(seconds=1))
    answer = add(holder_client(dossier), team, doctor)
    assert (answer.status_code, "a pris fin" in answer.content.decode()) == (422, True)


@pytest.mark.parametrize(
    ("rpps", "said"), [("123", "11 chiffres"), ("10000000009", "Aucun professionnel n&#x27;a ce numéro")]
)
def test_a_number_that_is_nobodys_is_said(holder_client, dossier, team, rpps, said):
    answer = holder_client(dossier).post(reverse("team_member", args=[team.pk]), {"rpps": rpps})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)


def test_who_no_longer_practises_joins_no_team(holder_client, dossier, team):
    gone = make.ProfessionalFactory(active=False)
    answer = add(holder_client(dossier), team, gone)
    assert (answer.status_code, "exerce plus" in answer.content.decode()) == (422, True)


def test_who_is_in_already_is_said(holder_client, dossier, team, doctor):
    client = holder_client(dossier)
    add(client, team, doctor)
    answer = add(client, team, doctor)
    assert (answer.status_code, "a déjà une autorisation" in answer.content.decode()) == (422, True)


def test_a_team_ends_once(holder_client, dossier, team):
    client = holder_client(dossier)
    assert client.post(reverse("team_end", args=[team.pk])).status_code == 302
    answer = client.post(reverse("team_end", args=[team.pk]))
    assert (answer.status_code, "déjà pris fin" in answer.content.decode()) == (422, True)


def test_no_team_is_agreed_to_in_a_closed_dossier(holder_client):
    closed = make.DossierFactory(closed=True)
    client = holder_client(closed)
    page = client.post(reverse("teams"), {"name": "Cardiologie", "duration": "1mois"}, follow=True)
    assert "Ce dossier est fermé" in page.content.decode()
    assert not CareTeam.objects.exists()
    assert Trace.objects.about(closed.pk).filter(event="team_agreed", allowed=False).exists()


@pytest.mark.parametrize("decision", ["retirer", "bloquer"])
def test_whom_the_holder_withdrew_a_colleague_does_not_bring_back(
    holder_client, api, dossier, team, doctor, nurse, decision
):
    client = holder_client(dossier)
    add(client, team, doctor)
    add(client, team, nurse)
    client.post(reverse("decide", kwargs={"professional_id": nurse.pk, "decision": decision}))
    if decision == "bloquer":
        client.post(reverse("decide", kwargs={"professional_id": nurse.pk, "decision": "debloquer"}))
    answer = bring(api, dossier, doctor, nurse)
    assert (answer.status_code, "lui seul" in answer.data["detail"]) == (422, True)
    assert [grant.user.professional for grant in running()] == [doctor]
    add(client, team, nurse)
    assert running().count() == 2


def test_who_was_of_a_team_that_ended_may_be_brought_into_another(holder_client, api, dossier, team, doctor, nurse):
    client = holder_client(dossier)
    add(client, team, nurse)
    client.post(reverse("team_end", args=[team.pk]))
    client.post(reverse("teams"), {"name": "Diabétologie", "duration": "1mois"})
    add(client, CareTeam.objects.get(name="Diabétologie"), doctor)
    assert bring(api, dossier, doctor, nurse).status_code == 201


def test_whose_authorisation_ended_by_itself_may_be_brought_in(holder_client, api, dossier, team, doctor, nurse):
    now = timezone.now()
    make.permit(dossier, nurse, since=now - dt.timedelta(days=9), until=now - dt.timedelta(days=1))
    DossierGrant.history.filter(user__professional=nurse).update(history_date=now - dt.timedelta(days=9))
    add(holder_client(dossier), team, doctor)
    assert bring(api, dossier, doctor, nurse).status_code == 201
