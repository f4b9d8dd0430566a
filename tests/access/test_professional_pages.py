"""What a professional's session opens, page by page, and when it is over. The issuer itself: tests/access/psc."""

import datetime as dt
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse
from django.test import RequestFactory

from access import ended_sessions, professional_session
from access.identity import Claims, WorkSituation
from access.professional_session import KEY, ProfessionalSessionMiddleware
from tests import factories as make

pytestmark = pytest.mark.django_db
NOW = 1_800_000_000
FIRST = WorkSituation("990001111", "10", "SM54", "1990001111", "Cabinet des Lilas", "SA07")
SECOND = WorkSituation("990002222", "60", "", "1990002222", "Clinique", "SA01")


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def doctor(db):
    return make.account(make.ProfessionalFactory())


def asked(path, name, user, kept=None, cookie=True):
    request = RequestFactory().get(path)
    request.session = SessionStore()
    request.session[KEY] = kept
    if kept is None:
        del request.session[KEY]
    request.user, request._messages = user, FallbackStorage(request)
    request.resolver_match = SimpleNamespace(view_name=name) if name else None
    if cookie:
        request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"
    return request


def claims(*situations):
    return Claims("810000000005", "MOREL", "Paul", situations, "eidas1", False, 0, "sub-1", "sid-1", 5.0)


def session(doctor, *situations):
    request = asked("/pro/", "psc_home", doctor)
    professional_session.begin(request, doctor, claims(*situations or (FIRST,)), "id.token")
    return dict(request.session[KEY])


def answer(request):
    return ProfessionalSessionMiddleware(lambda _: HttpResponse()).process_view(request, None, (), {})


def test_what_a_session_keeps(doctor):
    assert session(doctor) == {
        "sub": "sub-1",
        "sid": "sid-1",
        "issued": 5.0,
        "until": NOW + 4 * 3600,
        "idnat": "810000000005",
        "name": str(doctor.professional),
        "situations": [
            {
                "name": "990001111",
                "profession": "10",
                "speciality": "SM54",
                "structure_id": "1990001111",
                "structure_name": "Cabinet des Lilas",
                "sector": "SA07",
            }
        ],
        "chosen": 0,
        "id_token": "id.token",
    }
    assert session(doctor, FIRST, SECOND)["chosen"] is None


def test_whoever_was_there_before_is_out(doctor):
    request = asked("/pro/", "psc_home", make.UserFactory())
    request.session["holder"] = "somebody"
    professional_session.begin(request, doctor, claims(FIRST), "id.token")
    assert "holder" not in request.session
    assert request.session["_auth_user_id"] == str(doctor.pk)


def test_who_he_is_in_the_trail_by_his_situation(doctor):
    request = asked("/pro/", "psc_home", doctor, session(doctor, FIRST, SECOND))
    found = professional_session.current(request)
    assert (found.situations, found.chosen, found.id_token) == ((FIRST, SECOND), None, "id.token")
    actor = found.actor
    assert (actor.kind, actor.id, actor.name, actor.means) == (
        "professional",
        "810000000005",
        str(doctor.professional),
        "psc",
    )
    assert (actor.profession, actor.structure_id, actor.structure_name) == ("", "", "")
    before = request.session.session_key
    actor = professional_session.choose(request, "1").actor
    assert (actor.profession, actor.structure_id, actor.structure_name) == ("60", "1990002222", "Clinique")
    assert request.session.session_key != before
    for wrong in ("2", "-1", "", "x", " 1"):
        assert professional_session.choose(request, wrong) is None
    assert professional_session.current(request).chosen == SECOND


OPENED = [
    *("psc_home", "psc_situation", "psc_sign_out", "psc_sign_in", "psc_callback", "psc_back_channel"),
    *("help", "legal", "matrix", "statistics", "statistics_csv", "statistics_json"),
    *("accessibility", "health", "api-schema", "api-docs"),
]


@pytest.mark.parametrize("name", OPENED)
def test_the_pages_that_are_his(doctor, name):
    assert answer(asked("/x/", name, doctor, session(doctor))) is None


@pytest.mark.parametrize("name", ["home", "account_login", "account_logout"])
def test_the_ways_in_lead_to_his_own_page(doctor, name):
    found = answer(asked("/x/", name, doctor, session(doctor)))
    assert (found.status_code, found.headers["Location"]) == (302, "/pro/")


@pytest.mark.parametrize("name", ["autorisations", "profile", "opening", ""])
def test_every_other_page_refuses_him_in_words(doctor, name):
    found = answer(asked("/x/", name, doctor, session(doctor)))
    assert found.status_code == 403
    assert "text/html" in found.headers["Content-Type"]


@pytest.mark.parametrize("path", ["/fhir/DocumentReference", "/api/v1/alertes"])
def test_the_interface_looks_at_no_session(doctor, path):
    request = asked(path, "x", doctor, session(doctor) | {"until": 0})
    assert answer(request) is None
    assert KEY in request.session


def test_a_browser_without_a_session_is_let_by(doctor):
    assert answer(asked("/x/", "profile", doctor, session(doctor), cookie=False)) is None


@pytest.mark.parametrize(("after", "over"), [(4 * 3600 - 1, False), (4 * 3600, True)])
def test_a_session_lasts_four_hours(doctor, clock, after, over):
    request = asked("/pro/", "psc_home", doctor, session(doctor))
    clock.move_to(NOW + after, tick=False)
    assert answer(request) is None
    assert (KEY not in request.session) is over
    told = [str(one) for one in request._messages]
    assert told == (["Votre session Pro Santé Connect est terminée. Connectez-vous de nouveau."] if over else [])


def end_by(what, doctor, settings):
    if what == "struck off":
        doctor.professional.active = False
    if what == "back office":
        settings.ROLE = "backoffice"
    if what == "ended there":
        ended_sessions.end(jti="j", sub="", sid="sid-1", at=dt.datetime.fromtimestamp(NOW, dt.UTC))


@pytest.mark.parametrize("what", ["struck off", "back office", "ended there", "never opened"])
def test_a_session_ends_at_the_next_click(doctor, settings, what):
    kept = None if what == "never opened" else session(doctor)
    request = asked("/pro/", "psc_home", doctor, kept)
    end_by(what, doctor, settings)
    answer(request)
    assert KEY not in request.session and not request.user.is_authenticated


def test_a_holder_s_session_that_speaks_of_a_professional_is_ended(doctor):
    kept = session(doctor)
    request = asked("/x/", "profile", make.UserFactory(), kept)
    assert answer(request) is None
    assert not request.user.is_authenticated
    plain = asked("/x/", "profile", make.UserFactory())
    assert answer(plain) is None
    assert plain.user.is_authenticated
