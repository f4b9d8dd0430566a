"""A holder contests an access from its line: once, with a date to answer by, and somebody answers (M15)."""

import datetime as dt

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.urls import clear_url_caches
from django.utils import timezone

from access import contests, gate
from access.facts import Act
from access.models import Contest, User
from audit.models import Trace
from audit.scoped import uuid7
from audit.trail import Event
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
TITLE = "Sérologie du premier mars"


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def contested(dossier):
    """A doctor opened a document of this dossier."""
    doctor = make.ProfessionalFactory()
    make.treat(dossier, doctor)
    document = make.DocumentFactory(dossier=dossier, title=TITLE)
    with gate.enter(make.caller(doctor), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
        entry.trace(object_kind="document", object_id=document.pk, object_title=document.title)
    return Trace.objects.about(dossier.pk).get(event="document_read")


@pytest.fixture
def operator():
    user = User.objects.create_user(
        "odile@example.org", "x", kind="operator", is_staff=True, is_superuser=True, first_name="Odile"
    )
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    return user


def url(trace):
    return f"/activite/{trace.pk}/contester/"


def contest(client, trace, reason="Je ne connais pas cette personne."):
    return client.post(url(trace), {"reason": reason})


def desk(client, operator, path, data=None):
    """The back office, its own site."""
    clear_url_caches()
    with override_settings(ROOT_URLCONF="dmp.urls_backoffice"):
        client.force_login(operator, backend="allauth.account.auth_backends.AuthenticationBackend")
        answer = client.post(path, data) if data else client.get(path)
        body = answer.content.decode()
    clear_url_caches()
    return answer.status_code, body


def test_each_line_of_somebody_else_offers_it(holder_client, dossier, contested):
    client = holder_client(dossier)
    assert url(contested) in client.get("/activite/").content.decode()
    assert TITLE in client.get(url(contested)).content.decode()
    hers = Trace.objects.about(dossier.pk).filter(actor_kind="holder").first()
    assert url(hers) not in client.get("/activite/?lectures").content.decode()
    assert contest(client, hers).status_code == 302
    assert not Contest.objects.exists()


def test_it_is_due_in_a_month_and_said_in_the_activity(holder_client, dossier, contested):
    client = holder_client(dossier)
    assert contest(client, contested).status_code == 302
    row = Contest.objects.get()
    assert (row.trace_id, row.reason) == (contested.pk, "Je ne connais pas cette personne.")
    assert row.due_at - row.asked_at == dt.timedelta(days=30)
    assert Trace.objects.about(dossier.pk).get(event="access_contested").object_id == contested.pk
    page = client.get("/activite/").content.decode()
    assert "Vos contestations" in page
    assert "réponse attendue au plus tard" in page
    assert url(contested) not in page


def test_one_a_trace(holder_client, dossier, contested):
    client = holder_client(dossier)
    for _ in range(2):
        contest(client, contested)
    assert Contest.objects.count() == 1


def test_a_reason_is_needed(holder_client, dossier, contested):
    assert contest(holder_client(dossier), contested, "").status_code == 422


def test_a_line_of_another_dossier_does_not_exist(holder_client, contested):
    client = holder_client(make.DossierFactory())
    assert client.get(url(contested)).status_code == contest(client, contested).status_code == 404
    assert not Contest.objects.exists()


def test_a_line_hidden_from_a_parent_does_not_exist(client, code_tables):
    dossier = make.DossierFactory(minor=True)
    doctor = make.ProfessionalFactory()
    make.treat(dossier, doctor)
    document = make.DocumentFactory(dossier=dossier, secret=True)
    with gate.enter(make.caller(doctor), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
        entry.trace(object_kind="document", object_id=document.pk)
    trace = Trace.objects.about(dossier.pk).get(event="document_read")
    client.force_login(
        make.holder_of(dossier, "parent"), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    assert client.get(url(trace)).status_code == 404


def test_the_operator_answers_without_seeing_anything_medical(holder_client, client, dossier, contested, operator):
    contest(holder_client(dossier), contested)
    row = Contest.objects.get()
    path = f"/admin/access/contest/{row.pk}/change/"
    assert desk(client, operator, "/admin/access/contest/")[0] == 200
    status, body = desk(client, operator, path)
    assert status == 200
    assert "Dr Paul Morel" in body
    assert "ouvrir un document" in body
    assert row.reason in body
    assert TITLE not in body
    status, _ = desk(client, operator, path, {"owner": str(operator.pk), "answer": ""})
    row.refresh_from_db()
    assert (status, row.owner_id, row.answered_at) == (302, operator.pk, None)
    desk(
        client, operator, path, {"owner": str(operator.pk), "answer": "Accès vérifié : il vous a soigné ce jour-là."}
    )
    row.refresh_from_db()
    assert row.answered_at is not None
    past = desk(client, operator, path)[1]
    assert "contesté, par la personne" in past
    assert "confié à Odile, par Odile" in past and "répondu, par Odile" in past
    assert Notice.objects.filter(dossier=dossier, kind="contest_answered").count() == 1
    trace = Trace.objects.about(dossier.pk).get(event="contest_answered")
    assert (trace.actor_kind, trace.actor_id) == ("operator", str(operator.pk))
    assert "Accès vérifié" in holder_client(dossier).get("/activite/").content.decode()


def test_the_desk_says_what_is_late_and_finds_it(holder_client, client, dossier, contested, operator):
    contest(holder_client(dossier), contested)
    row = Contest.objects.get()
    listed = "/admin/access/contest/"
    assert "à attribuer" in desk(client, operator, listed)[1]
    Contest.objects.update(due_at=timezone.now() - dt.timedelta(days=3, hours=1))
    assert "EN RETARD de 3 jours" in desk(client, operator, listed)[1]
    page = holder_client(dossier).get("/activite/").content.decode()
    assert "elle est en retard" in page
    assert "Dr Paul Morel, le " in page
    assert str(row.pk) in desk(client, operator, listed + "?delai=depasse")[1]
    assert str(row.pk) not in desk(client, operator, listed + "?delai=court")[1]
    Contest.objects.update(answer="Vérifié.", answered_at=timezone.now())
    assert "répondu, hors délai" in desk(client, operator, listed)[1]
    assert str(row.pk) not in desk(client, operator, listed + "?delai=depasse")[1]


def test_an_answer_given_does_not_change(holder_client, client, dossier, contested, operator):
    contest(holder_client(dossier), contested)
    Contest.objects.update(answer="Première réponse", answered_at=timezone.now())
    row = Contest.objects.get()
    desk(client, operator, f"/admin/access/contest/{row.pk}/change/", {"answer": "Autre"})
    assert Contest.objects.get().answer == "Première réponse"


def test_nobody_else_sees_the_desk(client, code_tables):
    agent = User.objects.create_user("karim@cpam.example.org", "x", kind="agent", is_staff=True)
    Authenticator.objects.create(user=agent, type=Authenticator.Type.TOTP, data={"secret": "x"})
    assert desk(client, agent, "/admin/access/contest/")[0] == 403


def asked_at(dossier, at, **more):
    return Contest.objects.create(
        dossier=dossier, trace_id=uuid7(), reason="x", asked_at=at, asked_by="holder:x",
        due_at=at + dt.timedelta(days=30), **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (dt.timedelta(), "à attribuer"),
        (dt.timedelta(seconds=1), "EN RETARD"),
        (dt.timedelta(days=1), "EN RETARD de 1 jour"),
        (dt.timedelta(days=2), "EN RETARD de 2 jours"),
    ],
)
def test_how_late_it_is_is_said_in_days(code_tables, operator, time_machine, late, said):
    time_machine.move_to(NOON, tick=False)
    dossier = make.DossierFactory()
    row = asked_at(dossier, NOON - dt.timedelta(days=30) - late)
    assert contests.state(row) == said
    row.owner = operator
    assert contests.state(row) == ("en cours" if not late else said)


@pytest.mark.parametrize(("after", "said"), [(0, "répondu"), (1, "répondu, hors délai")])
def test_an_answer_is_in_time_until_its_last_second(code_tables, after, said):
    row = asked_at(make.DossierFactory(), NOON)
    row.answered_at = row.due_at + dt.timedelta(seconds=after)
    assert contests.state(row) == said


def test_what_an_answer_keeps_and_who_took_it_over(code_tables, operator, time_machine):
    time_machine.move_to(NOON - dt.timedelta(seconds=1), tick=False)
    dossier = make.DossierFactory()
    row = asked_at(dossier, NOON, reminded=3)
    time_machine.move_to(NOON, tick=False)
    contests.answer(row, operator, owner=operator, text="  ")
    row.refresh_from_db()
    assert (row.owner, row.answer, row.answered_at, row.reminded) == (operator, "", None, None)
    assert row.history.latest().history_change_reason == f"confié à {operator}"
    Contest.objects.filter(dossier=dossier, pk=row.pk).update(reminded=3)
    time_machine.shift(dt.timedelta(hours=1))
    contests.answer(row, operator, owner=operator, text=" Un contrôle a été fait. ")
    row.refresh_from_db()
    assert (row.answer, row.answered_at, row.reminded) == ("Un contrôle a été fait.", NOON + dt.timedelta(hours=1), 3)
    last = row.history.latest()
    assert (last.history_change_reason, last.history_user_id) == ("répondu", f"operator:{operator.pk}")
    trace = Trace.objects.get(event="contest_answered")
    assert (trace.object_kind, trace.object_id, trace.means) == ("trace", row.trace_id, "backoffice")
    with pytest.raises(ValidationError) as error:
        contests.answer(row, operator, owner=None, text="Autre.")
    assert error.value.code == "answered"


def test_left_to_nobody_it_says_so(code_tables, operator):
    row = asked_at(make.DossierFactory(), NOON, owner=operator)
    contests.answer(row, operator, owner=None, text="")
    assert row.history.latest().history_change_reason == "confié à personne"


def test_contests_of_some_traces_are_the_newest_first(code_tables):
    dossier = make.DossierFactory()
    rows = [asked_at(dossier, NOON + dt.timedelta(hours=hour)) for hour in (1, 3, 2)]
    asked_at(make.DossierFactory(), NOON)
    traces = [row.trace_id for row in rows]
    assert contests.of_traces(dossier.pk, traces) == [rows[1], rows[2], rows[0]]
    assert contests.of_traces(dossier.pk, traces[:1]) == rows[:1]
