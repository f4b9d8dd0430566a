"""What names a person outside the tables of her dossier goes too: letters to post, openings, sessions."""

import datetime as dt
import os
import time

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from archival import destruction, sweep
from patients import letters, tasks
from patients.models import Dossier, OpeningRequest
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def _ground(code_tables, monkeypatch):
    monkeypatch.setattr(destruction, "refuse_clocks_apart", lambda: None)
    letters.folder().mkdir()


def letter(name, age=0):
    path = letters.folder() / f"{name}.pdf"
    path.write_bytes(b"Zebulon Quetsche, 1 rue des Lilas")
    os.utime(path, (time.time() - age * 86400,) * 2)
    return path


def session_of(user):
    store = SessionStore()
    store.update({"email": user.email})
    store.create()
    UserSession.objects.create(user=user, session_key=store.session_key, ip="127.0.0.1", user_agent="x")


def opening(person, **fields):
    fields = {"state": "letter", "expires_at": timezone.now() + dt.timedelta(days=40)} | fields
    return OpeningRequest.objects.create(
        insured=person, email="quetsche@example.org", link_digest=b"x", code_digest=b"x", **fields
    )


def test_with_a_dossier_go_the_letters_the_openings_and_the_sessions_of_who_held_it():
    gone, kept = make.DossierFactory(closed=True), make.DossierFactory()
    mine, other = make.InsuredFactory(thirteen=gone.patient.ins.matricule[:13]), make.InsuredFactory()
    holder, stranger = make.holder_of(gone), make.holder_of(kept)
    for user in (holder, stranger):
        session_of(user)
    asked = [opening(person) for person in (mine, other)]
    paths = [letter(f"acces-{user.pk.hex}-1") for user in (holder, stranger)] + [letter(one.pk) for one in asked]
    Dossier.objects.filter(pk=gone.pk).update(state="destroyed")
    assert destruction.destroy(gone.pk) is not None
    assert [path.exists() for path in paths] == [False, True, False, True]
    assert list(OpeningRequest.objects.values_list("pk", flat=True)) == [asked[1].pk]
    assert [one.get_decoded()["email"] for one in Session.objects.all()] == [stranger.email]


def test_a_letter_is_kept_for_three_weeks_and_an_opening_as_long_as_it_may_be_used():
    """Before the thirty days of an early destruction are over, nothing is left of the opening of a dossier."""
    person = make.InsuredFactory()
    old, young = letter("ancienne", age=22), letter("jeune", age=20)
    opening(person, state="done")
    opening(person, expires_at=timezone.now() - dt.timedelta(minutes=1))
    live = opening(person)
    assert tasks.forget_what_ended() == (2, 1)
    assert (old.exists(), young.exists()) == (False, True)
    assert OpeningRequest.objects.get() == live


def test_no_backup_takes_a_letter(tmp_path):
    letter("acces-x")
    call_command("backup", tmp_path / "data", tmp_path / "keys")
    assert not any(b"Quetsche" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_planner_s_samples_name_no_dossier_that_is_gone():
    kept = [make.DossierFactory() for _ in range(3)]
    gone = make.DossierFactory(closed=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE patients_dossier, patients_patient")
        sampled = "SELECT string_agg(concat(histogram_bounds, most_common_vals), ' ') FROM pg_stats"
        cursor.execute(sampled)
        assert str(gone.pk) in cursor.fetchone()[0]
        Dossier.objects.filter(pk=gone.pk).update(state="destroyed")
        assert destruction.destroy(gone.pk) is not None
        sweep.run()
        cursor.execute(sampled)
        (text,) = cursor.fetchone()
    assert str(gone.pk) not in text and str(kept[0].pk) in text
