"""Withheld until announced (R1111-53, D9): the patient learns nothing meanwhile, is invited within two weeks, and
after one calendar month the document shows by itself, at the page, in the interface and in the trace.
"""

import datetime as dt
import json
import re

import pytest
from django.core import mail
from django.urls import reverse

from documents.models import Document
from patients import notices
from patients.models import Dossier, Notice, Patient
from patients.tasks import send_notices
from tests import factories as make
from tests import messages
from tests.doors import undone

pytestmark = pytest.mark.django_db

DEPOSIT = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)  # ten in Paris; there is no 31 February
INVITATION = dt.datetime(2026, 2, 10, 9, tzinfo=dt.UTC)
SHOWN = dt.datetime(2026, 2, 28, 9, tzinfo=dt.UTC)
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)
TITLE = "CR de consultation"
WITHHELD = "INVISIBLE_PATIENT"
SECRET = "INVISIBLE_REPRESENTANTS_LEGAUX"


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(DEPOSIT, tick=False)
    return time_machine


@pytest.fixture
def dossier(clock, code_tables):
    return make.DossierFactory(opened_at=DEPOSIT - 30 * DAY)


@pytest.fixture
def author(dossier):
    author = make.ProfessionalFactory()
    make.permit(dossier, author)
    return author


@pytest.fixture
def deposit(api, author, dossier):
    def once(*labels, status=201, **more):
        body = messages.simplified(messages.subject(dossier), messages.pdf(str(more)), labels=labels, **more)
        answer = api(author).post("/fhir/DocumentReference", json.dumps(body), content_type="application/fhir+json")
        assert answer.status_code == status, answer.content
        return answer.json().get("id")

    return once


@pytest.fixture
def announce(api, author):
    def once(name, by=None, status=200):
        whole = [{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"code": "N"}]}]}]
        kind = "application/json-patch+json"
        path = f"/fhir/DocumentReference/{name}"
        assert api(by or author).patch(path, json.dumps(whole), content_type=kind).status_code == status

    return once


@pytest.fixture
def person(client, dossier):
    """`person(role)`: signs in anew, as a session does not last a month."""

    def signed_in(role="holder"):
        user = make.holder_of(dossier, role)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in


def pages(client):
    """What each page says, to the byte; no visit leaves anything behind."""
    found = {}
    for name in ("home", "documents:list", "activity", "profile", "autorisations"):
        with undone():
            answer = client.get(reverse(name))
        assert answer.status_code == 200
        found[name] = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return found


def planned():
    return list(Notice.objects.order_by("created_at").values_list("kind", "created_at"))


def sent(clock, at):
    """The subjects of the mails that leave at that moment."""
    mail.outbox.clear()
    clock.move_to(at, tick=False)
    send_notices()
    return [message.subject for message in mail.outbox]


# -- who sees it meanwhile ------------------------------------------------------------------------------------
def test_nothing_tells_the_holder_of_it_to_the_byte(deposit, api, author, person):
    before = pages(person())
    name = deposit(WITHHELD)
    api(author).get(f"/fhir/DocumentReference/{name}")
    assert b"".join(api(author).get(f"/fhir/Binary/{name}").streaming_content)
    assert pages(person()) == before


@pytest.mark.parametrize("part", ["document", "file", "mask"])
def test_its_address_is_that_of_nothing(deposit, person, part):
    deposit(WITHHELD)
    held = person().get(reverse(f"documents:{part}", args=[Document.objects.get().pk]))
    nothing = person().get(reverse(f"documents:{part}", args=["00000000-0000-0000-0000-000000000001"]))
    assert (held.status_code, held.content) == (nothing.status_code, nothing.content)
    assert held.status_code == 404


def test_professionals_see_it_from_the_first_day_with_its_label(deposit, api, dossier):
    name = deposit(WITHHELD)
    for right in (make.permit, make.treat):
        doctor = make.ProfessionalFactory()
        right(dossier, doctor)
        labels = api(doctor).get(f"/fhir/DocumentReference/{name}").json()["securityLabel"]
        assert [label["coding"][0]["code"] for label in labels] == ["N", WITHHELD]


@pytest.mark.parametrize(("role", "traits"), [("guardian", {}), ("parent", {"minor": True})])
def test_a_representative_sees_it_when_the_holder_would(clock, api, code_tables, client, role, traits):
    dossier = make.DossierFactory(**traits)
    user = make.holder_of(dossier, role)
    backend = "allauth.account.auth_backends.AuthenticationBackend"
    client.force_login(user, backend=backend)
    before = pages(client)
    body = messages.simplified(messages.subject(dossier), messages.pdf(), labels=[WITHHELD])
    professional = api(make.ProfessionalFactory())
    answer = professional.post("/fhir/DocumentReference", json.dumps(body), content_type="application/fhir+json")
    assert answer.status_code == 201
    assert pages(client) == before
    clock.move_to(SHOWN, tick=False)
    client.force_login(user, backend=backend)
    assert TITLE in pages(client)["documents:list"]


# -- one calendar month, without any job ----------------------------------------------------------------------
def test_it_shows_by_itself_to_the_second_at_every_door(deposit, api, author, clock, person, dossier):
    name = deposit(WITHHELD)
    for at, seen in ((SHOWN - SECOND, False), (SHOWN, True)):
        clock.move_to(at, tick=False)
        said = pages(person())
        assert (TITLE in said["documents:list"]) is seen
        assert (TITLE in said["home"]) is seen  # it is new from the day it shows
        assert (TITLE in said["activity"]) is seen
        page = person().get(reverse("documents:document", args=[Document.objects.get().pk]))
        assert page.status_code == (200 if seen else 404)
        labels = api(author).get(f"/fhir/DocumentReference/{name}").json()["securityLabel"]
        assert (len(labels) == 1) is seen
        query = {"patient": dossier.pk.hex, "status": "current", "security-label": WITHHELD}
        assert ("entry" in api(author).get("/fhir/DocumentReference", query).json()) is not seen
    assert Document.objects.get().withheld  # nobody rewrote anything


def test_once_shown_the_trace_tells_what_was_done_meanwhile(deposit, api, author, clock, person):
    name = deposit(WITHHELD)
    clock.move_to(DEPOSIT + 3 * DAY, tick=False)
    api(author).get(f"/fhir/DocumentReference/{name}")
    clock.move_to(SHOWN, tick=False)
    said = pages(person())["activity"]
    assert said.count(f"le document « {TITLE} »") == 2


# -- what the holder is told ----------------------------------------------------------------------------------
def test_an_invitation_within_two_weeks_then_the_news_that_it_shows(deposit, clock):
    deposit(WITHHELD)
    assert planned() == [("news", INVITATION), ("document_shown", SHOWN)]
    assert DEPOSIT + dt.timedelta(weeks=2) >= INVITATION
    assert sent(clock, INVITATION - SECOND) == []
    assert sent(clock, INVITATION) == ["Votre dossier a été mis à jour : parlez-en avec votre médecin"]
    assert TITLE not in mail.outbox[0].body
    assert sent(clock, SHOWN - SECOND) == []
    assert sent(clock, SHOWN) == ["Un document est maintenant visible dans votre dossier"]
    assert sent(clock, SHOWN + DAY) == []


def test_however_many_are_withheld_on_a_day_one_notice_of_a_kind_goes(deposit, clock):
    deposit(WITHHELD)
    clock.shift(dt.timedelta(hours=2))
    deposit(WITHHELD, description="autre")
    assert planned() == [("news", INVITATION), ("document_shown", SHOWN + dt.timedelta(hours=2))]


def test_it_goes_to_the_address_of_that_day(deposit, clock, dossier):
    deposit(WITHHELD)
    Patient.objects.filter(dossier=dossier).update(email="nouvelle@example.org")
    sent(clock, INVITATION)
    assert [message.to for message in mail.outbox] == [["nouvelle@example.org"]]


@pytest.mark.parametrize("why", ["closed", "no address"])
def test_a_planned_notice_with_nobody_to_go_to_waits(deposit, clock, dossier, why):
    deposit(WITHHELD)
    if why == "closed":
        Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=DEPOSIT)
    else:
        Patient.objects.filter(dossier=dossier).update(email="")
    assert sent(clock, SHOWN) == []
    assert Notice.objects.filter(sent_at=None, attempts=0).count() == 2


def test_what_a_minor_keeps_secret_is_told_to_nobody(deposit):
    deposit(WITHHELD, SECRET)
    assert planned() == []


def test_a_notice_planned_for_later_does_not_silence_that_of_today(deposit, dossier, clock):
    deposit(WITHHELD)
    notices.tell(dossier.pk, Notice.Kind.DOCUMENT_SHOWN)
    assert ("document_shown", DEPOSIT) in planned()


# -- earlier --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", ["author", "treating"])
def test_announced_it_shows_at_once_and_only_that_is_told(deposit, announce, author, dossier, clock, person, by):
    name = deposit(WITHHELD)
    treating = make.ProfessionalFactory()
    make.treat(dossier, treating)
    clock.move_to(DEPOSIT + 3 * DAY, tick=False)
    announce(name, author if by == "author" else treating)
    said = pages(person())
    assert TITLE in said["documents:list"]
    assert "après la consultation d&#x27;annonce" in said["activity"]
    assert planned() == [("document_shown", DEPOSIT + 3 * DAY)]


def test_announced_it_is_new_from_that_day(deposit, announce, clock, person):
    name = deposit(WITHHELD)
    clock.move_to(DEPOSIT + 20 * DAY, tick=False)
    announce(name)
    clock.move_to(DEPOSIT + 45 * DAY, tick=False)
    assert TITLE in pages(person())["home"]


def test_another_that_still_waits_keeps_its_own_dates(deposit, announce, clock):
    name = deposit(WITHHELD)
    clock.move_to(DEPOSIT + DAY, tick=False)
    deposit(WITHHELD, description="autre")
    announce(name)
    later = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
    assert planned() == [
        ("document_shown", DEPOSIT + DAY),
        ("news", INVITATION + DAY),
        ("document_shown", later),
    ]


def test_withdrawn_by_its_author_nothing_is_told(deposit, api, author):
    name = deposit(WITHHELD)
    body = json.dumps([{"op": "replace", "path": "/status", "value": "entered-in-error"}])
    kind = "application/json-patch+json"
    assert api(author).patch(f"/fhir/DocumentReference/{name}", body, content_type=kind).status_code == 200
    assert planned() == []


def test_announced_it_is_masked_when_what_is_new_is_to_be(deposit, announce, dossier, author):
    type(dossier).objects.filter(pk=dossier.pk).update(masks_new_documents=True)
    name = deposit(WITHHELD)
    assert not Document.objects.get().masked
    announce(name)
    assert (Document.objects.get().masked, Document.objects.get().withheld) == (True, False)


# -- replaced -------------------------------------------------------------------------------------------------
def replacing(name):
    return [{"code": "replaces", "target": {"reference": f"DocumentReference/{name}"}}]


@pytest.mark.parametrize("label", [WITHHELD, SECRET])
def test_what_was_shown_is_not_hidden_by_replacing_it(deposit, person, label):
    name = deposit()
    before = pages(person())
    deposit(label, status=422, relatesTo=replacing(name))
    assert pages(person())["documents:list"] == before["documents:list"]


def test_replacing_it_does_not_withhold_for_longer(deposit, clock):
    name = deposit(WITHHELD)
    clock.move_to(DEPOSIT + 9 * DAY, tick=False)
    deposit(WITHHELD, relatesTo=replacing(name))
    assert set(Document.objects.values_list("visible_from", flat=True)) == {SHOWN}
    assert planned()[-1] == ("document_shown", SHOWN)


def test_replaced_by_what_is_shown_nothing_more_is_told_of_it(deposit):
    name = deposit(WITHHELD)
    deposit(relatesTo=replacing(name))
    assert planned() == [("document_added", DEPOSIT)]
