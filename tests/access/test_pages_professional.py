"""The page of one professional: what he may do here today, and each thing one may decide about him."""

import pytest
from django.urls import reverse

from access.models import CareTeam, Representation
from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db
NOTHING = {
    "blocked": False, "treating_here": False, "authorised": False, "documents": 0, "teams": [], "is_open": True,
    "active": True, "may_treat": True, "error": "",
}  # fmt: skip


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory(family="CARON", given="Inès")


def shown(client, doctor):
    answer = client.get(reverse("professional", args=[doctor.pk]))
    assert (answer.status_code, answer.context["card"].name) == (200, "Dr Inès Caron")
    return {name: answer.context[name] for name in NOTHING}, answer.context["standing"], answer.context["treating"]


def a_team(dossier, **more):
    from django.utils import timezone

    now = timezone.now()
    return CareTeam.objects.create(
        dossier=dossier, name="Cardiologie", since=now, until=now.replace(year=now.year + 1), source="web",
        consented_by="holder:x", **more,
    )  # fmt: skip


def test_of_who_has_nothing(holder_client, dossier, doctor):
    client = holder_client(dossier)
    assert shown(client, doctor) == (NOTHING, None, None)
    team = a_team(dossier)
    a_team(make.DossierFactory())
    assert shown(client, doctor) == (NOTHING | {"teams": [team]}, None, None)


def test_of_who_is_authorised(holder_client, dossier, doctor):
    a_team(dossier)
    make.permit(dossier, doctor)
    found, standing, treating = shown(holder_client(dossier), doctor)
    assert found == NOTHING | {"authorised": True}  # he is in no other team
    assert (standing.id, treating) == (doctor.pk, None)


def test_of_who_was_authorised(holder_client, dossier, doctor):
    team = a_team(dossier)
    make.permit(dossier, doctor, until=make.permit(make.DossierFactory(), doctor).since)
    found, standing, _ = shown(holder_client(dossier), doctor)
    assert found == NOTHING | {"teams": [team]}
    assert standing.id == doctor.pk


def test_of_the_treating_doctor_and_beside_him(holder_client, dossier, doctor):
    client, team = holder_client(dossier), a_team(dossier)
    make.treat(dossier, doctor)
    found, standing, treating = shown(client, doctor)
    assert found == NOTHING | {"treating_here": True, "teams": [team]}
    assert standing == treating
    other = make.ProfessionalFactory(family="CARON", given="Inès")
    found, standing, beside = shown(client, other)
    assert (found, standing, beside.id) == (NOTHING | {"teams": [team]}, None, doctor.pk)


def test_of_who_has_documents_opened_one_by_one(holder_client, dossier, doctor):
    for _ in range(2):
        make.open_document(make.DocumentFactory(dossier=dossier), doctor)
    found, standing, _ = shown(holder_client(dossier), doctor)
    assert found == NOTHING | {"documents": 2}
    assert standing.documents == 2


def test_of_who_is_blocked(holder_client, dossier, doctor):
    make.forbid(dossier, doctor)
    found, standing, _ = shown(holder_client(dossier), doctor)
    assert found == NOTHING | {"blocked": True}
    assert standing.blocked


def test_of_who_practises_no_more(holder_client, dossier, doctor):
    a_team(dossier)
    doctor.active = False
    doctor.save()
    assert shown(holder_client(dossier), doctor)[0] == NOTHING | {"active": False}


def test_in_a_closed_dossier_nothing_is_decided(holder_client, code_tables, doctor):
    closed = make.DossierFactory(closed=True)
    a_team(closed)
    assert shown(holder_client(closed), doctor)[0] == NOTHING | {"is_open": False}


def test_a_carer_names_no_treating_doctor_and_fills_no_team(client, dossier, doctor):
    a_team(dossier)
    user = make.UserFactory()
    Representation.objects.create(dossier=dossier, user=user, role="carer", rights=["authorise"], recorded_by="test")
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    assert shown(client, doctor)[0] == NOTHING | {"may_treat": False}


def test_a_decision_refused_is_traced_with_whom_it_was_about(client, dossier, doctor):
    user = make.UserFactory()
    Representation.objects.create(dossier=dossier, user=user, role="carer", rights=["read"], recorded_by="test")
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    client.post(reverse("decide", kwargs={"professional_id": doctor.pk, "decision": "bloquer"}))
    trace = Trace.objects.about(dossier.pk).get(event="professional_blocked")
    assert (trace.allowed, trace.object_id) == (False, doctor.pk)


def test_what_is_refused_is_said_on_the_page(holder_client, dossier, doctor):
    client = holder_client(dossier)
    answer = client.post(reverse("decide", kwargs={"professional_id": doctor.pk, "decision": "debloquer"}))
    assert (answer.status_code, answer.context["error"]) == (422, "Ce professionnel n'est pas bloqué.")
    answer = client.post(reverse("authorise", kwargs={"professional_id": doctor.pk}), {"duration": "date"})
    assert (answer.status_code, answer.context["error"]) == (422, "")
    assert answer.context["form"].errors["last_day"] == ["Indiquez le dernier jour."]
    make.forbid(dossier, doctor)
    answer = client.post(reverse("authorise", kwargs={"professional_id": doctor.pk}), {"duration": "1mois"})
    assert answer.context["error"] == "Ce professionnel est bloqué. Débloquez-le d'abord."
    assert answer.context["form"].data["duration"] == "1mois"  # what was chosen is still there


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ("medecin-traitant", "Dr Inès Caron est maintenant votre médecin traitant."),
        ("cesser", "Dr Inès Caron n'est plus votre médecin traitant."),
        ("retirer", "Dr Inès Caron ne peut plus consulter votre dossier."),
        ("bloquer", "Dr Inès Caron est bloqué : il ne peut plus rien voir ni rien ajouter."),
        (
            "debloquer",
            "Dr Inès Caron n'est plus bloqué. Il n'a aucun droit tant que vous ne l'autorisez pas.",
        ),
    ],
)
def test_each_decision_is_confirmed_by_name(holder_client, dossier, doctor, decision, said):
    if decision == "debloquer":
        make.forbid(dossier, doctor)
    if decision in ("cesser", "retirer"):
        make.treat(dossier, doctor)
    address = reverse("decide", kwargs={"professional_id": doctor.pk, "decision": decision})
    answer = holder_client(dossier).post(address, follow=True)
    assert answer.redirect_chain == [(reverse("autorisations"), 302)]
    assert [str(one) for one in answer.context["messages"]] == [said]
