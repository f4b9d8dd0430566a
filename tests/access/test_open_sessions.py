"""« Où vous êtes connecté »: what is listed, how one is closed, and when a session ends by itself."""

import datetime as dt

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import reverse

from access import open_sessions, tasks
from access.open_sessions import device
from access.quiet import QuietSessionMiddleware
from audit.models import Trace
from tests import factories as make
from tests.access import entrance
from tests.access.entrance import PHONE, WINDOWS

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
IDLE, LONGEST = dt.timedelta(minutes=15), dt.timedelta(hours=8)


@pytest.fixture
def holder(code_tables):
    return entrance.account(make.DossierFactory())


@pytest.fixture
def enter(holder, mailoutbox, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    return lambda user_agent=PHONE: entrance.enter(holder, mailoutbox, user_agent)


def page(browser):
    return browser.get(reverse("sessions")).content.decode()


def is_in(browser):
    return browser.get(reverse("sessions")).status_code == 200


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (PHONE, "Safari sur iPhone"),
        (WINDOWS, "Edge sur Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox sur Linux"),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome sur Android",
        ),
        ("curl/8.1", "Appareil inconnu"),
        ("", "Appareil inconnu"),
    ],
)
def test_a_device_is_told_in_plain_words(said, told):
    assert device(said) == told


def test_each_session_is_listed_with_its_device_and_last_use_and_no_place(enter, time_machine):
    time_machine.move_to(NOON, tick=False)
    enter(WINDOWS)
    time_machine.shift(dt.timedelta(minutes=10))
    text = page(enter(PHONE))
    assert text.index("Safari sur iPhone") < text.index("Edge sur Windows")
    assert "Dernière utilisation : 23 novembre 2026, 13:00" in text  # Paris
    assert "127.0.0.1" not in text
    assert text.count("C'est cet appareil") == 1


def test_what_is_listed_of_a_session(enter, holder, time_machine):
    time_machine.move_to(NOON, tick=False)
    first = enter(WINDOWS)
    time_machine.shift(dt.timedelta(minutes=10))
    second = enter(PHONE)
    ids = dict(UserSession.objects.values_list("session_key", "pk"))
    keys = [second.session.session_key, first.session.session_key]
    later = NOON + dt.timedelta(minutes=10)
    assert open_sessions.of(holder, keys[1]) == [
        open_sessions.OpenSession(ids[keys[1]], "Edge sur Windows", NOON, NOON, True),
        open_sessions.OpenSession(ids[keys[0]], "Safari sur iPhone", later, later, False),
    ]
    assert [one.is_current for one in open_sessions.of(holder, None)] == [False, False]
    assert [one.id for one in open_sessions.of(holder, None)] == [ids[key] for key in keys]


def test_a_closed_session_answers_nothing_more_and_the_trail_says_it(enter, holder):
    other, mine = enter(WINDOWS), enter(PHONE)
    assert is_in(other)
    row = UserSession.objects.get(user_agent=WINDOWS)
    answer = mine.post(reverse("sessions"), {"session": row.pk}, follow=True).content.decode()
    assert "est fermé : il faudra" in answer
    assert "Edge" not in answer
    assert not is_in(other)
    assert is_in(mine)
    trace = Trace.objects.get(event="sessions_closed")
    assert (trace.actor_id, trace.actor_kind, trace.detail) == (str(holder.pk), "holder", {"count": 1})


def test_all_the_others_close_at_once(enter):
    others, mine = [enter(WINDOWS), enter(WINDOWS)], enter(PHONE)
    mine.post(reverse("sessions"), {"session": "others"})
    assert [is_in(one) for one in others] == [False, False]
    assert is_in(mine)
    assert "Fermer toutes" not in page(mine)


def test_nobody_closes_the_session_of_somebody_else(enter, client):
    hers = enter()
    client.force_login(make.holder_of(make.DossierFactory()), "allauth.account.auth_backends.AuthenticationBackend")
    client.post(reverse("sessions"), {"session": UserSession.objects.get().pk})
    client.post(reverse("sessions"), {"session": "others"})
    for said in ({"session": "x"}, {}):
        answer = client.post(reverse("sessions"), said, follow=True).content.decode()
        assert "Cette session était déjà fermée." in answer
    assert is_in(hers)


def test_a_session_that_has_ended_is_not_listed(enter, time_machine):
    time_machine.move_to(NOON, tick=False)
    enter(WINDOWS)
    time_machine.shift(IDLE)
    assert "Edge" not in page(enter(PHONE))


def test_a_quarter_of_an_hour_without_a_visit_ends_a_session(enter, time_machine):
    time_machine.move_to(NOON, tick=False)
    browser = enter()
    time_machine.shift(IDLE - dt.timedelta(seconds=1))
    assert is_in(browser)  # which puts the end off
    time_machine.shift(IDLE - dt.timedelta(seconds=1))
    assert is_in(browser)
    time_machine.shift(IDLE)
    assert not is_in(browser)


def test_eight_hours_after_the_sign_in_a_session_ends_however_busy(enter, time_machine):
    time_machine.move_to(NOON, tick=False)
    browser = enter()
    assert is_in(browser)
    for _ in range(47):
        time_machine.shift(dt.timedelta(minutes=10))
        assert is_in(browser)
    time_machine.move_to(NOON + LONGEST - dt.timedelta(seconds=1), tick=False)
    assert is_in(browser)
    key = browser.session.session_key
    time_machine.shift(dt.timedelta(seconds=1))
    assert not is_in(browser)
    assert not UserSession(session_key=key).exists()


@pytest.mark.parametrize(
    ("path", "began", "ends"),
    [("/", LONGEST, True), ("/", LONGEST - dt.timedelta(seconds=1), False), ("/api/v1/alertes", LONGEST, False)],
)
def test_eight_hours_are_looked_at_on_pages_and_not_by_the_interface(rf, settings, time_machine, path, began, ends):
    time_machine.move_to(NOON, tick=False)
    kept = SessionStore()
    kept.update({SESSION_KEY: "x", "began": (NOON - began).timestamp()})
    kept.save()
    request = rf.get(path)
    request.COOKIES[settings.SESSION_COOKIE_NAME] = kept.session_key
    QuietSessionMiddleware(lambda asked: HttpResponse()).process_request(request)
    assert (SESSION_KEY not in request.session) is ends


@pytest.mark.parametrize(("watch", "kept"), [({}, True), ({"is_watch": False}, True), ({"is_watch": True}, False)])
def test_an_answer_to_a_watch_puts_no_end_off(rf, settings, watch, kept):
    request, middleware = rf.get("/"), QuietSessionMiddleware(lambda asked: HttpResponse())
    middleware.process_request(request)
    request.session[SESSION_KEY] = "x"
    for name, value in watch.items():
        setattr(request, name, value)
    answer = middleware.process_response(request, HttpResponse())
    assert (settings.SESSION_COOKIE_NAME in answer.cookies) is kept
    assert Session.objects.exists() is kept


def test_a_page_that_watches_alone_keeps_no_session_alive(enter, time_machine):
    time_machine.move_to(NOON, tick=False)
    browser = enter()
    for _ in range(16):
        time_machine.shift(dt.timedelta(minutes=1))
        browser.get(reverse("consent_watch"))
    assert not is_in(browser)


def test_the_hours_are_counted_anew_after_another_sign_in(enter, holder, time_machine):
    time_machine.move_to(NOON, tick=False)
    browser = enter()
    browser.post(reverse("account_logout"))
    time_machine.shift(LONGEST)
    assert is_in(enter())


def test_the_rows_of_sessions_past_their_end_leave_at_night(enter, time_machine):
    time_machine.move_to("2026-11-24 10:00:00+00:00", tick=False)
    enter()
    assert Session.objects.exists()
    tasks.forget_ended_sessions()
    assert Session.objects.exists()
    time_machine.shift(dt.timedelta(minutes=16))
    tasks.forget_ended_sessions()
    assert not Session.objects.exists()
