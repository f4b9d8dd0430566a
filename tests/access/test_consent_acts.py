"""A question to the holder and each way to answer it: rows, traces, notices and refusals, whole."""

import dataclasses
import datetime as dt
import hashlib
import hmac
import uuid

import pytest
from django.contrib.auth.hashers import check_password

from access import consents, gate
from access.consents import Means, Typed
from access.facts import Act
from access.models import ConsentMeans, ConsentRequest, DossierGrant
from audit import limits
from audit.scoped import uuid7
from audit.trail import Event
from patients.codes import ALPHABET
from patients.models import Notice
from tests import factories as make
from tests.access.acts import DAY, NOW, refused, said_by_doctor
from tests.told import acts, last_told, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

SECOND = dt.timedelta(seconds=1)
UNTIL = NOW + 30 * DAY


def by_doctor(doctor, dossier, act):
    with gate.enter(make.caller(doctor), Act.RECORD, Event.CONSENT_ASKED, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def by_holder(dossier, act, caller=None):
    caller = caller or make.holder(dossier)
    with gate.enter(caller, Act.AUTHORISE, Event.CONSENT_ANSWERED, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def ask(doctor, dossier, *means, reason="suivi"):
    return by_doctor(doctor, dossier, lambda entry: consents.ask(entry, reason, *means))


def answer(dossier, request, yes=True, until=UNTIL, caller=None, **limits):
    return by_holder(dossier, lambda entry: consents.answer(entry, request.pk, yes, until, **limits), caller)


def code(doctor, dossier, request, text):
    return by_doctor(doctor, dossier, lambda entry: consents.by_code(entry, request.pk, text, UNTIL))


def pin(doctor, dossier, request, text):
    return by_doctor(doctor, dossier, lambda entry: consents.by_pin(entry, request.pk, text, UNTIL))


def said_by(doctor, **more):
    return said_by_doctor(doctor, **{"ground": "identified", "mode": "normal"} | more)


# -- asking -------------------------------------------------------------------------------------------------


def test_a_question_is_kept_two_minutes_traced_and_told(
    dossier, doctor, monkeypatch, django_capture_on_commit_callbacks
):
    texted = []
    monkeypatch.setattr(consents.send_consent_text, "delay", lambda *args: texted.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        request = ask(doctor, dossier)
    kept = ConsentRequest.objects.get()
    assert kept == request
    assert (kept.dossier, kept.user, kept.reason, kept.means) == (dossier, make.account(doctor), "suivi", "page")
    assert (kept.asked_at, kept.expires_at) == (NOW, NOW + 120 * SECOND)
    assert (kept.grid_place, kept.answer, kept.answered_at, kept.structure_name) == (None, "", None, "")
    assert last_told(dossier) == said_by(doctor, event="consent_asked", reason="suivi", detail={"means": "page"})
    assert [(one.kind, one.dossier_id) for one in Notice.objects.all()] == [("consent_asked", dossier.pk)]
    assert texted == [(str(dossier.pk), str(request.pk))]


def test_the_place_that_asks_is_kept(dossier, doctor):
    caller = make.caller(doctor)
    caller = dataclasses.replace(caller, actor=dataclasses.replace(caller.actor, structure_name="Cabinet"))
    with gate.enter(caller, Act.RECORD, Event.CONSENT_ASKED, dossier_id=dossier.pk) as entry:
        consents.ask(entry, "suivi")
    assert ConsentRequest.objects.get().structure_name == "Cabinet"


def test_nobody_is_told_by_mail_when_the_holder_is_there(
    dossier, doctor, monkeypatch, django_capture_on_commit_callbacks
):
    texted = []
    monkeypatch.setattr(consents.send_consent_text, "delay", lambda *args: texted.append(args))
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    with django_capture_on_commit_callbacks(execute=True):
        request = ask(doctor, dossier, Means.PIN)
    assert (request.means, request.grid_place, texted) == ("pin", None, [])
    assert not Notice.objects.exists()
    assert last_told(dossier)["detail"] == {"means": "pin"}


def test_silence_is_decided_by_the_clock(dossier, doctor, clock):
    request = ask(doctor, dossier)
    other = ask(make.ProfessionalFactory(), dossier)
    assert consents.state_of(request) == "waiting"
    assert {*consents.waiting(dossier.pk)} == {request, other}  # asked in the same instant
    clock.shift(119.9)
    assert consents.state_of(request) == "waiting"
    clock.move_to(NOW + 120 * SECOND, tick=False)
    assert consents.state_of(request) == "expired"
    assert list(consents.waiting(dossier.pk)) == []
    request.answered_at, request.expires_at = NOW, NOW + DAY  # closed without an answer
    assert consents.state_of(request) == "expired"
    request.answer = "no"
    assert consents.state_of(request) == "no"


def test_what_waits_is_told_in_the_order_of_asking(dossier, doctor, clock):
    clock.shift(1)
    second = ask(doctor, dossier)
    clock.shift(-1)
    first = ask(make.ProfessionalFactory(), dossier)
    ask(make.ProfessionalFactory(), make.DossierFactory())
    assert list(consents.waiting(dossier.pk)) == [first, second]


def test_one_question_waits_at_a_time_of_one_professional(dossier, doctor, clock):
    first = ask(doctor, dossier)
    words = "Votre demande précédente attend encore sa réponse."
    refused("waiting", words, ask, doctor, dossier)
    other = ask(make.ProfessionalFactory(), dossier)
    elsewhere = ask(doctor, make.DossierFactory())
    clock.shift(120)
    assert ask(doctor, dossier)
    for one in (first, other, elsewhere):
        one.refresh_from_db()
    assert (first.answered_at, first.answer) == (NOW + 120 * SECOND, "")
    assert (other.answered_at, elsewhere.answered_at) == (None, None)


def test_five_questions_an_hour_to_one_holder(dossier, doctor, clock):
    for _ in range(5):
        answer(dossier, ask(doctor, dossier), yes=False)
    with pytest.raises(consents.TooMany):
        ask(doctor, dossier)
    assert ask(make.ProfessionalFactory(), dossier)
    assert ask(doctor, make.DossierFactory())
    clock.shift(3600)
    assert ask(doctor, dossier)


def test_sixty_questions_an_hour_to_anybody(dossier, doctor, monkeypatch):
    asked = []

    def recent(event, actor, since):
        asked.append((event, actor.id, since))
        return done

    monkeypatch.setattr(limits, "recent", recent)
    done = 60
    with pytest.raises(consents.TooMany):
        ask(doctor, dossier)
    done = 59
    assert ask(doctor, dossier)
    assert asked == [(Event.CONSENT_ASKED, doctor.idnat, dt.timedelta(hours=1))] * 2


# -- the holder's answer ------------------------------------------------------------------------------------


def test_a_yes_gives_what_the_holder_chose(dossier, doctor):
    request = ask(doctor, dossier)
    holder = make.holder_of(dossier)
    assert answer(dossier, request, extent="limited", families=["ordonnances"]) == request
    request.refresh_from_db()
    assert (request.answer, request.answered_at, request.answered_by) == ("yes", NOW, f"holder:{holder.pk}")
    assert (request.means, request.until) == ("page", UNTIL)
    grant = DossierGrant.objects.get()
    assert (grant.user, grant.until, grant.source, grant.express) == (make.account(doctor), UNTIL, "page", True)
    assert (grant.extent, grant.families) == ("limited", ["ordonnances"])
    assert told(acts(dossier)[-1]) == {
        "event": "consent_answered",
        "allowed": True,
        "ground": "holder",
        "mode": "normal",
        "actor_kind": "holder",
        "actor_id": str(holder.pk),
        "actor_name": str(holder),
        "means": "test",
        "object_kind": "professional",
        "object_id": doctor.pk,
        "object_title": doctor.name,
        "detail": {"means": "page", "answer": "yes"},
    }
    assert [one.event for one in acts(dossier)] == ["consent_asked", "access_granted", "consent_answered"]


def test_a_yes_is_general_when_nothing_else_is_said(dossier, doctor):
    answer(dossier, ask(doctor, dossier))
    grant = DossierGrant.objects.get()
    assert (grant.extent, grant.families) == ("general", [])


def test_a_no_is_kept_and_gives_nothing(dossier, doctor):
    request = answer(dossier, ask(doctor, dossier), yes=False, until=None)
    request.refresh_from_db()
    assert (request.answer, request.answered_at, request.until) == ("no", NOW, None)
    assert last_told(dossier)["detail"] == {"means": "page", "answer": "no"}
    assert not DossierGrant.objects.exists()


@pytest.mark.parametrize(("role", "express"), [("carer", False), ("guardian", True)])
def test_a_carer_s_word_is_not_the_holder_s(dossier, doctor, role, express):
    user = make.holder_of(dossier, role)
    user.representations.update(rights=["authorise"]) if role == "carer" else None
    caller = make.holder(dossier, role, user)
    answer(dossier, ask(doctor, dossier), caller=caller)
    assert DossierGrant.objects.get().express is express


def test_what_ended_or_is_another_s_is_not_answered(dossier, doctor, clock):
    words = "Cette demande a pris fin. Le professionnel peut vous la refaire."
    request = ask(doctor, dossier)
    refused("ended", words, answer, make.DossierFactory(), request)
    request.pk = uuid7()
    refused("ended", words, answer, dossier, request)
    clock.shift(120)
    refused("ended", words, answer, dossier, ConsentRequest.objects.get())


# -- the grid -----------------------------------------------------------------------------------------------


def grid(dossier):
    return by_holder(dossier, consents.make_grid)


def test_a_grid_is_forty_codes_each_with_its_own_digest(dossier):
    made = grid(dossier)
    row = ConsentMeans.objects.get()
    assert (len(made), len(set(made))) == (40, 40)
    assert {len(one) for one in made} == {6} and set("".join(made)) <= set(ALPHABET)
    assert [bytes(one) for one in row.grid] == [consents.digest(row, n, one) for n, one in enumerate(made)]
    assert len({consents.digest(row, n, "ABCDEF") for n in range(40)}) == 40
    assert (row.dossier, row.used, row.grid_made_at) == (dossier, [], NOW)
    said = last_told(dossier)
    assert (said["event"], said["ground"], said["detail"]) == ("means_changed", "holder", {"means": "grid"})


def test_a_grid_printed_before_an_update_is_good_after_it(settings):
    settings.SECRET_KEY = "clé d'essai"
    row = ConsentMeans(pk=uuid.UUID(int=1))
    key = hashlib.sha256(b"access.consents" + settings.SECRET_KEY.encode()).digest()
    kept = hmac.new(key, f"{uuid.UUID(int=1)}:7:ABCDEF".encode(), "sha256").digest()
    assert consents.digest(row, 7, "ABCDEF") == kept


def test_a_new_grid_forgets_what_served_and_keeps_the_pin(dossier):
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    first = grid(dossier)
    ConsentMeans.objects.update(used=[3])
    assert grid(dossier) != first
    row = ConsentMeans.objects.get()
    assert row.used == [] and row.pin


def test_each_dossier_has_its_own_means(dossier, doctor):
    grid(make.DossierFactory())
    refused("means", "Le titulaire n'a pas ce moyen de donner son accord.", ask, doctor, dossier, Means.GRID)
    grid(dossier)
    assert ConsentMeans.objects.count() == 2


def test_the_square_asked_is_one_that_has_not_served(dossier, doctor):
    grid(dossier)
    ConsentMeans.objects.update(used=[n for n in range(40) if n not in (0, 39)])
    request = ask(doctor, dossier, Means.GRID)
    assert request.grid_place in (0, 39)
    ConsentMeans.objects.update(used=list(range(40)))
    ConsentRequest.objects.all().delete()
    words = "Tous les codes de la grille ont servi : le titulaire en imprime une autre."
    refused("used", words, ask, doctor, dossier, Means.GRID)


@pytest.mark.parametrize("means", [Means.GRID, Means.PIN])
def test_a_means_that_the_holder_has_not_is_refused(dossier, doctor, means):
    words = "Le titulaire n'a pas ce moyen de donner son accord."
    refused("means", words, ask, doctor, dossier, means)
    if means is Means.PIN:
        grid(dossier)
    else:
        by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    refused("means", words, ask, doctor, dossier, means)


def test_the_right_code_is_a_yes_as_typed(dossier, doctor, clock):
    made = grid(dossier)
    request = ask(doctor, dossier, Means.GRID)
    assert last_told(dossier)["detail"] == {"means": "grid"}
    right = made[request.grid_place]
    clock.shift(60)
    assert code(doctor, dossier, request, f" {right[:3].lower()}-{right[3:]} ") is Typed.RIGHT
    row = ConsentMeans.objects.get()
    assert (row.used, row.failures, row.locked_until) == ([request.grid_place], 0, None)
    request.refresh_from_db()
    assert (request.answer, request.until, request.means) == ("yes", UNTIL, "grid")
    assert request.answered_by == f"professional:{doctor.idnat}"
    grant = DossierGrant.objects.get()
    assert (grant.until, grant.source, grant.express, grant.extent) == (UNTIL, "grid", True, "general")
    assert last_told(dossier) == said_by(
        doctor,
        event="consent_answered",
        object_kind="professional",
        object_id=doctor.pk,
        object_title=doctor.name,
        detail={"means": "grid", "answer": "yes"},
    )


def test_a_wrong_code_is_counted_and_traced(dossier, doctor):
    made = grid(dossier)
    request = ask(doctor, dossier, Means.GRID)
    assert code(doctor, dossier, request, made[request.grid_place - 1]) is Typed.WRONG
    row = ConsentMeans.objects.get()
    assert (row.failures, row.locked_until, row.used) == (1, None, [])
    assert last_told(dossier) == said_by(
        doctor, event="consent_answered", allowed=False, detail={"means": "grid", "result": "wrong"}
    )
    request.refresh_from_db()
    assert request.answer == ""


def test_a_square_that_served_meanwhile_or_is_not_there_is_wrong(dossier, doctor):
    made = grid(dossier)
    request = ask(doctor, dossier, Means.GRID)
    ConsentMeans.objects.update(used=[request.grid_place])
    assert code(doctor, dossier, request, made[request.grid_place]) is Typed.WRONG
    ConsentMeans.objects.update(used=[])
    ConsentRequest.objects.update(grid_place=40)
    assert code(doctor, dossier, request, made[0]) is Typed.WRONG
    ConsentRequest.objects.update(grid_place=None)
    assert code(doctor, dossier, request, made[0]) is Typed.WRONG
    ConsentRequest.objects.update(grid_place=39)
    assert code(doctor, dossier, request, made[39]) is Typed.RIGHT


def test_a_code_answers_its_own_question_alone(dossier, doctor, clock):
    made = grid(dossier)
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    request = ask(doctor, dossier, Means.GRID)
    right = made[request.grid_place]
    assert pin(doctor, dossier, request, "4821") is Typed.ENDED
    said = {"means": "pin", "result": "ended"}
    assert (last_told(dossier)["detail"], last_told(dossier)["allowed"]) == (said, False)
    assert code(make.ProfessionalFactory(), dossier, request, right) is Typed.ENDED
    clock.shift(120)
    assert code(doctor, dossier, request, right) is Typed.ENDED
    assert not DossierGrant.objects.exists()
    assert ConsentMeans.objects.get().failures == 0


def test_means_that_were_taken_away_answer_nothing(dossier, doctor):
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    request = ask(doctor, dossier, Means.PIN)
    by_holder(dossier, lambda entry: consents.set_pin(entry, ""))
    assert pin(doctor, dossier, request, "") is Typed.WRONG
    ConsentMeans.objects.all().delete()
    assert pin(doctor, dossier, request, "4821") is Typed.ENDED


# -- the PIN ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("good", ["1234", "12345678"])
def test_a_pin_is_kept_hashed_and_traced(dossier, good):
    ConsentMeans.objects.create(dossier=dossier, failures=3, locked_until=NOW + DAY)
    by_holder(dossier, lambda entry: consents.set_pin(entry, good))
    row = ConsentMeans.objects.get()
    assert row.pin != good and check_password(good, row.pin)
    assert (row.failures, row.locked_until) == (0, None)
    assert last_told(dossier)["detail"] == {"means": "pin"}
    by_holder(dossier, lambda entry: consents.set_pin(entry, ""))
    assert ConsentMeans.objects.get().pin == ""


@pytest.mark.parametrize("wrong", ["123", "123456789", "12a4", "١٢٣٤"])
def test_a_pin_is_four_to_eight_digits(dossier, wrong):
    words = "Le code personnel a de 4 à 8 chiffres."
    refused("pin", words, by_holder, dossier, lambda entry: consents.set_pin(entry, wrong))


def test_five_wrong_ones_lock_both_means_for_a_day(dossier, doctor, clock):
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    request = ask(doctor, dossier, Means.PIN)
    for tries in range(1, 5):
        assert pin(doctor, dossier, request, "0000") is Typed.WRONG
        assert ConsentMeans.objects.values_list("failures", "locked_until").get() == (tries, None)
    assert pin(doctor, dossier, request, "0000") is Typed.WRONG
    assert ConsentMeans.objects.values_list("failures", "locked_until").get() == (0, NOW + DAY)
    assert pin(doctor, dossier, request, "4821") is Typed.LOCKED
    assert last_told(dossier)["detail"] == {"means": "pin", "result": "locked"}
    made = grid(dossier)
    clock.move_to(NOW + DAY - SECOND, tick=False)
    request = ask(doctor, dossier, Means.GRID)
    assert code(doctor, dossier, request, made[request.grid_place]) is Typed.LOCKED
    clock.move_to(NOW + DAY, tick=False)
    assert code(doctor, dossier, request, made[request.grid_place]) is Typed.RIGHT
    assert ConsentMeans.objects.get().locked_until is None


def test_a_right_pin_forgets_the_wrong_ones(dossier, doctor):
    by_holder(dossier, lambda entry: consents.set_pin(entry, "4821"))
    request = ask(doctor, dossier, Means.PIN)
    pin(doctor, dossier, request, "0000")
    assert pin(doctor, dossier, request, "4821") is Typed.RIGHT
    row = ConsentMeans.objects.get()
    assert (row.failures, row.used) == (0, [])
    assert DossierGrant.objects.get().source == "pin"


def test_squares_are_named_by_column_and_line():
    assert [consents.square(n) for n in (0, 7, 8, 25, 39)] == ["A1", "H1", "A2", "B4", "H5"]
