"""The SQL face of a scope equals its Python face: every kind of document, every scope."""

import datetime as dt
import itertools

import pytest
from django.utils import timezone

from access.policy import Scope
from documents.models import Document
from tests import factories as make

pytestmark = pytest.mark.django_db

MINE, HIS = "810000000001", "810000000002"
READ, NOT_READ = "11502-2", "60591-5"
DAY = dt.timedelta(days=1)
YES_NO = [False, True]


def every_kind(dossier, now):
    """The ends are exact too: at its hour a mask is over, and what was withheld is shown."""
    ends = [None, now + DAY, now, now - DAY]
    masks = [*itertools.product(YES_NO, ends)]
    for type_code, (masked, until), announced, secret, authors, state in itertools.product(
        [READ, NOT_READ], masks, ends, YES_NO, [[HIS], [HIS, MINE]], Document.State
    ):
        if masked and announced:  # D8
            continue
        yield make.DocumentFactory.build(
            dossier=dossier,
            type_code=type_code,
            masked=masked,
            masked_until=until,
            secret=secret,
            author_ids=authors,
            state=state,
            withheld=announced is not None,
            visible_from=announced,
        )


def test_within_is_covers():
    now = timezone.now()
    dossier, other = make.DossierFactory(), make.DossierFactory()
    documents = Document.objects.bulk_create(every_kind(dossier, now))
    elsewhere = make.DocumentFactory(dossier=other, author_ids=[MINE])
    opened = {document.pk for document in documents if document.masked and document.author_ids == [HIS]}
    documents.append(elsewhere)
    scopes = itertools.product(
        YES_NO,
        [None, frozenset(), frozenset({READ}), frozenset({READ, NOT_READ})],
        *[YES_NO] * 3,
        ["", MINE, "nobody"],
        [frozenset(), frozenset({elsewhere.pk, *opened})],
        YES_NO,
        [frozenset(), frozenset({READ})],
    )
    for scope in (Scope(dossier.pk, now, *fields) for fields in scopes):
        expected = {document.pk for document in documents if scope.covers(document)}
        assert set(Document.objects.within(scope).values_list("pk", flat=True)) == expected, scope
    assert len(documents) == 2 * (4 * 4 + 4) * 2 * 2 * 3 + 1


def test_a_mask_in_force_is_what_a_page_calls_masked(time_machine):
    """`is_masked` and `visible_to_holder` say now what a scope says of its own hour."""
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    dossier = make.DossierFactory()
    professional = Scope(dossier.pk, now, withheld=True, secret=True)
    holder = Scope(dossier.pk, now, masked=True, secret=True)
    for document in every_kind(dossier, now):
        if document.state != Document.State.DELETED:
            assert professional.covers(document) is not document.is_masked
            assert holder.covers(document) is document.visible_to_holder
