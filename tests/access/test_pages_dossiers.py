"""Which dossier a person is looking at: chosen in plain sight, asked again at the gate."""

import datetime as dt

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse
from django.utils import timezone

from access import gate, holder
from access.models import Representation
from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def own(code_tables):
    return make.DossierFactory()


def represent(user, dossier, role="parent", **fields):
    since = timezone.now() - dt.timedelta(days=1)
    return Representation.objects.create(
        dossier=dossier, user=user, role=role, recorded_by="test", **({"since": since} | fields)
    )


def test_the_only_dossier_is_chosen_by_itself(holder_client, own):
    answer = holder_client(own).get(reverse("home"))
    assert answer.status_code == 200


def test_a_parent_chooses_first(holder_client, own):
    client = holder_client(own)
    child = make.DossierFactory(minor=True)
    represent(make.holder_of(own), child)
    assert client.get(reverse("home")).headers["Location"] == reverse("dossiers")
    answer = client.get(reverse("dossiers")).content.decode()
    assert "votre dossier" in answer
    assert "vous êtes son parent" in answer


def test_each_choice_says_in_which_quality(own):
    user, child = make.holder_of(own), make.DossierFactory(minor=True)
    represent(user, child)
    assert [(one.dossier_id, one.role) for one in holder.choices(user)] == [(own.pk, "holder"), (child.pk, "parent")]


def test_what_is_kept_of_a_choice_is_what_pages_show(rf, own):
    request = rf.get("/")
    request.session = SessionStore()
    kept = holder.Choice(own.pk, "Antoine Marchand", "vous êtes son aidant", Representation.Role.CARER, ("read",))
    holder.choose(request, kept, several=True)
    assert request.session[holder.SESSION_KEY] == {
        "id": own.pk.hex,
        "name": "Antoine Marchand",
        "quality": "vous êtes son aidant",
        "several": True,
        "carer": True,
        "rights": ["read"],
    }
    before = request.session.session_key
    holder.choose(request, holder.Choice(own.pk, "A", "votre dossier"), several=False)
    assert request.session.session_key != before  # another quality, another key
    assert request.session[holder.SESSION_KEY] == {
        "id": own.pk.hex, "name": "A", "quality": "votre dossier", "several": False, "carer": False, "rights": [],
    }  # fmt: skip


def test_what_a_carer_may_do_is_asked_anew_of_the_table(rf, own):
    request, user = rf.get("/"), make.UserFactory()
    request.user, request.session = user, SessionStore()
    row = represent(user, own, "carer", rights=["read"])
    assert holder.carers_rights(request) == ("read",)
    Representation.objects.filter(dossier=own, pk=row.pk).update(rights=["trail", "read"])
    assert holder.carers_rights(request) == ("read", "trail")
    assert request.session[holder.SESSION_KEY]["rights"] == ["read", "trail"]
    assert request.session.modified
    Representation.objects.filter(dossier=own, pk=row.pk).update(until=timezone.now())
    with pytest.raises(gate.Absent):
        holder.carers_rights(request)
    assert holder.SESSION_KEY not in request.session
    with pytest.raises(holder.NotChosen):
        holder.carers_rights(request)


def test_who_is_no_carer_has_no_list_of_rights(rf, own):
    request = rf.get("/")
    request.user, request.session = make.holder_of(own), SessionStore()
    assert holder.carers_rights(request) is None


def test_the_quality_of_each_dossier_is_in_its_trail(holder_client, own):
    client, user = holder_client(own), make.holder_of(own)
    child = make.DossierFactory(minor=True)
    represent(user, child)
    for dossier in (own, child):
        client.post(reverse("dossiers"), {"dossier": dossier.pk.hex})
        assert client.get(reverse("home")).status_code == 200
    kinds = {
        dossier: set(Trace.objects.about(dossier.pk).values_list("actor_kind", flat=True)) for dossier in (own, child)
    }
    assert kinds == {own: {"holder"}, child: {"representative"}}


def test_another_session_key_for_another_quality(holder_client, own):
    client = holder_client(own)
    represent(make.holder_of(own), child := make.DossierFactory(minor=True))
    client.post(reverse("dossiers"), {"dossier": own.pk.hex})
    before = client.session.session_key
    client.post(reverse("dossiers"), {"dossier": child.pk.hex})
    assert client.session.session_key != before


def test_a_dossier_of_somebody_else_is_not_found(holder_client, own):
    client = holder_client(own)
    other = make.DossierFactory()
    assert client.post(reverse("dossiers"), {"dossier": other.pk.hex}).status_code == 404
    assert client.post(reverse("dossiers"), {"dossier": "x"}).status_code == 404


def test_a_choice_is_no_right(holder_client, own):
    """The representation ends while the session lives: the gate asks again, and the refusal is traced."""
    client = holder_client(own)
    link = represent(make.holder_of(own), child := make.DossierFactory(minor=True))
    client.post(reverse("dossiers"), {"dossier": child.pk.hex})
    assert client.get(reverse("documents:list")).status_code == 200
    link.until = timezone.now()
    link.save(update_fields=["until"])
    for name in ("home", "documents:list", "autorisations", "activity", "profile"):
        assert client.get(reverse(name)).status_code == 404
    assert Trace.objects.about(child.pk).filter(allowed=False, ground="not_concerned").count() == 5


@pytest.mark.parametrize(("rights", "status"), [([], 404), (["read"], 200)])
def test_a_carer_reads_what_he_was_given(client, own, rights, status):
    user = make.UserFactory()
    represent(user, own, role="carer", rights=rights)
    client.force_login(user, backend=BACKEND)
    assert client.get(reverse("documents:list")).status_code == status


@pytest.mark.parametrize("kind", ["agent", "operator"])
def test_an_account_of_another_kind_never_lands_here(client, own, kind):
    """Even with a representation on record (A8). A professional's session: test_psc_session."""
    user = make.UserFactory(kind=kind, is_staff=True)
    represent(user, own, role="holder")
    client.force_login(user, backend=BACKEND)
    for name in ("home", "documents:list", "documents:add", "autorisations", "activity", "profile", "dossiers"):
        assert client.get(reverse(name)).status_code == 403
    assert not Trace.objects.about(own.pk).exists()


def test_nobody_signed_in_is_sent_to_the_sign_in_page(client, own):
    for name in ("documents:list", "autorisations", "activity", "profile"):
        assert client.get(reverse(name)).headers["Location"].startswith(reverse("account_login"))


def test_no_answer_is_kept_by_a_cache(holder_client, own):
    answer = holder_client(own).get(reverse("home"))
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("role", "years"), [("parent", 30), ("holder", 12)])
def test_whose_quality_ended_or_has_not_begun_with_the_age_chooses_nothing(role, years):
    born = timezone.localdate() - dt.timedelta(days=round(years * 365.25))
    user = make.UserFactory()
    represent(user, make.DossierFactory(birth_date=born), role=role)
    assert list(holder.choices(user)) == []


def test_the_menu_follows_the_rights_of_a_carer_as_they_change(client, own):
    user = make.UserFactory()
    row = represent(user, own, role="carer", rights=["read"])
    client.force_login(user, backend=BACKEND)
    client.get(reverse("documents:list"))
    assert client.session["dossier"]["rights"] == ["read"]
    type(row).objects.filter(pk=row.pk).update(rights=["read", "trail"])
    client.get(reverse("documents:list"))
    assert client.session["dossier"]["rights"] == ["read", "trail"]
