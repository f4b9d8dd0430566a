"""What an actor may not see changes no byte of any answer to him (G8).

One dossier as he sees it, then with more in it that is hidden from him: documents, lots, results, traces, and
to a professional what others may and do. Every door of his gives the same status, headers (ETag, length), body
and order; only the number of a request and the token of its form are its own.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import factories as make
from tests.access import worlds
from tests.access.worlds import PERSONS, RIGHTS, Actor

pytestmark = pytest.mark.django_db

WORLDS = 5  # with something hidden, beside each dossier as he sees it
KINDS = st.lists(worlds.DOCUMENTS, min_size=1, max_size=3)
HIDDEN = st.lists(st.tuples(KINDS, worlds.TRACES_OF_OTHERS, st.integers(0, 2)), min_size=WORLDS, max_size=WORLDS)
ACTORS = [*RIGHTS, *PERSONS]


def example(count: int) -> Any:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # a failure names its door; to shrink it would take minutes
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def ground(code_tables, time_machine):
    """What all worlds share, laid once."""
    time_machine.move_to(worlds.NOW, tick=False)
    make.matrix(worlds.READABLE)


@pytest.mark.parametrize("name", ACTORS)
def test_what_is_hidden_changes_no_byte(ground, client, name):
    """17 actors, 6 dossiers each, 5 worlds each: 510."""

    @example(6)
    @given(KINDS, HIDDEN)
    def in_the_suite(visible: Any, hidden: Any) -> None:
        compare(name, client, visible, hidden, every=3)

    in_the_suite()


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTORS)
def test_what_is_hidden_changes_no_byte_over_five_thousand_worlds(ground, client, name):
    @example(60)
    @given(KINDS, HIDDEN)
    def at_length(visible: Any, hidden: Any) -> None:
        compare(name, client, visible, hidden, every=1)

    at_length()


@pytest.mark.parametrize("name", ["authorised", "holder"])
def test_the_doors_are_real(ground, client, name):
    """To whom it is open, each answers; and what is not hidden does change what he is told."""
    dossier = make.DossierFactory()
    actor = worlds.actor(dossier, name, client)
    doors = worlds.doors(actor, dossier)
    before = [actor.ask(door) for door in doors]
    make.DocumentFactory(dossier=dossier, type_code="11502-2", family="biologie", title="Bilan du genou")
    after = [actor.ask(door) for door in doors]
    assert {status for answer in after for status, *_ in answer} <= {200, 302}
    assert before != after


def compare(name: str, client: Any, visible: Any, hidden: Any, *, every: int) -> None:
    """`every`: of three doors, all are asked in turn over the worlds, or in each."""
    with worlds.untouched():
        dossier = make.DossierFactory(minor=name in ("parent", "secret session"))
        actor = worlds.actor(dossier, name, client)
        common = worlds.lot_of(dossier, "en commun")
        common.save()
        seen = worlds.pile(dossier, visible, actor.caller.author, common)
        seen.lay()
        doors = worlds.doors(actor, dossier)
        before = [actor.ask(door) for door in doors]
        scope = actor.scope(dossier)
        for kinds, doings, turn in hidden:
            more = worlds.pile(dossier, kinds, actor.caller.author, common, scope, seen.documents[0])
            asked = worlds.doors_of(actor, dossier, more.documents[0])[turn::every]
            alone = [actor.ask(door) for door in asked]
            with worlds.untouched():
                more.lay()
                if not kinds[0]["replaces"]:
                    worlds.replacing(seen.documents[-1], more.documents[0])
                worlds.traced(dossier, more.documents)
                if actor.professional:
                    worlds.others(dossier, doings, more.documents)
                same(actor, asked, alone)
                same(actor, doors[turn::every], before[turn::every])


def same(actor: Actor, doors: list[Any], before: list[Any]) -> None:
    for door, answer in zip(doors, before, strict=True):
        assert actor.ask(door) == answer, f"{actor.name}: {door}"
