"""The counter records parents and guardians on the papers an agent saw, and ends what they may do."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from access import gate, persons
from access.facts import Act
from access.models import Representation, User
from access.policy import decide
from audit.models import Trace
from patients import dossiers
from patients.models import Channel, Notice
from tests import factories as make
from tests.access.counter import look_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]
PAGE = "/guichet/representants/"


@pytest.fixture
def found(client, agent):
    """A person of this age is on the agent's screen, with an open dossier."""

    def on_screen(years):
        born = timezone.localdate() - dt.timedelta(days=int(years * 365.25))
        person = make.InsuredFactory(birth_date=born)
        agreement = dossiers.Agreement("holder", "F-12", Channel.COUNTER)
        dossier = dossiers.open_for(person, agreement=agreement, by=agent.actor(), email="titulaire@example.org")
        look_for(client, person)
        return dossier

    return on_screen


def record(client, **more):
    said = {
        "role": "parent",
        "given": "Claire",
        "family": "Roux",
        "email": "claire@example.org",
        "paper": "Livret de famille",
        "number": "2011-44",
        "checked": "on",
    }
    return client.post(PAGE, {key: value for key, value in (said | more).items() if value})


def may_read(dossier, email="claire@example.org"):
    caller = make.holder(dossier, user=User.objects.get(email=email))
    return bool(decide(Act.LIST, gate.look(caller, dossier_id=dossier.pk)[1]))


def test_a_parent_is_recorded_with_the_paper_seen_and_reads_the_child_s_dossier(client, found):
    child = found(9)
    assert record(client).status_code == 302
    held = Representation.objects.get(dossier=child)
    assert (held.role, held.evidence) == ("parent", "Livret de famille, 2011-44")
    assert may_read(child)
    trace = Trace.objects.about(child.pk).get(event="representation_added")
    assert (trace.actor_kind, trace.object_id) == ("counter", held.user_id)
    assert Notice.objects.filter(dossier_id=child.pk, kind="carer").exists()


def test_the_account_made_for_him_has_no_password(client, found):
    found(9)
    record(client)
    assert not User.objects.get(email="claire@example.org").has_usable_password()


def test_a_known_account_of_that_name_is_taken_and_another_s_is_not(client, found):
    child = found(9)
    make.UserFactory(email="claire@example.org", first_name="CLAIRE", last_name="roux")
    make.UserFactory(email="autre@example.org", first_name="Jean", last_name="Petit")
    assert record(client, email="autre@example.org").status_code == 422
    assert not Representation.objects.filter(dossier=child).exists()
    assert record(client).status_code == 302
    assert User.objects.filter(email="claire@example.org").count() == 1


@pytest.mark.parametrize(
    ("years", "wrong", "said"),
    [
        (9, {"checked": ""}, "Sans ces pièces"),
        (9, {"paper": "Jugement de tutelle"}, "ne dit pas cette qualité"),
        (40, {}, "majeur"),
        (40, {"role": "guardian", "paper": "Jugement de tutelle"}, "celle du jugement"),
        (40, {"role": "guardian", "paper": "Jugement de tutelle", "until": "01/01/2020"}, "après"),
        (9, {"email": "pas une adresse"}, "Erreur"),
    ],
)
def test_what_the_papers_do_not_say_is_not_recorded(client, found, years, wrong, said):
    dossier = found(years)
    answer = record(client, **wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode().replace("&#x27;", "'")
    assert not Representation.objects.filter(dossier=dossier).exists()
    assert not User.objects.filter(email="claire@example.org").exists()


def test_a_guardian_reads_until_the_last_day_of_the_judgment(client, found, time_machine):
    adult = found(40)
    last = timezone.localdate() + dt.timedelta(days=30)
    record(client, role="guardian", paper="Jugement de tutelle", until=last.strftime("%d/%m/%Y"))
    assert may_read(adult)
    end = timezone.make_aware(dt.datetime.combine(last + dt.timedelta(days=1), dt.time.min))
    time_machine.move_to(end - dt.timedelta(seconds=1), tick=False)
    assert may_read(adult)
    time_machine.move_to(end, tick=False)
    assert not may_read(adult)


def test_no_third_parent(client, found):
    found(9)
    record(client)
    assert record(client, email="paul@example.org", given="Paul").status_code == 302
    assert record(client, email="jean@example.org", given="Jean").status_code == 422


def test_the_counter_ends_a_representation_at_once(client, found):
    child = found(9)
    record(client)
    held = Representation.objects.get(dossier=child)
    assert f'value="{held.pk}"' in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"end": str(held.pk)}).status_code == 302
    assert not may_read(child)
    assert Trace.objects.about(child.pk).filter(event="representation_ended").exists()


@pytest.mark.parametrize("name", ["x", "01a20854-3d9e-7a5c-8459-435ecdc7c74a"])
def test_what_is_not_there_is_not_ended(client, found, name):
    found(9)
    assert client.post(PAGE, {"end": name}).headers["Location"] == PAGE


def test_a_representative_of_another_dossier_is_not_ended_from_here(client, found):
    other = make.DossierFactory(minor=True)
    stranger = make.holder_of(other, "parent")
    found(9)
    held = Representation.objects.get(dossier=other, user=stranger)
    client.post(PAGE, {"end": str(held.pk)})
    assert Representation.objects.running().filter(pk=held.pk).exists()


def test_without_a_person_or_an_open_dossier_there_is_nothing_to_record(client, agent):
    assert client.get(PAGE).headers["Location"] == "/guichet/"
    look_for(client, make.InsuredFactory())
    assert client.get(PAGE).headers["Location"] == "/guichet/personne/"


def test_nobody_is_recorded_for_a_closed_dossier(agent):
    closed = make.DossierFactory(closed=True)
    with pytest.raises(ValidationError, match="fermé"):
        persons.record(
            closed,
            make.UserFactory(),
            Representation.Role.GUARDIAN,
            evidence="jugement",
            since=timezone.now(),
            until=timezone.now() + dt.timedelta(days=9),
            by=agent.actor(),
        )
