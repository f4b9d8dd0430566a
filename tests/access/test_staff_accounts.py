"""The operator makes, changes and ends the accounts of the counter: signed, with a reason, traced, never deleted."""

import io

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.management import CommandError, call_command

from access import recovery
from access.models import CaisseGroupGrant, User
from audit.models import Trace
from tests import doors
from tests import factories as make

pytestmark = pytest.mark.django_db
WHO = "odile@exploitant.example.org"


def staff(*words, by=WHO, apply=True):
    said = io.StringIO()
    signed = [] if words[0] == "list" else ["--reason", "prise de poste", *(["--by", by] if by else [])]
    call_command("staff", *words, *signed, *(["--apply"] if signed and apply else []), stdout=said)
    return said.getvalue()


def karim(caisse):
    staff("add", "karim@example.org", "Karim", "Benali", "--caisse", caisse.code)
    return User.objects.get(email="karim@example.org")


def served(user):
    return set(CaisseGroupGrant.objects.filter(group__user=user).values_list("content_object", flat=True))


def test_an_agent_serves_his_caisse_and_has_no_password(odile):
    caisse = make.CaisseFactory()
    user = karim(caisse)
    assert (user.kind, user.is_superuser, user.has_usable_password()) == ("agent", False, False)
    assert served(user) == {caisse.pk}


def test_without_a_caisse_he_is_an_operator(odile):
    staff("add", "deux@example.org", "Deux", "Fournier")
    assert User.objects.get(email="deux@example.org").kind == "operator"
    assert "exploitation" in staff("list") and "2 comptes" in staff("list")


@pytest.mark.parametrize("act", ["add", "end", "back", "serve", "leave", "role", "reset"])
def test_each_act_is_kept_with_its_author_and_its_reason(odile, act):
    one, two = make.CaisseFactory(), make.CaisseFactory(code="692", name="Autre caisse")
    user = karim(one)
    words = {
        "serve": [act, user.email, "--caisse", two.code],
        "leave": [act, user.email, "--caisse", one.code],
        "role": [act, user.email],
        "end": [act, user.email],
        "back": [act, user.email],
        "reset": [act, user.email],
    }
    if act == "back":
        staff("end", user.email)
    if act != "add":
        staff(*words[act])
    kept = user.history.latest()
    trace = Trace.objects.filter(event__startswith="staff_").latest("at")
    assert (kept.history_user_id, kept.history_change_reason) == (f"operator:{odile.pk}", "prise de poste")
    assert (trace.actor_id, trace.actor_name, trace.reason) == (str(odile.pk), "Odile Fournier", "prise de poste")
    assert trace.object_id == user.pk
    grant = CaisseGroupGrant.history.first()
    assert (grant.history_user_id, grant.history_change_reason) == (f"operator:{odile.pk}", "prise de poste")


def test_an_agent_serves_a_second_caisse_then_leaves_the_first(odile):
    one, two = make.CaisseFactory(), make.CaisseFactory(code="692", name="Autre caisse")
    user = karim(one)
    staff("serve", user.email, "--caisse", two.code)
    assert served(user) == {one.pk, two.pk}
    staff("leave", user.email, "--caisse", one.code)
    assert served(user) == {two.pk}
    assert CaisseGroupGrant.objects.filter(content_object=one).exists()


def test_the_trace_of_a_change_says_which(odile):
    one, two = make.CaisseFactory(), make.CaisseFactory(code="692", name="Autre caisse")
    user = karim(one)
    for words in (
        ["serve", "--caisse", two.code],
        ["leave", "--caisse", two.code],
        ["role"],
        ["reset"],
        ["end"],
        ["back"],
    ):
        staff(words[0], user.email, *words[1:])
    traces = Trace.objects.filter(event__startswith="staff_").order_by("at").values_list("event", "detail")
    assert list(traces) == [
        ("staff_added", {"kind": "agent", "caisse": one.code}),
        ("staff_changed", {"act": "serve", "caisse": two.code}),
        ("staff_changed", {"act": "leave", "caisse": two.code}),
        ("staff_changed", {"act": "role", "kind": "operator"}),
        ("staff_changed", {"act": "reset"}),
        ("staff_ended", {}),
        ("staff_changed", {"act": "take_back"}),
    ]
    given = Trace.objects.get(event="access_code_given")
    assert (given.detail, given.actor_id) == ({"way": "guichet", "evidence": "exploitant"}, str(odile.pk))


def test_what_is_said_names_who_and_what(odile):
    one, two = make.CaisseFactory(), make.CaisseFactory(code="692", name="Autre caisse")
    said = staff("add", "karim@example.org", "Karim", "Benali", "--caisse", one.code)
    assert said == "Compte ouvert pour Karim Benali. Donnez-lui un code : access_code karim@example.org\n"
    assert staff("serve", "karim@example.org", "--caisse", two.code) == "Karim Benali sert la caisse 692.\n"
    first, *rest = staff("list").splitlines()
    start, groups = first.rsplit("  ", 1)
    assert start == "actif  karim@example.org  Karim Benali"
    assert sorted(groups.split(", ")) == sorted([f"Guichet {one.name}", f"Guichet {two.name}"])
    assert rest == [f"actif  {WHO}  Odile Fournier  exploitation", "2 comptes."]
    assert staff("leave", "karim@example.org", "--caisse", two.code) == "Karim Benali ne sert plus la caisse 692.\n"
    said = staff("role", "karim@example.org", "--caisse", two.code)
    assert said == "Karim Benali : agent de guichet. Il se connecte de nouveau.\n"
    said = staff("end", "karim@example.org")
    assert said == "Le compte de Karim Benali est fermé, ses sessions aussi.\n"
    assert staff("list").startswith("fermé  karim@example.org")
    said = staff("back", "karim@example.org")
    assert said == "Le compte de Karim Benali est rouvert. Donnez-lui un code : access_code karim@example.org\n"
    code, said = staff("reset", "karim@example.org").splitlines()
    assert said == "Karim Benali n'a plus de second facteur ; ce code, remis en main propre, le fait revenir."
    assert recovery.confirm(User.objects.get(email="karim@example.org"), code)
    assert staff("reset", "karim@example.org", apply=False).count("\n") == 1  # no code is shown


def test_who_serves_two_caisses_by_one_group_leaves_neither_by_the_command(odile):
    """He would leave both: the groups are changed one by one, on their page."""
    one, two = make.CaisseFactory(), make.CaisseFactory(code="692", name="Autre caisse")
    user = karim(one)
    known = CaisseGroupGrant.objects.get(group__user=user)
    CaisseGroupGrant.objects.create(group=known.group, permission=known.permission, content_object=two)
    with pytest.raises(CommandError, match="sert aussi une autre caisse"):
        staff("leave", user.email, "--caisse", one.code)
    assert served(user) == {one.pk, two.pk}
    assert not Trace.objects.filter(event="staff_changed").exists()


def test_a_role_changes_whole(odile):
    caisse = make.CaisseFactory()
    user = karim(caisse)
    staff("role", user.email)
    user.refresh_from_db()
    assert (user.kind, user.is_superuser, served(user)) == ("operator", True, set())
    staff("role", user.email, "--caisse", caisse.code)
    user.refresh_from_db()
    assert (user.kind, user.is_superuser, served(user)) == ("agent", False, {caisse.pk})


def test_the_last_operator_neither_ends_nor_becomes_an_agent(odile):
    caisse = make.CaisseFactory()
    for words in (["end", WHO], ["role", WHO, "--caisse", caisse.code]):
        with pytest.raises(CommandError, match="dernier exploitant"):
            staff(*words)
        other = User.objects.create_user("deux@example.org", "x", kind="operator", is_active=False)
        with pytest.raises(CommandError, match="dernier exploitant"):
            staff(*words)
        other.delete()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", WHO, "O", "F"], "déjà un compte"),
        (["add", "autre@example.org", "O", "F", "--caisse", "999"], "Aucune caisse"),
        (["end", "personne@example.org"], "Aucun compte actif"),
        (["back", WHO], "Aucun compte fermé"),
        (["serve", WHO, "--caisse", "691"], "aucune caisse"),
        (["leave", WHO, "--caisse", "691"], "ne sert pas"),
    ],
)
def test_what_cannot_be_done_is_said(odile, words, said):
    with pytest.raises(CommandError, match=said):
        staff(*words)


def test_without_apply_nothing_is_done_and_no_code_is_asked(odile, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: pytest.fail("asked"))
    assert "Essai" in staff("add", "karim@example.org", "Karim", "Benali", apply=False)
    assert User.objects.count() == 1
    assert not Trace.objects.filter(event="staff_added").exists()


def test_ended_he_is_out_at_once_and_his_account_stays_until_it_is_taken_back(settings, odile):
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    user = doors.staff("agent")
    browser = doors.signed_in(user)
    assert browser.get("/guichet/").status_code == 200
    staff("end", user.email)
    assert browser.get("/guichet/").status_code == 302
    with pytest.raises(CommandError):
        staff("end", user.email)
    staff("back", user.email)
    user.refresh_from_db()
    assert user.is_active and not user.has_usable_password()
    assert not Authenticator.objects.filter(user=user).exists()


def test_a_lost_telephone_is_forgotten_and_only_the_code_brings_back(settings, odile):
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    user = doors.staff("agent")
    browser = doors.signed_in(user)
    code = staff("reset", user.email).splitlines()[0]
    assert browser.get("/guichet/").status_code == 302
    assert not Authenticator.objects.filter(user=user).exists()
    assert recovery.waiting(user) is not None
    assert recovery.confirm(user, code)


# -- who signs -----------------------------------------------------------------------------------------------
def test_the_first_operator_is_made_by_the_installation_and_nobody_after_him(monkeypatch):
    staff("add", WHO, "Odile", "Fournier", by="")
    odile = User.objects.get()
    assert odile.history.get().history_user_id == "operator:installation"
    call_command("access_code", WHO, reason="mise en service", apply=True, stdout=io.StringIO())
    assert Trace.objects.get(event="access_code_given").actor_id == "installation"
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(odile, secret)
    with pytest.raises(CommandError, match="qui agit"):
        staff("add", "deux@example.org", "Deux", "F", by="")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "000000")
    with pytest.raises(CommandError, match="n'est pas celui d'un exploitant"):
        staff("add", "deux@example.org", "Deux", "F")
    right = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    monkeypatch.setattr("getpass.getpass", lambda prompt: right)
    for other in ({"kind": "agent"}, {"is_active": False}):
        User.objects.filter(pk=odile.pk).update(**other)
        with pytest.raises(CommandError, match="n'est pas celui d'un exploitant"):
            staff("add", "deux@example.org", "Deux", "F")
        User.objects.filter(pk=odile.pk).update(kind="operator", is_active=True)
    staff("add", "deux@example.org", "Deux", "F")
    assert User.objects.get(email="deux@example.org").history.get().history_user_id == f"operator:{odile.pk}"
