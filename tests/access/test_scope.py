"""The SQL face of a scope equals its Python face, over every combination."""

import datetime as dt
import itertools

import pytest
from django.utils import timezone

from access.policy import Scope
from documents.models import Document
from tests import factories as make

pytestmark = pytest.mark.django_db

MINE, HIS = "810000000001", "810000000002"


def test_within_is_covers():
    now = timezone.now()
    dossier, other = make.DossierFactory(), make.DossierFactory()
    for type_code, masked, secret, author, state in itertools.product(
        ["11502-2", "60591-5"],
        [False, True],
        [False, True],
        [MINE, HIS],
        ["current", "superseded", "deleted"],
    ):
        for withheld in (None, now + dt.timedelta(days=1), now - dt.timedelta(days=1)):
            if masked and withheld:
                continue
            make.DocumentFactory(
                dossier=dossier,
                type_code=type_code,
                masked=masked,
                secret=secret,
                author_ids=[HIS, author],
                state=state,
                withheld=withheld is not None,
                visible_from=withheld,
            )
    make.DocumentFactory(dossier=other)
    documents = list(Document.objects.all())
    one = next(d for d in documents if d.masked and d.state == "current")
    scopes = itertools.product(
        [True, False],
        [None, frozenset(), frozenset({"11502-2"})],
        [False, True],
        [False, True],
        [False, True],
        ["", MINE],
        [frozenset(), frozenset({one.pk})],
    )
    for general, types, masked, withheld, secret, author, opened in scopes:
        scope = Scope(dossier.pk, now, general, types, masked, withheld, secret, author, opened)
        expected = {document.pk for document in documents if scope.covers(document)}
        assert set(Document.objects.within(scope).values_list("pk", flat=True)) == expected, scope
