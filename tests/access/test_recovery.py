"""A mailbox alone never opens an account: after a password remade by e-mail, a way that is not the mailbox."""

import datetime as dt
import io
import re
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import clear_url_caches, reverse
from django.utils import timezone

from access import recovery, sign_in, tasks
from access.models import CaisseGroupGrant, Recovery, User
from audit.models import Trace
from patients.models import IdentityIndex, InsuredPerson, Notice
from tests import factories as make
from tests.access import entrance

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "cheval correct agrafe pile", "quatre merles sur un toit"


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def holder(dossier):
    user = make.holder_of(dossier)
    user.set_password(OLD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def on_file(dossier):
    """The same person in the insured persons' register."""
    lookup = IdentityIndex.objects.get(dossier_id=dossier.pk).lookup
    return make.InsuredFactory(lookup=lookup, sealed_matricule=dossier.patient.sealed_matricule)


@pytest.fixture
def agent():
    user = User.objects.create_user("karim@cpam.example.org", "x", kind="agent", is_staff=True, first_name="Karim")
    group = Group.objects.create(name="Rhône")
    user.groups.add(group)
    permission = Permission.objects.get(codename="serve_caisse")
    CaisseGroupGrant.objects.create(group=group, permission=permission, content_object=make.CaisseFactory())
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    return user


def reset(client, user, outbox, password=NEW):
    """What whoever reads the mailbox can do: ask for the link, follow it, choose a password."""
    client.post(reverse("account_reset_password"), {"email": user.email})
    link = re.search(r"http://[^/]+(\S+)", outbox[-1].body)[1]
    form = client.get(link).headers["Location"]
    return client.post(form, {"password1": password, "password2": password})


def enter(client, user, outbox, password=NEW):
    """Password and mailed code."""
    client.post(reverse("account_login"), {"login": user.email, "password": password})
    code = re.search(r"^\s*([0-9A-Z]{3,4}-?[0-9A-Z]{3,4})\s*$", outbox[-1].body, re.M)[1]
    return client.post(reverse("account_confirm_login_code"), {"code": code})


def type_code(client, code):
    return client.post(reverse("account_counter_code"), {"code": code})


def signed_in(client):
    return "_auth_user_id" in client.session


def handed(user):
    return recovery.hand_over(user, by=user.actor(), evidence="passeport")


# -- the mailbox alone ---------------------------------------------------------------------------
def test_the_mailbox_alone_opens_nothing(client, holder, mailoutbox):
    reset(client, holder, mailoutbox)
    assert not signed_in(client)
    assert enter(client, holder, mailoutbox).headers["Location"] == reverse("account_counter_code")
    assert not signed_in(client)
    for path in ("/", "/documents/", "/profil/", reverse("mfa_activate_totp"), reverse("account_change_password")):
        client.get(path)
        assert not signed_in(client), path


def test_the_reset_again_opens_nothing_more(client, holder, mailoutbox):
    for password in (NEW, "un autre mot bien long", NEW):
        reset(client, holder, mailoutbox, password)
    enter(client, holder, mailoutbox)
    assert not signed_in(client)


def test_the_page_of_the_code_is_only_for_who_gave_password_and_mailed_code(client, holder, mailoutbox):
    reset(client, holder, mailoutbox)
    for answer in (client.get(reverse("account_counter_code")), type_code(client, handed(holder))):
        assert answer.headers["Location"] == reverse("account_login")
    assert not signed_in(client)


def test_without_a_reset_signing_in_is_as_before(client, holder, mailoutbox):
    enter(client, holder, mailoutbox, OLD)
    assert signed_in(client)


def test_a_reset_ends_the_open_sessions_and_is_told_and_traced(client, holder, mailoutbox, dossier):
    elsewhere = Client()
    enter(elsewhere, holder, mailoutbox, OLD)
    assert elsewhere.get("/").status_code == 200
    reset(client, holder, mailoutbox)
    assert elsewhere.get("/profil/").status_code == 302
    assert Notice.objects.get(kind="password_reset").dossier_id == dossier.pk
    assert Trace.objects.get(event="password_reset").dossier_id == dossier.pk


def test_a_sign_in_begun_before_the_last_reset_is_void(client, holder, mailoutbox):
    """Whoever waits at the last page with a former password does not enter with another's code."""
    reset(client, holder, mailoutbox)
    waiting = Client()
    enter(waiting, holder, mailoutbox)
    reset(client, holder, mailoutbox, "le mot de la vraie personne")
    enter(client, holder, mailoutbox, "le mot de la vraie personne")
    code = handed(holder)
    assert type_code(waiting, code).headers["Location"] == reverse("account_login")
    assert not signed_in(waiting)
    type_code(client, code)
    assert signed_in(client)


def test_the_answer_is_the_same_for_an_account_that_does_not_exist(client, holder, mailoutbox):
    known = client.post(reverse("account_reset_password"), {"email": holder.email}, follow=True)
    unknown = client.post(reverse("account_reset_password"), {"email": "inconnu@example.org"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    hidden = re.compile(rb'value="[^"]*"')
    assert hidden.sub(b"", known.content) == hidden.sub(b"", unknown.content)
    assert not Recovery.objects.exists()


# -- each way opens -----------------------------------------------------------------------------------
def test_the_code_of_the_counter_opens_it_once(client, holder, mailoutbox, dossier):
    reset(client, holder, mailoutbox)
    code = handed(holder)
    enter(client, holder, mailoutbox)
    assert type_code(client, f"{code[:5].lower()} {code[5:]}").headers["Location"] == reverse("home")
    assert client.get("/").status_code == 200
    assert Trace.objects.latest("at").means == "password+code+counter_code"
    assert Trace.objects.filter(event="access_restored", allowed=True, dossier_id=dossier.pk).count() == 1
    again = Client()
    enter(again, holder, mailoutbox)
    assert signed_in(again)  # found again: back to two factors
    reset(again, holder, mailoutbox)
    other = Client()
    enter(other, holder, mailoutbox)
    assert type_code(other, code).status_code == 422
    assert not signed_in(other)


def test_an_application_of_codes_passes_by_it(client, holder, mailoutbox):
    secret = generate_totp_secret()
    TOTP.activate(holder, secret)
    reset(client, holder, mailoutbox)
    client.post(reverse("account_login"), {"login": holder.email, "password": NEW})
    assert not signed_in(client)
    client.post(
        reverse("mfa_authenticate"), {"code": f"{hotp_value(secret, next(yield_hotp_counters_from_time())):06d}"}
    )
    assert signed_in(client)
    assert recovery.waiting(holder) is None


def test_the_letter_goes_to_the_address_on_file_and_its_code_opens(
    client, holder, on_file, mailoutbox, settings, time_machine
):
    asked = timezone.now()
    time_machine.move_to(asked, tick=False)
    reset(client, holder, mailoutbox)
    enter(client, holder, mailoutbox)
    assert "par la poste" in client.get(reverse("account_counter_code")).content.decode()
    client.post(reverse("account_counter_code"), {"letter": "1"})
    (letter,) = (settings.MEDIA_ROOT / "letters").glob("acces-*.pdf")
    assert letter.read_bytes().startswith(b"%PDF")
    client.post(reverse("account_counter_code"), {"letter": "1"})
    assert len(list((settings.MEDIA_ROOT / "letters").iterdir())) == 1
    assert Recovery.objects.get().expires_at - asked == dt.timedelta(weeks=6)
    assert not signed_in(client)


def test_the_code_of_a_letter_opens(client, holder, on_file, mailoutbox):
    reset(client, holder, mailoutbox)
    code = recovery.make_letter_code(holder)
    enter(client, holder, mailoutbox)
    type_code(client, code)
    assert signed_in(client)


def test_no_letter_without_an_address_on_file(client, holder, mailoutbox, settings):
    assert not InsuredPerson.objects.exists()
    reset(client, holder, mailoutbox)
    enter(client, holder, mailoutbox)
    assert "Recevoir le code par la poste" not in client.get(reverse("account_counter_code")).content.decode()
    client.post(reverse("account_counter_code"), {"letter": "1"})
    assert not (settings.MEDIA_ROOT / "letters").exists()


# -- the code wears out ------------------------------------------------------------------------------------
def test_five_wrong_codes_wear_it_out_and_another_reset_gives_no_more_tries(client, holder, mailoutbox):
    reset(client, holder, mailoutbox)
    code = handed(holder)
    enter(client, holder, mailoutbox)
    for _ in range(4):
        assert type_code(client, "AAAAA AAAAA").status_code == 422
    client = Client()
    reset(client, holder, mailoutbox)
    enter(client, holder, mailoutbox)
    assert type_code(client, "AAAAA AAAAA").status_code == 422
    assert type_code(client, code).status_code == 422
    assert not signed_in(client)
    assert Trace.objects.filter(event="access_restored", allowed=False).count() == 6


@pytest.mark.parametrize(("after", "opens"), [(dt.timedelta(hours=47), True), (dt.timedelta(hours=49), False)])
def test_a_code_of_the_counter_is_good_for_two_days(client, holder, mailoutbox, time_machine, after, opens):
    given = timezone.now()
    time_machine.move_to(given, tick=False)
    reset(client, holder, mailoutbox)
    code = handed(holder)
    time_machine.move_to(given + after, tick=False)
    enter(client, holder, mailoutbox)
    type_code(client, code)
    assert signed_in(client) is opens


def test_a_new_code_makes_the_former_worthless(client, holder, mailoutbox):
    reset(client, holder, mailoutbox)
    former, latter = handed(holder), handed(holder)
    enter(client, holder, mailoutbox)
    assert type_code(client, former).status_code == 422
    type_code(client, latter)
    assert signed_in(client)


def test_the_code_is_kept_as_a_digest_only(holder):
    code = handed(holder)
    row = Recovery.objects.get()
    assert len(row.code_digest) == 32
    assert code.encode() not in bytes(row.code_digest)
    assert code not in str(list(Trace.objects.values()))


# -- the counter -----------------------------------------------------------------------------------------
@pytest.fixture
def counter(agent, on_file, dossier):
    """A browser at the counter, the person found."""
    clear_url_caches()
    with override_settings(ROOT_URLCONF="dmp.urls_backoffice"):
        client = Client()
        client.force_login(agent, backend="allauth.account.auth_backends.AuthenticationBackend")
        found = client.post("/guichet/", {"number": on_file.ins.matricule, "oid": on_file.oid, "reason": "presente"})
        assert found.headers["Location"] == "/guichet/personne/"
        yield client
    clear_url_caches()


def give(counter, user, **more):
    fields = {"account": str(user.pk), "way": "remis", "evidence": "passeport", "checked": "on"} | more
    return counter.post("/guichet/acces/", fields)


def test_the_counter_gives_a_code_after_seeing_a_paper(counter, holder, dossier, agent, settings):
    assert "Redonner l'accès" in counter.get("/guichet/personne/").content.decode()
    for missing in ("evidence", "checked"):
        assert give(counter, holder, **{missing: ""}).status_code == 422
    assert not Recovery.objects.exists()
    answer = give(counter, holder)
    page = answer.content.decode()
    hours = answer.context["until"] - timezone.now()
    assert dt.timedelta(hours=47, minutes=59) < hours <= dt.timedelta(hours=48)
    assert (answer.context["account"], answer.context["portal"]) == (holder, settings.PORTAL_URL)
    assert answer.context["title"] == "Code remis au guichet"
    code = re.search(r"<strong>([A-Z2-9]{5} [A-Z2-9]{5})</strong>", page)[1]
    trace = Trace.objects.get(event="access_code_given")
    assert (trace.dossier_id, trace.actor_id) == (dossier.pk, str(agent.pk))
    assert trace.detail == {"way": "guichet", "evidence": "passeport"}
    assert Notice.objects.filter(kind="access_code", dossier_id=dossier.pk).count() == 1
    assert recovery.confirm(holder, code)


def test_the_counter_sends_a_letter_without_seeing_the_code(counter, holder, settings):
    answer = give(counter, holder, way="courrier", evidence="", checked="")
    assert answer.headers["Location"] == "/guichet/personne/"
    assert len(list((settings.MEDIA_ROOT / "letters").iterdir())) == 1
    assert give(counter, holder, way="courrier").status_code == 422


def test_the_counter_gives_nothing_to_an_account_of_another_dossier(counter, holder):
    other = make.holder_of(make.DossierFactory())
    assert give(counter, other).status_code == 422
    assert not Recovery.objects.exists()


def test_many_codes_in_a_minute_are_stopped(counter, holder, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    assert [give(counter, holder).status_code for _ in range(6)] == [200] * 5 + [422]


# -- staff: no counter for them ------------------------------------------------------------------------------
def test_the_operator_gives_a_code_to_staff_only(holder, agent, odile):
    out = io.StringIO()
    signed = {"by": odile.email, "reason": "prise de poste", "stdout": out}
    call_command("access_code", agent.email, **signed)
    assert recovery.waiting(agent) is None and "Essai" in out.getvalue()
    out.truncate(out.seek(0))
    call_command("access_code", agent.email, apply=True, **signed)
    assert recovery.confirm(agent, out.getvalue().splitlines()[0])
    assert Trace.objects.get(event="access_code_given").actor_name == "Odile Fournier"
    with pytest.raises(CommandError, match="au guichet"):
        call_command("access_code", holder.email, **signed)


def test_without_a_reason_the_operator_gives_no_code(agent, odile):
    out = io.StringIO()
    with pytest.raises(CommandError, match="Dites pourquoi : --reason"):
        call_command("access_code", agent.email, by=odile.email, reason=" ", apply=True, stdout=out)
    assert (recovery.waiting(agent), out.getvalue()) == (None, "")
    assert not Trace.objects.filter(event="access_code_given").exists()


def test_a_password_remade_while_the_mailed_code_was_awaited_voids_the_sign_in(client, holder, mailoutbox):
    waiting = Client()
    waiting.post(reverse("account_login"), {"login": holder.email, "password": OLD})
    code = entrance.code_in(mailoutbox[-1])
    reset(client, holder, mailoutbox)
    assert waiting.post(reverse("account_confirm_login_code"), {"code": code}).status_code == 302
    assert not signed_in(waiting)


def test_a_code_handed_to_an_account_given_back_shuts_it_again(client, holder, mailoutbox):
    reset(client, holder, mailoutbox)
    enter(client, holder, mailoutbox)
    type_code(client, handed(holder))
    assert Recovery.objects.get(user=holder).restored_at is not None
    handed(holder)
    assert Recovery.objects.get(user=holder).restored_at is None


def test_one_letter_at_a_time(holder, on_file):
    assert recovery.make_letter_code(holder)
    assert recovery.make_letter_code(holder) is None


@pytest.mark.parametrize(("days", "goes"), [(6, False), (8, True)])
def test_once_its_code_has_served_another_letter_waits_a_week(holder, on_file, time_machine, days, goes):
    time_machine.move_to(dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC), tick=False)
    assert recovery.confirm(holder, recovery.make_letter_code(holder))
    time_machine.shift(dt.timedelta(days=days))
    assert (recovery.make_letter_code(holder) is not None) is goes


def test_a_task_that_runs_twice_writes_one_letter(holder, on_file, settings):
    for _ in range(2):
        tasks.write_access_letter(str(holder.pk))
    assert len(list((settings.MEDIA_ROOT / "letters").iterdir())) == 1


@pytest.mark.parametrize(("given", "proven"), [(["password", "mfa"], True), (["mfa"], False), ([], False)])
def test_a_second_factor_gives_back_only_with_the_password(monkeypatch, holder, given, proven):
    """A passkey alone says nothing of who remade the password."""
    Authenticator.objects.create(user=holder, type=Authenticator.Type.TOTP, data={"secret": "x"})
    recovery.password_reset(holder)
    records = [{"method": method} for method in given]
    monkeypatch.setattr(sign_in, "get_authentication_records", lambda request, user: records)
    stage = sign_in.CounterCodeStage(None, None, SimpleNamespace(user=holder, state={}))
    assert stage.handle() == (None, True)
    assert (recovery.waiting(holder) is None) is proven


def test_a_sign_in_that_a_remade_password_made_void_begins_again(monkeypatch, holder):
    recovery.password_reset(holder)
    said = []
    monkeypatch.setattr(sign_in.messages, "error", lambda request, words: said.append(words))
    begun = timezone.now().timestamp()
    stages = [
        sign_in.CounterCodeStage(None, None, SimpleNamespace(user=holder, state={}, initiated_at=begun + seconds))
        for seconds in (-3600, 3600)
    ]
    answer, goes_on = stages[0].handle()
    assert (answer.url, goes_on) == (reverse("account_login"), False)
    assert said == ["Le mot de passe a changé entre-temps : recommencez avec le nouveau."]
    answer, goes_on = stages[1].handle()
    assert (answer.url, goes_on) == (reverse("account_counter_code"), True)
