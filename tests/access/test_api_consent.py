"""/api/v1/dossiers/{id}/demandes and /api/v1/alertes."""

import datetime as dt
import threading
import time

import pytest
from django.db import connection, connections
from django.utils import timezone

from access import api_alerts, api_consent, consents, gate
from access.facts import Act
from access.models import ConsentMeans, ConsentRequest, DossierGrant
from audit.trail import Event
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def doctor(db):
    return make.ProfessionalFactory()


def url(dossier):
    return f"/api/v1/dossiers/{dossier.pk.hex}/demandes"


def as_holder(dossier, act):
    with gate.enter(make.holder(dossier), Act.AUTHORISE, Event.CONSENT_ANSWERED, dossier_id=dossier.pk) as entry:
        return act(entry)


def test_he_asks_polls_and_reads_at_last(api, dossier, doctor):
    client = api(doctor)
    asked = client.post(url(dossier), {"reason": "suivi"}, format="json")
    assert (asked.status_code, asked.data["state"], asked["Retry-After"]) == (201, "waiting", "2")
    look = client.get(asked["Location"])
    assert (look.data["state"], look["Retry-After"]) == ("waiting", "2")
    key = ConsentRequest.objects.get().pk
    as_holder(dossier, lambda e: consents.answer(e, key, True, timezone.now() + dt.timedelta(days=1)))
    look = client.get(asked["Location"], headers={"Prefer": "wait=10"})
    assert (look.data["state"], "Retry-After" in look) == ("yes", False)
    assert look["Cache-Control"] == "no-store"


def test_a_refusal_is_no_without_more(api, dossier, doctor):
    client = api(doctor)
    asked = client.post(url(dossier), {}, format="json")
    key = ConsentRequest.objects.get().pk
    as_holder(dossier, lambda e: consents.answer(e, key, False))
    look = client.get(asked["Location"]).json()
    assert (look.pop("state"), set(look)) == ("no", {"id", "expires_at", "until", "square"})
    assert not DossierGrant.objects.exists()


def test_nobody_else_reads_his_request(api, dossier, doctor):
    asked = api(doctor).post(url(dossier), {}, format="json")
    assert api(make.ProfessionalFactory(nurse=True)).get(asked["Location"]).status_code == 404


def test_the_code_of_the_grid_is_typed_on_his_screen(api, dossier, doctor):
    made = as_holder(dossier, consents.make_grid)
    client = api(doctor)
    asked = client.post(url(dossier), {"means": "grille"}, format="json")
    column, line = asked.data["square"]
    right = made["ABCDEFGH".index(column) + 8 * (int(line) - 1)]
    for wrong in ({"code": "AAAAAA"}, {"code": right, "duration": "toujours"}, {}):
        assert client.post(asked["Location"] + "/code", wrong, format="json").status_code == 422
    done = client.post(asked["Location"] + "/code", {"code": right}, format="json")
    assert (done.status_code, done.data) == (200, {"state": "yes"})
    assert client.post(asked["Location"] + "/code", {"code": right}, format="json").status_code == 409


def test_the_pin_is_typed_on_his_screen(api, dossier, doctor):
    as_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    client = api(doctor)
    asked = client.post(url(dossier), {"means": "code"}, format="json")
    answers = [client.post(asked["Location"] + "/pin", {"pin": "1111"}, format="json") for _ in range(6)]
    assert [one.status_code for one in answers] == [422] * 5 + [423]


def test_what_the_holder_limits_on_his_screen_is_what_he_gets(api, dossier, doctor):
    as_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    client = api(doctor)
    asked = client.post(url(dossier), {"means": "code"}, format="json")
    given = {"pin": "4821", "duration": "1mois", "extent": "limited"}
    refused = client.post(asked["Location"] + "/pin", given | {"families": ["inconnue"]}, format="json")
    assert (refused.status_code, DossierGrant.objects.count()) == (422, 0)
    done = client.post(asked["Location"] + "/pin", given | {"families": ["biologie"]}, format="json")
    assert done.status_code == 200
    grant = DossierGrant.rights.running().get()
    assert (grant.extent, grant.families, grant.source) == ("limited", ["biologie"], "pin")


def test_who_is_blocked_asks_nothing(api, dossier, doctor):
    make.forbid(dossier, doctor)
    assert api(doctor).post(url(dossier), {}, format="json").status_code == 403
    assert not ConsentRequest.objects.exists()


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("", 0), ("wait=3", 3), ("respond-async, wait=7", 7), ("wait=60", 10), ("wait=x", 0), ("await=4", 0)],
)
def test_a_wish_to_wait_is_bounded(prefer, seconds):
    assert api_consent._wish(prefer) == seconds


def test_when_two_wait_already_the_third_is_answered_at_once(api, dossier, doctor):
    client = api(doctor)
    asked = client.post(url(dossier), {}, format="json")
    with api_consent.WAITING, api_consent.WAITING:
        look = client.get(asked["Location"], headers={"Prefer": "wait=10"})
    assert (look.data["state"], look["Retry-After"]) == ("waiting", "2")


def test_who_waits_has_the_answer_as_soon_as_it_is_given(api, dossier, doctor):
    client = api(doctor)
    asked = client.post(url(dossier), {}, format="json")
    key = ConsentRequest.objects.get().pk
    looked = threading.Event()

    def answer_when_he_waits():
        try:
            assert looked.wait(5)
            as_holder(dossier, lambda e: consents.answer(e, key, False))
        finally:
            connections.close_all()

    def tell(execute, sql, *rest):
        if "access_consentrequest" in sql:
            looked.set()
        return execute(sql, *rest)

    holder = threading.Thread(target=answer_when_he_waits)
    holder.start()
    began = time.monotonic()
    with connection.execute_wrapper(tell):
        look = client.get(asked["Location"], headers={"Prefer": "wait=10"})
    holder.join()
    assert (look.data["state"], "Retry-After" in look) == ("no", False)
    assert time.monotonic() - began < 5


def test_two_minutes_of_silence_give_nothing(api, dossier, doctor, time_machine):
    time_machine.move_to(timezone.now() + dt.timedelta(days=1), tick=False)
    client = api(doctor)
    asked = client.post(url(dossier), {}, format="json")
    time_machine.shift(dt.timedelta(seconds=119))
    assert client.get(asked["Location"]).data["state"] == "waiting"
    time_machine.shift(dt.timedelta(seconds=1))
    assert client.get(asked["Location"]).data["state"] == "expired"
    assert not DossierGrant.objects.exists()


def test_one_look_costs_the_account_and_the_request(api, dossier, doctor, django_assert_num_queries):
    client = api(doctor)
    asked = client.post(url(dossier), {}, format="json")
    with django_assert_num_queries(2):
        client.get(asked["Location"])


def test_he_is_alerted_of_what_others_gave_him(api, dossier, doctor):
    before = timezone.now() - dt.timedelta(minutes=2)
    make.permit(dossier, doctor, source="web")
    make.permit(make.DossierFactory(), doctor, source="professional")
    make.permit(make.DossierFactory(), make.ProfessionalFactory(nurse=True), source="web")
    answer = api(doctor).get("/api/v1/alertes", {"since": before.isoformat()})
    assert [one["dossier"] for one in answer.json()] == [dossier.pk.hex]
    assert answer.json()[0]["extent"] == "general"
    assert api(doctor).get("/api/v1/alertes", {"since": timezone.now().isoformat()}).json() == []


def test_he_is_alerted_of_being_named_treating_doctor_and_of_a_document_opened_to_him(api, dossier, doctor):
    other = make.DossierFactory()
    make.permit(dossier, doctor, "consult_masked", source="web", until=None)
    make.open_document(make.DocumentFactory(dossier=other, hidden=True), doctor)
    make.permit(make.DossierFactory(), doctor, "consult_masked", source="professional", until=None)
    answer = api(doctor).get("/api/v1/alertes").json()
    assert {(one["kind"], one["dossier"], one["until"]) for one in answer} == {
        ("treating", dossier.pk.hex, None),
        ("document", other.pk.hex, None),
    }


def test_a_square_that_served_meanwhile_opens_nothing(api, dossier, doctor):
    made = as_holder(dossier, consents.make_grid)
    client = api(doctor)
    asked = client.post(url(dossier), {"means": "grille"}, format="json")
    place = ConsentRequest.objects.get().grid_place
    ConsentMeans.objects.update(used=[place])
    assert client.post(asked["Location"] + "/code", {"code": made[place]}, format="json").status_code == 422
    assert not DossierGrant.objects.exists()


def test_asking_again_and_again_is_stopped(api, dossier, doctor):
    client = api(doctor)
    for _ in range(5):
        assert client.post(url(dossier), {}, format="json").status_code == 201
        ConsentRequest.objects.update(expires_at=timezone.now())
    answer = client.post(url(dossier), {}, format="json")
    assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
    assert answer.json() == {"detail": "Trop de demandes en peu de temps. Attendez une heure."}


def test_what_one_was_just_given_is_told_in_order_of_giving(django_assert_num_queries, code_tables):
    """Two questions whatever their number: the rights with their names, the documents."""
    now, doctor = timezone.now(), make.ProfessionalFactory()
    user = make.account(doctor)
    ago = [now - dt.timedelta(hours=hours) for hours in range(6)]
    general, limited, treating, opened = (make.DossierFactory() for _ in range(4))
    make.permit(general, doctor, since=ago[3], source="web")
    make.permit(limited, doctor, since=ago[1], source="page", extent="limited", families=["biologie"])
    make.permit(treating, doctor, "consult_masked", since=ago[4], source="web", until=None)
    make.permit(make.DossierFactory(), doctor, since=ago[1], source="professional")  # by himself
    make.permit(make.DossierFactory(), doctor, since=ago[5], source="web")  # before
    make.permit(make.DossierFactory(), make.ProfessionalFactory(), since=ago[1], source="web")  # another's
    make.open_document(make.DocumentFactory(dossier=opened), doctor, since=ago[2])
    with django_assert_num_queries(2):
        found = api_alerts.given(user, ago[5])
    assert [(one["kind"], one["dossier"], one["at"], one["extent"]) for one in found] == [
        ("treating", treating.pk.hex, ago[4], ""),
        ("authorised", general.pk.hex, ago[3], "general"),
        ("document", opened.pk.hex, ago[2], ""),
        ("authorised", limited.pk.hex, ago[1], "limited"),
    ]
    assert found[0]["until"] is None and found[1]["until"] > now
