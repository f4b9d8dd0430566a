"""The administrative history of a dossier, for the agent who serves it: who did what, when, why, and nothing else."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from access import authors, counter_history, persons
from access.models import Representation
from audit.models import Trace
from audit.trail import SYSTEM, Actor, ActorKind
from patients import dossiers
from patients.models import Dossier, Patient
from tests import doors
from tests import factories as make
from tests.access.counter import LIVE, look_for
from tests.access.test_counter_blind import as_the_counter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]
PAGE = "/guichet/historique/"
PARENT = {
    "role": "parent", "given": "Nora", "family": "Haddad", "email": "nora@example.org", "paper": "Livret de famille",
    "number": "n° 12", "checked": "on",
}  # fmt: skip
MOVED = {"address": "2 rue Neuve", "postal_code": "69003", "identity": "passeport", "home": "avis d'impôt"}


@pytest.fixture
def opened(client, agent):
    born = timezone.localdate() - dt.timedelta(days=3650)
    look_for(client, make.InsuredFactory(email="", postal_code="69001", birth_date=born))
    client.post("/guichet/ouvrir/", LIVE)
    return Dossier.objects.get()


def rows(client):
    """The cells of the page, as they are read."""
    page = client.get(PAGE).content.decode().replace("&#x27;", "'")
    found = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    return [[re.sub(r"<[^>]+>", " ", cell).split() for cell in row] for row in found if row]


def read(client):
    return [re.sub(" +", " ", " | ".join(" ".join(cell) for cell in row[1:])).strip() for row in rows(client)]


def test_what_was_done_is_said_with_its_date_its_author_its_reason_and_what_changed(client, agent, opened):
    client.post("/guichet/coordonnees/", MOVED | {"checked": "on"})
    client.post("/guichet/representants/", PARENT)
    client.post("/guichet/representants/", {"end": str(Representation.objects.get(dossier=opened).pk)})
    dossiers.oppose_heirs(opened.pk, refuses_heirs=True, by=SYSTEM)
    dossiers.close(opened.pk, closure="DEMANDE_TITULAIRE", by=SYSTEM)
    closed, opposed, ended, recorded, moved, began = read(client)
    assert closed == (
        "Dossier fermé | Le service | | État : ouvert → fermé Motif de fermeture : rien → à la demande du titulaire"
    )
    assert opposed.startswith("Dossier modifié | Le service | |") and opposed.endswith(": non → oui")
    assert ended.startswith("Parent : Nora Haddad | Karim | | Jusqu'au : rien → ")  # on no paper
    assert recorded == "Parent : Nora Haddad | Karim | Livret de famille, n° 12 |"
    assert moved.startswith("Coordonnées | Karim | passeport, avis d'impôt | Adresse postale : rien → 2 rue Neuve")
    assert moved.endswith("Code postal : 69001 → 69003")
    assert began == "Dossier ouvert | Karim | | Ouvert : au guichet"
    day = timezone.localtime(opened.opened_at)
    assert all(row[0][0] == str(day.day) and str(day.year) in row[0] for row in rows(client))


def test_what_begins_with_an_end_says_it(client, agent, opened):
    ends = dt.datetime(2031, 5, 2, 21, 59, tzinfo=dt.UTC)
    guardian = make.UserFactory(first_name="Nora", last_name="Haddad")
    row = Representation(
        dossier=opened, user=guardian, role="guardian", recorded_by="x", until=ends, evidence="Jugement, n° 12"
    )
    row._history_user = agent.actor()
    row.save(force_insert=True)
    said = "Tuteur : Nora Haddad | Karim | Jugement, n° 12 | Jusqu'au : 02/05/2031 23:59"
    assert read(client)[0] == said


def test_what_the_holder_decided_of_her_readers_and_who_helps_her_are_not_here(client, agent, opened):
    before = read(client)
    opened.allows_break_glass, opened.shows_masked_in_emergency, opened.masks_new_documents = True, True, True
    opened.emergency_lookup = b"x" * 32
    opened.save()
    carer = make.UserFactory(first_name="Zebulon")
    row = Representation(dossier=opened, user=carer, role="carer", rights=["mask"], recorded_by="x")
    row.save(force_insert=True)
    assert read(client) == before


def test_a_representation_whose_rights_alone_changed_says_nothing_more(client, agent, opened):
    client.post("/guichet/representants/", PARENT)
    before = read(client)
    row = Representation.objects.get(dossier=opened)
    row.rights = ["x"]
    row.save()
    assert read(client) == before


def test_a_professional_is_not_named_and_neither_is_the_person(client, agent, opened):
    doctor = make.ProfessionalFactory(family="Psychiatre")
    patient = Patient.objects.get(dossier=opened)
    for actor in (
        Actor(ActorKind.PROFESSIONAL, doctor.idnat, doctor.name),
        Actor(ActorKind.HOLDER, str(make.UserFactory(first_name="Zebulon").pk), "Zebulon"),
        Actor(ActorKind.STRUCTURE, "1750000001", "Hôpital psychiatrique"),
    ):
        patient._history_user, patient.phone = actor, f"{patient.phone}1"
        patient.save()
    authors = [row[2] for row in rows(client)[:3]]
    assert authors == [["Un", "établissement"], ["La", "personne"], ["Un", "professionnel", "de", "santé"]]


def test_an_account_is_named_for_what_it_did_as_staff_and_for_nothing_else(client, agent, opened):
    doctor = make.account(make.ProfessionalFactory(family="Psychiatre"))
    known = authors.names([agent.actor().reference, f"carer:{agent.pk}", f"user:{agent.pk}", f"user:{doctor.pk}"])
    assert known == ["Karim", "son aidant", "Karim", "le service"]


def test_what_the_installation_or_a_command_did_is_signed_by_no_account(client, agent, opened):
    patient = Patient.objects.get(dossier=opened)
    for kind, name in ((ActorKind.OPERATOR, "installation"), (ActorKind.SYSTEM, "load_insured")):
        patient._history_user, patient.phone = Actor(kind, name), f"{patient.phone}1"
        patient.save()
    assert [" ".join(row[2]) for row in rows(client)[:2]] == ["La commande load_insured", "Le service"]


def test_reading_it_is_traced_in_the_dossier(client, agent, opened):
    client.get(PAGE)
    last = Trace.objects.filter(dossier_id=opened.pk).order_by("-at", "-seq").first()
    assert (last.event, last.object_kind, last.actor_id) == ("sheet_read", "history", str(agent.pk))


def test_of_another_dossier_nothing_comes_in(client, agent, opened):
    other = make.DossierFactory()
    Representation.objects.create(dossier=other, user=make.UserFactory(), role="parent", recorded_by="x")
    assert len(read(client)) == 1
    assert len(counter_history.steps(other.pk)) == 2


def test_of_a_destroyed_dossier_there_is_none(client, agent, opened):
    dossiers.close(opened.pk, closure="DEMANDE_TITULAIRE", by=SYSTEM)
    assert client.get(PAGE).status_code == 200
    Dossier.objects.filter(pk=opened.pk).update(state="destroyed")
    assert client.get(PAGE).headers["Location"] == "/guichet/personne/"


@pytest.mark.django_db(transaction=True)
def test_the_role_of_the_counter_adds_to_these_histories_and_reads_this_much_of_them(client, agent):
    person = make.InsuredFactory(email="", birth_date=timezone.localdate() - dt.timedelta(days=3650))
    make.DossierFactory()  # of whom the counter adds nothing
    with as_the_counter():
        look_for(client, person)
        client.post("/guichet/ouvrir/", LIVE)
        client.post("/guichet/coordonnees/", MOVED | {"checked": "on"})
        client.post("/guichet/representants/", PARENT)
        assert len(read(client)) == 3
    assert persons.running(Dossier.objects.latest("opened_at").pk, Representation.Role.PARENT)
    assert doors.said(client.get(PAGE)) == "200"
