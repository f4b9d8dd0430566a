"""« Mes aidants »: invited by mail and by voice, three at most, rights one by one, withdrawn at once."""

import datetime as dt
import re

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access import gate, persons, tasks
from access.facts import Act
from access.models import Invitation, Representation, User
from audit.models import Trace
from audit.scoped import uuid7
from audit.trail import Event
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db

ASKED = {"email": "paul@example.org", "rights": ["read", "trail"], "duration": "1an"}
PASSWORD = "quatre merles sur un toit"


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


@pytest.fixture
def invite(holder_client, dossier, django_capture_on_commit_callbacks):
    """Invite as the holder; the link of the mail and the code told by voice."""

    def send(**more):
        with django_capture_on_commit_callbacks(execute=True):
            answer = holder_client(dossier).post("/aidants/", ASKED | more)
        assert answer.status_code == 200, answer
        code = re.search(r'id="code">([A-Z0-9]{5} [A-Z0-9]{5})<', answer.content.decode())[1]
        link = re.search(r"/invitation/[0-9a-f]{64}/", mail.outbox[-1].body)[0]
        return link, code

    return send


def browser(user):
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def carer(dossier, email="paul@example.org", **more):
    user = make.UserFactory(email=email, first_name="Paul", last_name="Aubert")
    fields = {"role": "carer", "rights": ["read"], "recorded_by": "test"} | more
    Representation.objects.create(dossier=dossier, user=user, **fields)
    return user


def test_the_mail_says_neither_the_code_nor_whose_dossier_it_is(invite):
    _, code = invite()
    assert mail.outbox[0].to == ["paul@example.org"]
    for word in (code, code.replace(" ", ""), "Marchand", "MARCHAND", "Antoine"):
        assert word not in mail.outbox[0].body + mail.outbox[0].subject


def test_link_and_code_give_the_rights_that_were_ticked_and_no_other(invite, dossier):
    link, code = invite()
    paul = make.UserFactory(email="paul@example.org")
    assert browser(paul).post(link, {"code": code.lower()}).headers["Location"] == reverse("dossiers")
    held = Representation.objects.get(dossier=dossier, user=paul)
    assert (held.role, sorted(held.rights)) == ("carer", ["read", "trail"])
    assert dt.timedelta(days=364) < held.until - timezone.now() < dt.timedelta(days=367)
    events = Trace.objects.about(dossier.pk).order_by("seq").values_list("event", "actor_kind")
    assert list(events) == [("invited", "holder"), ("representation_added", "carer")]
    assert Notice.objects.get(dossier=dossier).kind == "carer"


RIGHTS = {
    "read": "Lire mes documents",
    "masked": "Lire aussi ceux que je masque aux professionnels",
    "deposit": "Ajouter des documents",
    "authorise": "Autoriser ou bloquer des professionnels à ma place",
    "trail": "Voir l'activité : qui a consulté mon dossier",
}


def test_the_page_says_who_helps_who_is_invited_and_whether_there_is_room(invite, dossier, holder_client):
    def shown():
        context = holder_client(dossier).get(reverse("carers")).context
        helping = [(one.user.email, rights) for one, rights in context["carers"]]
        invited = [(one.email, rights) for one, rights in context["invited"]]
        return helping, invited, context["room"]

    assert shown() == ([], [], True)
    carer(dossier, "un@example.org", rights=list(RIGHTS))
    carer(make.DossierFactory(), "autre@example.org")
    invite(email="deux@example.org", rights=["trail", "read"])
    helping = [("un@example.org", list(RIGHTS.values()))]
    invited = [("deux@example.org", [RIGHTS["read"], RIGHTS["trail"]])]
    assert shown() == (helping, invited, True)
    invite(email="trois@example.org", rights=["read"])
    assert shown() == (helping, [*invited, ("trois@example.org", [RIGHTS["read"]])], False)
    answer = holder_client(dossier).get(reverse("carers"))
    names = ("may_invite_parent", "is_open", "most", "representatives")
    assert [answer.context[name] for name in names] == [False, True, 3, []]
    assert answer.status_code == 200
    answer = holder_client(dossier).post("/aidants/", ASKED | {"email": "non"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["email"])


def test_a_minor_s_parents_and_a_guardian_are_named_parents_first(holder_client, code_tables):
    child = make.DossierFactory(minor=True)
    for role in ("guardian", "parent"):
        user = make.UserFactory(email=f"{role}@example.org")
        Representation.objects.create(dossier=child, user=user, role=role, recorded_by="test")
    context = browser(User.objects.get(email="parent@example.org")).get(reverse("carers")).context
    assert [one.role for one in context["representatives"]] == ["parent", "guardian"]
    assert context["may_invite_parent"] is True


def test_the_page_of_a_code_told_once_is_kept_nowhere(holder_client, dossier):
    answer = holder_client(dossier).post("/aidants/", ASKED)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.context["days"], answer.context["invitation"].email) == (7, "paul@example.org")
    assert re.fullmatch("[A-Z2-9]{5} [A-Z2-9]{5}", answer.context["code"])


def test_a_code_serves_once(invite, dossier):
    link, code = invite()
    paul = browser(make.UserFactory(email="paul@example.org"))
    paul.post(link, {"code": code})
    assert paul.post(link, {"code": code}).status_code == 422


def test_a_carer_who_comes_back_starts_again_on_the_same_row(invite, dossier):
    day = dt.timedelta(days=1)
    user = carer(dossier, since=timezone.now() - 9 * day, until=timezone.now() - day, rights=["deposit"])
    link, code = invite()
    assert browser(user).post(link, {"code": code}).status_code == 302
    held = Representation.objects.get(dossier=dossier, user=user)
    assert (held.rights, held.until > timezone.now()) == (["read", "trail"], True)


def test_another_s_account_does_not_accept(invite, dossier):
    link, code = invite()
    assert browser(make.UserFactory(email="eve@example.org")).post(link, {"code": code}).status_code == 422
    assert not Representation.objects.filter(dossier=dossier, role="carer").exists()


def test_five_wrong_codes_and_the_right_one_is_worthless(invite):
    link, code = invite()
    paul = browser(make.UserFactory(email="paul@example.org"))
    for _ in range(5):
        assert paul.post(link, {"code": "AAAAAAAAAA"}).status_code == 422
    assert paul.post(link, {"code": code}).status_code == 422


def test_after_a_week_the_code_opens_nothing(invite, time_machine):
    link, code = invite()
    time_machine.move_to(timezone.now() + dt.timedelta(days=7, minutes=1))
    assert browser(make.UserFactory(email="paul@example.org")).post(link, {"code": code}).status_code == 422


def test_a_cancelled_invitation_opens_nothing(invite, dossier, holder_client):
    link, code = invite()
    row = Invitation.objects.get(dossier=dossier)
    assert holder_client(dossier).post(f"/aidants/invitations/{row.pk}/annuler/").status_code == 302
    trace = Trace.objects.about(dossier.pk).filter(event="representation_ended").get()
    assert (trace.object_kind, trace.object_id) == ("person", row.pk)
    assert browser(make.UserFactory(email="paul@example.org")).post(link, {"code": code}).status_code == 422


def test_without_an_account_one_is_made_and_entered_as_any_other(invite, dossier):
    link, code = invite()
    stranger = Client()
    assert stranger.get(link).status_code == 200
    sent = {"code": code, "given": "Paul", "family": "Aubert", "password": PASSWORD}
    stranger.post(link, sent)
    user = User.objects.get(email="paul@example.org")
    assert user.check_password(PASSWORD)
    assert Representation.objects.filter(dossier=dossier, user=user, role="carer").exists()
    assert "login" in stranger.get("/dossiers/").headers["Location"]  # the link and the code open no session


def test_without_an_account_a_wrong_code_makes_none(invite):
    link, _ = invite()
    sent = {"code": "AAAAAAAAAA", "given": "Paul", "family": "Aubert", "password": PASSWORD}
    assert Client().post(link, sent).status_code == 422
    assert not User.objects.filter(email="paul@example.org").exists()


def test_an_invitation_never_made_looks_as_one_that_waits(invite, client):
    link, _ = invite()
    unknown = "/invitation/" + "0" * 64 + "/"
    token = re.compile(rb'value="[A-Za-z0-9]{64}"')
    pages = [token.sub(b"", Client().get(path).content.replace(path.encode(), b"")) for path in (link, unknown)]
    assert pages[0] == pages[1]


def test_three_carers_waiting_ones_included(holder_client, dossier, invite):
    carer(dossier, "a@example.org")
    carer(dossier, "b@example.org")
    invite()
    answer = holder_client(dossier).post("/aidants/", ASKED | {"email": "d@example.org"})
    assert answer.status_code == 422
    assert Invitation.objects.filter(dossier=dossier).count() == 1
    assert holder_client(dossier).get("/aidants/").context["room"] is False


def test_a_person_helps_five_at_most(invite, code_tables):
    link, code = invite()
    paul = make.UserFactory(email="paul@example.org")
    for _ in range(5):
        Representation.objects.create(dossier=make.DossierFactory(), user=paul, role="carer", recorded_by="test")
    assert browser(paul).post(link, {"code": code}).status_code == 422


@pytest.mark.parametrize(
    "sent", [{"rights": []}, {"rights": ["masked"]}, {"rights": ["manage"]}, {"duration": "toujours"}, {"email": "x"}]
)
def test_what_is_not_said_clearly_invites_nobody(holder_client, dossier, sent):
    assert holder_client(dossier).post("/aidants/", ASKED | sent).status_code == 422
    assert not Invitation.objects.filter(dossier=dossier).exists()


def test_withdrawn_the_next_request_finds_nothing(holder_client, dossier):
    paul = carer(dossier)
    his = browser(paul)
    assert his.get("/documents/").status_code == 200
    row = Representation.objects.get(dossier=dossier, user=paul)
    assert holder_client(dossier).post(f"/aidants/{row.pk}/retirer/").status_code == 302
    assert his.get("/documents/").status_code == 404
    assert Trace.objects.about(dossier.pk).filter(event="representation_ended").count() == 1
    assert row.history.latest().history_user_id == f"holder:{make.holder_of(dossier).pk}"


def test_another_dossier_s_carer_is_not_ended_from_here(holder_client, dossier):
    other = make.DossierFactory()
    carer(other)
    row = Representation.objects.get(dossier=other, role="carer")
    assert holder_client(dossier).post(f"/aidants/{row.pk}/retirer/").status_code == 404
    row.refresh_from_db()
    assert row.until is None


def test_a_carer_invites_nobody(dossier):
    paul = carer(dossier, rights=["read", "masked", "deposit", "authorise", "trail"])
    assert browser(paul).get("/aidants/").status_code == 404
    assert browser(paul).post("/aidants/", ASKED | {"email": "eve@example.org"}).status_code == 404


# -- the second parent ----------------------------------------------------------------------------------
@pytest.fixture
def child(code_tables):
    dossier = make.DossierFactory(minor=True)
    make.holder_of(dossier, "parent")
    return dossier


def invite_parent(child, callbacks, email="pere@example.org"):
    mother = browser(make.holder_of(child, "parent"))
    with callbacks(execute=True):
        return mother.post("/aidants/parent/", {"email": email})


def test_a_parent_invites_the_other_with_the_same_rights(child, django_capture_on_commit_callbacks):
    answer = invite_parent(child, django_capture_on_commit_callbacks)
    code = re.search(r'id="code">([A-Z0-9 ]{11})<', answer.content.decode())[1]
    link = re.search(r"/invitation/[0-9a-f]{64}/", mail.outbox[-1].body)[0]
    father = make.UserFactory(email="pere@example.org")
    his = browser(father)
    assert his.post(link, {"code": code}).status_code == 302
    assert Representation.objects.get(dossier=child, user=father).role == "parent"
    assert his.get("/documents/").status_code == 200
    assert Trace.objects.about(child.pk).filter(event="representation_added", actor_kind="representative").exists()


def test_two_parents_at_most(child, django_capture_on_commit_callbacks):
    Representation.objects.create(dossier=child, user=make.UserFactory(), role="parent", recorded_by="test")
    assert invite_parent(child, django_capture_on_commit_callbacks).status_code == 422


def test_nobody_invites_a_parent_of_an_adult(holder_client, dossier):
    assert holder_client(dossier).post("/aidants/parent/", {"email": "pere@example.org"}).status_code == 422


def test_an_invitation_of_a_parent_dies_with_the_majority(child, django_capture_on_commit_callbacks, time_machine):
    born = child.patient.birth_date
    time_machine.move_to(dt.datetime(born.year + 18, born.month, born.day, tzinfo=dt.UTC) - dt.timedelta(days=2))
    answer = invite_parent(child, django_capture_on_commit_callbacks)
    code = re.search(r'id="code">([A-Z0-9 ]{11})<', answer.content.decode())[1]
    link = re.search(r"/invitation/[0-9a-f]{64}/", mail.outbox[-1].body)[0]
    time_machine.shift(dt.timedelta(days=3))
    assert browser(make.UserFactory(email="pere@example.org")).post(link, {"code": code}).status_code == 422


@pytest.mark.parametrize(("email", "said"), [("b@example.org", "déjà des droits"), ("c@example.org", "déjà invitée")])
def test_who_is_in_or_invited_is_not_invited_again(holder_client, dossier, invite, email, said):
    carer(dossier, "b@example.org")
    invite(email="c@example.org")
    answer = holder_client(dossier).post("/aidants/", ASKED | {"email": email.upper()})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)


def test_nobody_is_invited_into_a_closed_dossier(holder_client):
    closed = make.DossierFactory(closed=True)
    answer = holder_client(closed).post("/aidants/", ASKED)
    assert (answer.status_code, "Ce dossier est fermé" in answer.content.decode()) == (422, True)


def test_no_right_is_no_invitation(dossier):
    with (
        pytest.raises(ValidationError, match="au moins une chose"),
        gate.enter(make.holder(dossier), Act.MANAGE, Event.INVITED, dossier_id=dossier.pk) as entry,
    ):
        persons.invite_carer(entry, "paul@example.org", rights=[], until=timezone.now())


def test_who_has_an_account_signs_in_instead_of_making_another(invite):
    link, code = invite()
    make.UserFactory(email="paul@example.org")
    sent = {"code": code, "given": "Paul", "family": "Aubert", "password": PASSWORD}
    answer = Client().post(link, sent)
    assert (answer.status_code, "Vous avez déjà un compte" in answer.content.decode()) == (422, True)


def test_a_link_cut_by_the_mail_program_is_not_found(client):
    assert client.get("/invitation/abc/").status_code == 404


def test_a_carer_whose_rights_end_while_he_looks_is_out(dossier):
    user = carer(dossier)
    client = browser(user)
    assert client.get("/").status_code == 200
    Representation.objects.filter(user=user).update(until=timezone.now())
    assert client.get("/").status_code in (302, 403, 404)
    assert "MARCHAND" not in client.get("/", follow=True).content.decode()


def test_an_invitation_cancelled_before_its_mail_left_sends_none(dossier):
    tasks.send_invitation(str(dossier.pk), str(uuid7()))
    assert mail.outbox == []


def test_who_represents_the_holder_by_law_is_told_on_the_page(holder_client, dossier):
    guardian = make.holder_of(dossier, "guardian")
    type(guardian).objects.filter(pk=guardian.pk).update(first_name="Solange", last_name="Tutrice")
    page = holder_client(dossier).get("/aidants/").content.decode()
    assert "Solange Tutrice" in page
