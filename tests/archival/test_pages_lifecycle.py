"""The holder closes, reactivates, has destroyed: on her own pages, each behind a proof given anew."""

import datetime as dt
import re

import pytest
from django.core import mail
from django.urls import reverse

from archival import copies, holds
from audit.models import Trace
from audit.trail import Actor, ActorKind
from patients.models import Consent, Dossier, Notice
from patients.models_requests import Request
from tests import factories as make
from tests.archival import laid

pytestmark = pytest.mark.django_db
PASSWORD = "quatre chevaux au trot"
CLOSED = dt.datetime(2026, 3, 5, 11, tzinfo=dt.UTC)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def sign_in(client):
    def signed(dossier, role="holder"):
        user = make.holder_of(dossier, role)
        user.set_password(PASSWORD)
        user.save()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed


def done(browser, name, **fields):
    """Proven by the password and by the code that a mail brings."""
    browser.get("/")
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = browser.get(reverse(name))
    assert page.status_code == 200, page.status_code
    code = re.search(r"[A-Z0-9]{5} [A-Z0-9]{5}", mail.outbox[-1].body)[0]
    return browser.post(reverse(name), {"code": code, "agreed": "on", **fields})


def state(dossier):
    return Dossier.objects.values_list("state", flat=True).get(pk=dossier.pk)


def test_she_closes_at_once(sign_in, dossier):
    hers = sign_in(dossier)
    answer = done(hers, "profile_close")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert Dossier.objects.values_list("state", "closure").get(pk=dossier.pk) == ("closed", "DEMANDE_TITULAIRE")
    assert Notice.objects.filter(dossier=dossier, kind="dossier_closed").count() == 1
    assert Trace.objects.about(dossier.pk).filter(event="dossier_closed", actor_kind="holder").count() == 1
    home = hers.get("/").content.decode()
    assert "Ce dossier est fermé" in home and reverse("profile_reopen") in home


def test_closing_says_what_becomes_unreachable_and_offers_a_copy(sign_in, dossier):
    hers = sign_in(dossier)
    hers.get("/")
    hers.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = hers.get(reverse("profile_close")).content.decode()
    assert reverse("profile_copies") in page and "Si vos directives anticipées" in page
    make.DocumentFactory(dossier=dossier, type_code="EXPPAT_3")
    page = hers.get(reverse("profile_close")).content.decode()
    assert "Vos directives anticipées ne seront plus trouvées par personne." in page


def test_closing_says_that_a_copy_not_yet_fetched_goes_with_it(sign_in, dossier):
    hers = sign_in(dossier)
    hers.get("/")
    hers.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert "Une copie attend" not in hers.get(reverse("profile_close")).content.decode()
    row = laid.ask(dossier)
    assert "Fermer le dossier la détruit." in hers.get(reverse("profile_close")).content.decode()
    copies.destroy(row, by=laid.HOLDER, why="asked")
    assert "Une copie attend" not in hers.get(reverse("profile_close")).content.decode()


@pytest.mark.parametrize("fields", [{"agreed": ""}, {"code": "AAAAA AAAAA"}])
def test_without_the_box_or_the_right_code_nothing_is_closed(sign_in, dossier, fields):
    answer = done(sign_in(dossier), "profile_close", **fields)
    assert answer.status_code == 422
    assert "Erreur" in answer.content.decode()
    assert state(dossier) == "open"


@pytest.mark.parametrize("name", ["profile_close", "profile_reopen", "profile_destroy"])
def test_an_old_sign_in_is_not_enough(sign_in, code_tables, name):
    dossier = make.DossierFactory(closed=name != "profile_close")
    hers = sign_in(dossier)
    hers.get("/")
    answer = hers.post(reverse(name), {"agreed": "on", "code": "AAAAA AAAAA"})
    assert answer.status_code == 302 and reverse("account_reauthenticate") in answer["Location"]
    assert state(dossier) == ("open" if name == "profile_close" else "closed")


def test_a_parent_closes_in_her_own_quality(sign_in, code_tables):
    minor = make.DossierFactory(minor=True, birth_date=dt.date(2016, 5, 3))
    done(sign_in(minor, "parent"), "profile_close")
    assert Dossier.objects.values_list("state", "closure").get(pk=minor.pk) == ("closed", "DEMANDE_REPRESENTANT")


def test_a_carer_changes_nothing(sign_in, dossier):
    his = sign_in(dossier, "carer")
    his.get("/")
    for name in ("profile_close", "profile_reopen", "profile_destroy"):
        assert his.get(reverse(name)).status_code == 404


def test_she_reactivates_with_a_recorded_consent(sign_in, code_tables):
    dossier = make.DossierFactory(closed=True)
    hers = sign_in(dossier)
    answer = done(hers, "profile_reopen")
    assert answer["Location"] == reverse("autorisations")
    assert state(dossier) == "open"
    consent = Consent.objects.get(dossier=dossier, subject="reopening")
    assert (consent.channel, consent.evidence) == ("web", "case cochée en ligne, session à deux facteurs")


def test_past_its_term_it_is_not_reactivated_and_that_is_said(sign_in, code_tables, time_machine):
    time_machine.move_to(CLOSED, tick=False)
    dossier = make.DossierFactory(closed=True)
    time_machine.move_to(dt.datetime(2036, 3, 6, 8, tzinfo=dt.UTC), tick=False)
    hers = sign_in(dossier)
    hers.get("/")
    answer = hers.post(reverse("profile_reopen"), {"agreed": "on"})
    assert answer.status_code == 409 and "dix ans sont passés" in answer.content.decode()
    assert state(dossier) == "closed"


def test_early_destruction_is_accepted_at_once_and_stays_cancellable(sign_in, code_tables, time_machine):
    time_machine.move_to(CLOSED, tick=False)
    dossier = make.DossierFactory(closed=True)
    hers = sign_in(dossier)
    answer = done(hers, "profile_destroy")
    row = Request.objects.get(dossier=dossier, kind="destruction")
    assert answer["Location"] == reverse("profile_request", args=[row.pk])
    assert (row.state, row.not_before) == ("accepted", CLOSED + dt.timedelta(days=30))
    assert row.due_on == dt.date(2026, 6, 5)
    home = hers.get("/").content.decode()
    assert "Sa suppression définitive est demandée" in home and "4 avril 2026" in home
    assert hers.get(reverse("profile_destroy")).status_code == 302
    assert hers.post(f"{answer['Location']}annuler/").status_code == 302
    row.refresh_from_db()
    assert row.state == "cancelled"


def test_what_a_representative_asks_for_or_a_hold_forbids_is_examined(sign_in, code_tables):
    minor = make.DossierFactory(minor=True, closed=True, birth_date=dt.date(2016, 5, 3))
    done(sign_in(minor, "parent"), "profile_destroy")
    held = make.DossierFactory(closed=True)
    holds.put(held.pk, reason="plainte", evidence="PV 12", by=Actor(ActorKind.OPERATOR, "un"))
    done(sign_in(held), "profile_destroy")
    assert set(Request.objects.values_list("state", flat=True)) == {"received"}


@pytest.mark.parametrize("closure", Dossier.BY_OPERATOR)
def test_what_the_operator_closed_her_pages_neither_reopen_nor_destroy(sign_in, code_tables, closure):
    dossier = make.DossierFactory(closed=True, closure=closure)
    hers = sign_in(dossier)
    hers.get("/")
    for answer in (hers.get(reverse("profile_reopen")), hers.post(reverse("profile_reopen"), {"agreed": "on"})):
        assert answer.status_code == 409 and "fermé par le service" in answer.content.decode()
    done(hers, "profile_destroy")
    assert Request.objects.get(dossier=dossier).state == "received"
    assert state(dossier) == "closed"


def test_an_open_dossier_is_closed_first(sign_in, dossier):
    hers = sign_in(dossier)
    hers.get("/")
    answer = hers.get(reverse("profile_destroy"))
    assert answer.status_code == 409 and reverse("profile_close") in answer.content.decode()
