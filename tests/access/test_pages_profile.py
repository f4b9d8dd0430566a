"""The holder's own sheet: what is shown of the number, what changes, what is kept of a change."""

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from audit.models import Trace
from patients.models import Dossier, Notice, Patient
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


def changes(dossier, event="contact_changed"):
    return list(Trace.objects.about(dossier.pk).filter(event=event).values_list("detail", flat=True))


def test_only_the_end_of_the_number_is_shown(holder_client, dossier):
    number = Patient.objects.get(dossier=dossier).ins.matricule
    page = holder_client(dossier).get(reverse("profile")).content.decode()
    assert number[-3:] in page
    assert number[-4:] not in page
    assert "formulaire signé" in page


def test_contacts_change_with_history_and_a_trace_that_does_not_repeat_them(holder_client, dossier):
    answer = holder_client(dossier).post(
        reverse("profile_contacts"), {"email": "nouveau@example.org", "phone": "06 12 34 56 78"}
    )
    assert answer.headers["Location"] == reverse("profile")
    patient = Patient.objects.get(dossier=dossier)
    assert (patient.email, patient.phone) == ("nouveau@example.org", "06 12 34 56 78")
    assert patient.history.latest().history_user_id == f"holder:{make.holder_of(dossier).pk}"
    assert changes(dossier) == [{"setting": "contacts", "changed": ["email", "phone"]}]
    assert Notice.objects.get(dossier=dossier, kind="contacts_changed").email == "antoine@example.org"


def test_contacts_sent_again_are_told_to_nobody_and_leave_no_history(holder_client, dossier):
    before = Patient.objects.get(dossier=dossier)
    same = {"email": before.email, "phone": before.phone}
    answer = holder_client(dossier).post(reverse("profile_contacts"), same)
    assert answer.headers["Location"] == reverse("profile")
    assert changes(dossier) == [{"setting": "contacts", "changed": []}]
    assert not Notice.objects.filter(dossier=dossier, kind="contacts_changed").exists()
    assert not before.history.filter(history_type="~").exists()


@pytest.mark.parametrize("sent", [{"email": "nouveau"}, {"email": "a@b.fr", "phone": "appelez-moi"}])
def test_contacts_that_are_none_are_refused_with_words(holder_client, dossier, sent):
    answer = holder_client(dossier).post(reverse("profile_contacts"), sent)
    assert answer.status_code == 422
    assert Patient.objects.get(dossier=dossier).email == "antoine@example.org"
    assert not changes(dossier)


def test_only_contacts_can_be_changed_there(holder_client, dossier):
    holder_client(dossier).post(
        reverse("profile_contacts"), {"email": "a@example.org", "birth_family": "AUTRE", "status": "provisoire"}
    )
    patient = Patient.objects.get(dossier=dossier)
    assert (patient.birth_family, patient.status) == ("MARCHAND", "qualifiee")


def test_the_emergency_switches_are_three_boxes(holder_client, dossier):
    """An empty box is an express opposition (R1111-48)."""
    holder_client(dossier).post(reverse("profile_emergency"), {"allows_regulation": "on"})
    dossier = Dossier.objects.get(pk=dossier.pk)
    assert (dossier.allows_break_glass, dossier.allows_regulation) == (False, True)
    assert dossier.shows_masked_in_emergency is False
    assert dossier.history.latest().allows_break_glass is False
    assert changes(dossier) == []
    assert changes(dossier, "emergency_changed") == [
        {"setting": "urgence", "changed": ["allows_break_glass"], "allows_break_glass": False}
    ]


def test_asking_for_the_page_changes_nothing(holder_client, dossier):
    holder_client(dossier).get(reverse("profile_emergency"))
    assert Dossier.objects.get(pk=dossier.pk).allows_break_glass is True


def test_a_closed_dossier_still_shows_its_state(holder_client, code_tables):
    page = holder_client(make.DossierFactory(closed=True)).get(reverse("profile")).content.decode()
    assert "fermé" in page


def test_an_address_is_changed_in_one_place_only(holder_client, dossier):
    """allauth's own page would add addresses, each able to remake the password."""
    client, user = holder_client(dossier), make.holder_of(dossier)
    for answer in (
        client.get(reverse("account_email")),
        client.post(reverse("account_email"), {"email": "autre@example.org", "action_add": ""}),
    ):
        assert answer.headers["Location"] == reverse("profile")
    assert not EmailAddress.objects.filter(email="autre@example.org").exists()
    assert user.email in client.get(reverse("profile")).content.decode()


def test_she_opposes_what_her_heirs_may_ask_and_nobody_does_it_for_her(holder_client, client, dossier):
    """Article L1110-4 V: her own will, with its history and its trace."""
    browser = holder_client(dossier)
    assert "peuvent demander ce qui leur est nécessaire" in browser.get(reverse("profile")).content.decode()
    browser.post(reverse("profile_heirs"), {"refuses_heirs": "on"})
    assert Dossier.objects.get(pk=dossier.pk).refuses_heirs
    assert dossier.history.filter(id=dossier.pk).latest().history_user_id == f"holder:{make.holder_of(dossier).pk}"
    assert changes(dossier, "emergency_changed") == [{"setting": "proches", "on": True}]
    assert "n'auront accès à rien" in browser.get(reverse("profile")).content.decode()
    client.force_login(
        make.holder_of(dossier, "guardian"), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    client.get("/")
    assert client.post(reverse("profile_heirs"), {}).status_code == 404
    assert Dossier.objects.get(pk=dossier.pk).refuses_heirs
    assert "Après moi" not in client.get(reverse("profile")).content.decode()


def test_what_she_decided_of_her_heirs_does_not_change_once_the_dossier_is_closed(holder_client, code_tables):
    """From a page left open since before the closing: said on her profile, and nothing is traced as done."""
    dossier = make.DossierFactory(closed=True)
    browser = holder_client(dossier)
    answer = browser.post(reverse("profile_heirs"), {"refuses_heirs": "on"})
    assert answer.headers["Location"] == reverse("profile")
    assert "Ce dossier est fermé : ce choix ne change plus." in browser.get(reverse("profile")).content.decode()
    assert not Dossier.objects.get(pk=dossier.pk).refuses_heirs
    assert changes(dossier, "emergency_changed") == []
