"""The holder answers himself: on his page, by his grid, by his PIN; silence and refusal give nothing."""

import datetime as dt

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from access import consents, gate, grants, tasks
from access.consents import Means, Typed
from access.facts import Act
from access.models import ConsentMeans, ConsentRequest, DossierGrant
from audit.models import Trace
from audit.scoped import uuid7
from audit.trail import Event
from patients import terms
from patients.models import Notice, Patient
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)
NOON = dt.datetime(2027, 3, 1, 11, tzinfo=dt.UTC)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def doctor(db):
    return make.ProfessionalFactory(family="CARON", given="Inès")


def by_doctor(doctor, dossier, act, event=Event.CONSENT_ASKED):
    with gate.enter(make.caller(doctor), Act.RECORD, event, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def by_holder(dossier, act):
    with gate.enter(
        make.holder(dossier), Act.AUTHORISE, Event.CONSENT_ANSWERED, dossier_id=dossier.pk, lock=True
    ) as entry:
        return act(entry)


def asked(doctor, dossier, means=Means.PAGE):
    return by_doctor(doctor, dossier, lambda entry: consents.ask(entry, "suivi", means))


def tomorrow():
    return timezone.now() + dt.timedelta(days=1)


def say(dossier, request, yes):
    return by_holder(dossier, lambda entry: consents.answer(entry, request.pk, yes, tomorrow()))


def test_the_holder_is_told_by_mail_without_the_reason(dossier, doctor):
    asked(doctor, dossier)
    assert Notice.objects.get().kind == "consent_asked"
    assert Trace.objects.about(dossier.pk).get().event == "consent_asked"
    assert not DossierGrant.objects.exists()


@pytest.mark.parametrize(("seconds", "answered"), [(119, True), (120, False)])
def test_two_minutes_and_no_more(dossier, doctor, seconds, answered):
    with time_machine.travel(NOON, tick=False) as clock:
        request = asked(doctor, dossier)
        clock.shift(seconds)
        if answered:
            say(dossier, request, True)
        else:
            with pytest.raises(ValidationError):
                say(dossier, request, True)
        request.refresh_from_db()
        assert consents.state_of(request) == ("yes" if answered else "expired")
        assert DossierGrant.objects.exists() is answered


def test_a_yes_is_an_express_authorisation_with_its_end(dossier, doctor):
    say(dossier, asked(doctor, dossier), True)
    grant = DossierGrant.objects.get()
    assert (grant.express, grant.extent, grant.source) == (True, "general", "page")
    assert list(Trace.objects.about(dossier.pk).order_by("seq").values_list("event", flat=True)) == [
        "consent_asked",
        "access_granted",
        "consent_answered",
    ]


def test_a_no_gives_nothing_and_is_final(dossier, doctor):
    request = asked(doctor, dossier)
    assert say(dossier, request, False).answer == "no"
    assert not DossierGrant.objects.exists()
    with pytest.raises(ValidationError):
        say(dossier, request, True)


def test_one_question_waits_at_a_time_and_silence_frees_the_place(dossier, doctor):
    with time_machine.travel(NOON, tick=False) as clock:
        asked(doctor, dossier)
        with pytest.raises(ValidationError) as refusal:
            asked(doctor, dossier)
        assert refusal.value.code == "waiting"
        clock.shift(120)
        asked(doctor, dossier)
    assert ConsentRequest.objects.filter(answered_at=None).count() == 1


def test_asking_again_and_again_is_stopped(dossier, doctor):
    for _ in range(5):
        say(dossier, asked(doctor, dossier), False)
    with pytest.raises(consents.TooMany):
        asked(doctor, dossier)


def test_a_request_of_another_dossier_is_not_answered(dossier, doctor):
    request = asked(doctor, dossier)
    with pytest.raises(ValidationError):
        say(make.DossierFactory(), request, True)


# -- the grid and the PIN -------------------------------------------------------------------------------
def code(doctor, dossier, request, text):
    return by_doctor(doctor, dossier, lambda e: consents.by_code(e, request.pk, text, tomorrow()))


def pin(doctor, dossier, request, text):
    return by_doctor(doctor, dossier, lambda e: consents.by_pin(e, request.pk, text, tomorrow()))


def test_a_grid_has_forty_codes_of_six_and_none_is_kept(dossier):
    made = by_holder(dossier, consents.make_grid)
    assert len(made) == 40
    assert {len(one) for one in made} == {6}
    kept = repr([bytes(one) for one in ConsentMeans.objects.get().grid])
    assert not [one for one in made if one in kept]


def test_squares_are_named_as_on_paper():
    assert [consents.square(n) for n in (0, 7, 8, 25, 39)] == ["A1", "H1", "A2", "B4", "H5"]


def test_the_code_of_the_square_asked_is_a_yes_and_serves_once(dossier, doctor):
    made = by_holder(dossier, consents.make_grid)
    request = asked(doctor, dossier, Means.GRID)
    place = request.grid_place
    assert code(doctor, dossier, request, made[(place + 1) % 40]) is Typed.WRONG
    wrong = Trace.objects.about(dossier.pk).filter(event="consent_answered").get()
    assert (wrong.allowed, wrong.detail) == (False, {"means": "grid", "result": "wrong"})
    assert code(doctor, dossier, request, made[place].lower()) is Typed.RIGHT
    assert DossierGrant.objects.get().express
    assert ConsentMeans.objects.get().used == [place]
    assert code(doctor, dossier, request, made[place]) is Typed.ENDED
    ConsentMeans.objects.update(used=[n for n in range(40) if n != 3])
    assert asked(doctor, dossier, Means.GRID).grid_place == 3


def test_a_grid_that_served_to_its_end_is_said_so(dossier, doctor):
    by_holder(dossier, consents.make_grid)
    ConsentMeans.objects.update(used=list(range(40)))
    with pytest.raises(ValidationError):
        asked(doctor, dossier, Means.GRID)


@pytest.mark.parametrize("means", [Means.GRID, Means.PIN])
def test_who_has_not_the_means_is_not_asked_by_it(dossier, doctor, means):
    with pytest.raises(ValidationError):
        asked(doctor, dossier, means)


@pytest.mark.parametrize("wrong", ["123", "123456789", "12a4", "١٢٣٤"])
def test_a_pin_has_four_to_eight_digits(dossier, wrong):
    with pytest.raises(ValidationError):
        by_holder(dossier, lambda entry: consents.set_pin(entry, wrong))


def test_five_wrong_pins_lock_for_a_day(dossier, doctor):
    with time_machine.travel(NOON, tick=False) as clock:
        by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
        assert "4821" not in ConsentMeans.objects.get().pin
        request = asked(doctor, dossier, Means.PIN)
        assert [pin(doctor, dossier, request, "0000") for _ in range(5)] == [Typed.WRONG] * 5
        assert pin(doctor, dossier, request, "4821") is Typed.LOCKED
        assert not DossierGrant.objects.exists()
        clock.shift(dt.timedelta(hours=24))
        again = asked(doctor, dossier, Means.PIN)
        assert pin(doctor, dossier, again, "4821") is Typed.RIGHT


# -- the page -------------------------------------------------------------------------------------------
def test_an_open_page_learns_of_the_question_and_the_holder_answers(holder_client, dossier, doctor):
    browser = holder_client(dossier)
    assert browser.get(reverse("consent_watch")).status_code == 204
    request = asked(doctor, dossier)
    fragment = browser.get(reverse("consent_watch"))
    assert (fragment.status_code, "Caron" in fragment.content.decode()) == (200, True)
    assert f"({terms.display('professions', doctor.profession)})" in fragment.content.decode()
    assert "sessionid" not in fragment.cookies
    assert not fragment.cookies  # watching keeps no session alive
    assert "suivi" in browser.get(reverse("consents")).content.decode()
    sent = {"answer": "oui", "duration": "1mois"}
    assert browser.post(reverse("consent_answer", args=[request.pk]), sent).status_code == 302
    assert DossierGrant.rights.running().get().user.professional == doctor
    assert browser.get(reverse("consent_watch")).status_code == 204


def test_the_yes_of_the_page_may_be_for_some_documents_or_for_emergencies_only(holder_client, dossier, doctor):
    browser = holder_client(dossier)
    send = {"answer": "oui", "duration": "1mois", "extent": "limited"}
    request = asked(doctor, dossier)
    missing = browser.post(reverse("consent_answer", args=[request.pk]), send)
    assert (missing.status_code, "Cochez au moins une famille" in missing.content.decode()) == (422, True)
    assert not DossierGrant.objects.exists()
    browser.post(reverse("consent_answer", args=[request.pk]), send | {"families": ["biologie", "imagerie"]})
    grant = DossierGrant.rights.running().get()
    assert (grant.extent, grant.families) == ("limited", ["biologie", "imagerie"])
    other = make.ProfessionalFactory()
    request = asked(other, dossier)
    browser.post(reverse("consent_answer", args=[request.pk]), send | {"extent": "emergency"})
    assert DossierGrant.rights.running().get(user__professional=other).extent == "emergency"


def test_a_no_is_a_no_whatever_was_ticked(holder_client, dossier, doctor):
    request = asked(doctor, dossier)
    send = {"answer": "non", "duration": "jamais", "extent": "limited"}
    assert holder_client(dossier).post(reverse("consent_answer", args=[request.pk]), send).status_code == 302
    request.refresh_from_db()
    assert (request.answer, DossierGrant.objects.count()) == ("no", 0)


def test_watching_costs_five_statements(holder_client, dossier, django_assert_num_queries):
    browser = holder_client(dossier)
    browser.get(reverse("consent_watch"))  # which remembers whose dossier is shown
    with django_assert_num_queries(5):  # session, account, standing, facts, what waits
        browser.get(reverse("consent_watch"))


def test_the_watch_says_nothing_of_another_dossier(holder_client, dossier, doctor):
    asked(doctor, make.DossierFactory())
    assert holder_client(dossier).get(reverse("consent_watch")).status_code == 204


def test_an_answer_that_comes_too_late_is_said(holder_client, dossier, doctor):
    answer = holder_client(dossier).post(reverse("consent_answer", args=[uuid7()]), {"answer": "non"})
    assert (answer.status_code, "a pris fin" in answer.content.decode()) == (422, True)


@pytest.fixture
def texts(settings, tmp_path):
    """What a telephone would receive, as the demonstration's gateway writes it."""
    settings.TEXT_MESSAGES = "patients.text_messages.ToFiles"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return lambda: [path.read_text() for path in tmp_path.glob("sms-*")]


@pytest.mark.parametrize(("phone", "sent"), [("+33600000001", 1), ("", 0)])
def test_the_question_reaches_the_telephone_without_saying_who_asks(dossier, doctor, texts, phone, sent):
    Patient.objects.filter(dossier=dossier).update(phone=phone)
    asked(doctor, dossier)
    told = texts()
    assert len(told) == sent
    assert all(doctor.family not in text and "/demandes/" in text and phone in text for text in told)


def test_a_question_answered_meanwhile_sends_nothing(dossier, doctor, texts):
    Patient.objects.filter(dossier=dossier).update(phone="+33600000001")
    request = asked(doctor, dossier)
    before = len(texts())
    ConsentRequest.objects.update(answered_at=timezone.now())
    tasks.send_consent_text(str(dossier.pk), str(request.pk))
    assert len(texts()) == before


@pytest.mark.parametrize("means", [Means.GRID, Means.PIN])
def test_her_own_yes_goes_beyond_what_she_had_limited(dossier, doctor, means):
    by_holder(
        dossier,
        lambda entry: grants.authorise(
            entry, doctor, tomorrow(), source="web", extent="limited", families=["biologie"], express=True
        ),
    )
    made = by_holder(dossier, consents.make_grid)
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    request = asked(doctor, dossier, means)
    said = (
        pin(doctor, dossier, request, "4821")
        if means is Means.PIN
        else code(doctor, dossier, request, made[request.grid_place])
    )
    assert said is Typed.RIGHT
    assert (DossierGrant.objects.get().extent, DossierGrant.objects.get().families) == ("general", [])
