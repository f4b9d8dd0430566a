"""Who can see a dossier, who could, who is blocked: one line a person, in words, the strongest standing first."""

import datetime as dt
from types import SimpleNamespace

import pytest

from access import overview
from access.facts import Role
from access.models import Block
from tests import factories as make

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


def permit(dossier, who, right="consult_dossier", **more):
    return make.permit(dossier, who, right, **{"since": NOW - 9 * DAY, "until": NOW + 9 * DAY} | more)


def ids(standings):
    return [one.id for one in standings]


def test_an_authorisation_is_told_whole(dossier):
    who = make.ProfessionalFactory(family="CARON", given="Inès")
    permit(dossier, who, granted_by="holder:1", source="page")
    permit(make.DossierFactory(), make.ProfessionalFactory())
    found = overview.of(dossier.pk)
    (one,) = found.current
    assert (one.id, one.profession, one.treating, one.authorised, one.blocked) == (
        who.pk,
        "Médecin",
        False,
        True,
        False,
    )
    assert one.name == overview.polite(who.name)
    assert (one.since, one.until, one.limits) == (NOW - 9 * DAY, NOW + 9 * DAY, "")
    assert one.recorded == "par le titulaire, sur ce site"
    assert one.last_day == NOW + 9 * DAY - dt.timedelta(seconds=1)
    assert (found.treating, found.blocked, found.past) == (None, (), ())


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("holder:1", "par le titulaire, sur ce site"),
        ("representative:1", "par un représentant légal, sur ce site"),
        ("professional:8", "par ce professionnel, avec l'accord donné en consultation"),
        ("carer:1", "par un aidant, sur ce site"),
        ("counter:1", "au guichet"),
        ("system:dmp", "reprise"),
    ],
)
def test_who_gave_it_is_told_in_words(by, words):
    assert overview.recorded(by, "reprise") == words


def test_what_it_is_limited_to_is_told_in_words(code_tables):
    assert overview.limits("general", []) == ""
    assert overview.limits("emergency", []) == "seulement en cas d'urgence"
    first, second = overview.terms.display("families", "ordonnances"), overview.terms.display("families", "imagerie")
    assert overview.limits("limited", ["ordonnances", "imagerie"]) == f"{first}, {second}"


@pytest.mark.parametrize(
    ("since", "until", "group"),
    [
        (NOW, NOW + DAY, "current"),
        (NOW - DAY, None, "current"),
        (NOW - DAY, NOW, "past"),
        (NOW + DAY, NOW + 2 * DAY, "past"),
    ],
)
def test_a_right_holds_until_its_end_excluded(dossier, since, until, group):
    who = make.ProfessionalFactory()
    permit(dossier, who, "consult_masked", since=since, until=until)
    found = overview.of(dossier.pk)
    assert {name for name in ("current", "past") if getattr(found, name)} == {group}
    assert found.of(who.pk).until == until


def test_the_treating_doctor_comes_first_then_the_others_by_name(dossier):
    people = {name: make.ProfessionalFactory(family=name) for name in ("ZOLA", "BERT", "CARON")}
    permit(dossier, people["ZOLA"], "consult_masked", until=None)
    permit(dossier, people["CARON"])
    permit(dossier, people["BERT"])
    found = overview.of(dossier.pk)
    assert ids(found.current) == [people[name].pk for name in ("ZOLA", "BERT", "CARON")]
    assert found.treating.id == people["ZOLA"].pk
    assert (found.treating.treating, found.treating.authorised, found.treating.last_day) == (True, False, None)


@pytest.mark.parametrize("treating_since", [NOW - DAY, NOW - 99 * DAY])
def test_who_is_both_is_one_line_with_both(dossier, treating_since):
    who = make.ProfessionalFactory()
    permit(dossier, who, granted_by="professional:8")
    permit(dossier, who, "consult_masked", since=treating_since, until=None, granted_by="holder:1")
    (one,) = overview.of(dossier.pk).current
    assert (one.treating, one.authorised, one.until) == (True, True, None)
    assert one.recorded == "par le titulaire, sur ce site"


def test_a_block_before_a_right_and_a_right_before_a_memory(dossier):
    who, other, lifted = (make.ProfessionalFactory() for _ in range(3))
    block = make.forbid(dossier, who)
    Block.objects.filter(pk=block.pk).update(since=NOW - DAY)
    permit(dossier, who, until=NOW)
    permit(dossier, other)
    old = make.forbid(dossier, other)
    Block.objects.filter(pk=old.pk).update(since=NOW - DAY, until=NOW)
    over = make.forbid(dossier, lifted)
    Block.objects.filter(pk=over.pk).update(since=NOW - DAY, until=NOW, blocked_by="counter:1")
    ahead = make.forbid(dossier, make.ProfessionalFactory())
    Block.objects.filter(pk=ahead.pk).update(since=NOW - 2 * DAY, until=NOW + DAY)
    make.forbid(make.DossierFactory(), make.ProfessionalFactory())
    found = overview.of(dossier.pk)
    assert ids(found.blocked) == [who.pk, ahead.user.professional_id]
    assert ids(found.current) == [other.pk]
    assert ids(found.past) == [lifted.pk]
    here, memory = found.of(who.pk), found.of(lifted.pk)
    assert (here.blocked, here.since, here.until, here.recorded) == (
        True,
        NOW - DAY,
        None,
        "par le titulaire, sur ce site",
    )
    assert (memory.blocked, memory.until, memory.recorded) == (False, NOW, "au guichet")
    assert found.of(other.pk).authorised is True
    assert found.of(dossier.pk) is None


def test_documents_opened_one_by_one_are_told_the_latest_first_in_one_query(dossier, django_assert_num_queries):
    whos = [make.ProfessionalFactory() for _ in range(3)]
    for number, who in enumerate(whos):
        document = make.DocumentFactory(dossier=dossier, secret=number == 2)
        make.open_document(document, who, since=NOW - (9 - number) * DAY)
    holder = SimpleNamespace(dossier=dossier, facts=SimpleNamespace(role=Role.HOLDER))
    with django_assert_num_queries(1):
        assert [row.user.professional for row in overview.opened(holder)] == whos[::-1]
    found = overview.of(dossier.pk, overview.opened(holder)).of(whos[0].pk)
    assert (found.documents, found.since, found.until) == (1, NOW - 9 * DAY, None)
    assert found.recorded == "par le titulaire, sur ce site"
    holder.facts.role = Role.PARENT
    assert [row.user.professional for row in overview.opened(holder)] == whos[1::-1]
    holder.facts.role = Role.CARER
    assert list(overview.opened(holder)) == []


def test_what_the_service_did_itself_is_said_of_nobody(dossier):
    blocked, reader = make.ProfessionalFactory(), make.ProfessionalFactory()
    Block.objects.create(dossier=dossier, user=make.account(blocked), blocked_by="system:dmp")
    make.open_document(make.DocumentFactory(dossier=dossier), reader, granted_by="system:dmp")
    found = overview.of(dossier.pk, dossier.document_grants.all())
    assert [found.of(one.pk).recorded for one in (blocked, reader)] == ["", ""]


def test_what_ends_soon_is_not_the_treating_doctor_s(dossier):
    soon, later, endless, treating = (make.ProfessionalFactory() for _ in range(4))
    permit(dossier, soon, until=NOW + DAY)
    permit(dossier, later, until=NOW + 2 * DAY)
    permit(dossier, treating, "consult_masked", until=NOW + DAY)
    found = overview.of(dossier.pk)
    assert ids(found.ending_before(NOW + 2 * DAY)) == [soon.pk]
    assert found.of(endless.pk) is None
