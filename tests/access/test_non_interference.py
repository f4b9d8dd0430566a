"""What an actor may not see changes no byte of any answer to him (G8).

One dossier as he sees it, then with more in it that is hidden from him: documents, lots, results, traces, and
to a professional what others may and do. Every door of his gives the same status, headers (ETag, length), body
and order; only the number of a request and the token of its form are its own.
"""

import re
import uuid
from typing import Any

import pytest
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import doors
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
    knocked = worlds.doors(actor, dossier)
    before = [actor.ask(door) for door in knocked]
    make.DocumentFactory(dossier=dossier, type_code="11502-2", family="biologie", title="Bilan du genou")
    after = [actor.ask(door) for door in knocked]
    # 204: nobody asks for her agreement; 409: an open dossier is closed before it is destroyed.
    assert {status for answer in after for status, *_ in answer} <= {200, 204, 302, 409}
    assert before != after


# Addresses that answer to GET and are asked in no world, each with its reason.
ELSEWHERE = {
    "healthz": "says nothing of a dossier",
    "metrics": "of no dossier",
    "accessibilite/": "the same for all",
    "aide/": "the same for all",
    "mentions-legales/": "the same for all",
    "matrice/": "the same for all",
    "statistiques": "test_statistics_attacked",
    "api/schema": "the same for all",
    "api/docs": "the same for all",
    "fhir/metadata": "the same for all",
    "fhir/DocumentReference/_search": "the same function as the address without it",
    "fhir/List/_search": "the same function as the address without it",
    "fhir/Patient/_search": "the same function as the address without it",
    "compte/": "of an account",
    "pro/": "of an account",
    "profil/adresse/": "of an account",
    "ouvrir/": "before any dossier",
    "invitation/": "before any right",
    "autorisations/chercher/": "looks in the directory",
    "activite/<uuid:trace_id>/contester/": "test_contests: of a trace that is not shown, as of one that is not",
    "profil/demandes/<uuid:request_id>/": "test_pages_requests",
    "profil/copies/<uuid:copy_id>/": "test_digital_copy: what is left out changes no byte",
    "api/v1/dossiers/<str:dossier>/demandes/<str:demande>": "one's own question, which names no document",
    "certificats/": "of what is destroyed",
}


def test_every_address_that_answers_a_reader_is_asked_in_the_worlds(ground, client):
    dossier = make.DossierFactory()
    lot = worlds.lot_of(dossier, "à part")
    lot.save()
    document = make.DocumentFactory(dossier=dossier, submission_set=lot)
    asked = set()
    readers = [worlds.actor(dossier, name, client) for name in ("holder", "authorised")]
    for actor in readers:
        for door in [*worlds.doors(actor, dossier), *worlds.doors_of(actor, dossier, document)]:
            for _, path, *_ in door if isinstance(door[0], tuple) else (door,):
                asked.add(resolve(path.partition("?")[0]).route)
    left = {route for route in doors.routes("dmp.urls") if not route.startswith(tuple(ELSEWHERE))} - asked
    assert {route for route in left if any(reads(actor.client, route) for actor in readers)} == set()


def reads(client: Any, route: str) -> bool:
    """Whether GET is anything there: an act alone answers 405; another's door 401, or « login »."""
    path = "/" + re.sub(r"<uuid:[^>]*>", str(uuid.UUID(int=1)), route)
    path = re.sub(r"<[^>]*>", uuid.UUID(int=1).hex, path).replace("^", "").replace("$", "")
    return doors.said(client.get(path)) not in ("401", "405", "login")


def compare(name: str, client: Any, visible: Any, hidden: Any, *, every: int) -> None:
    """`every`: of three doors, all are asked in turn over the worlds, or in each."""
    with worlds.untouched():
        dossier = make.DossierFactory(minor=name in ("parent", "secret session"))
        actor = worlds.actor(dossier, name, client)
        common = worlds.lot_of(dossier, "en commun")
        common.save()
        seen = worlds.pile(dossier, visible, actor.caller.author, common)
        seen.lay()
        knocked = worlds.doors(actor, dossier)
        before = [actor.ask(door) for door in knocked]
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
                same(actor, knocked[turn::every], before[turn::every])


def same(actor: Actor, knocked: list[Any], before: list[Any]) -> None:
    for door, answer in zip(knocked, before, strict=True):
        assert actor.ask(door) == answer, f"{actor.name}: {door}"
