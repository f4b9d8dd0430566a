"""A right that ends while the bytes of a document leave ends them at the next segment."""

import pytest
from django.utils import timezone

from access import gate, grants
from access.facts import Act
from audit.models import NO_DOSSIER, Trace
from audit.trail import Event
from documents import contents, leaving
from documents.models import Document
from documents.vault import SEGMENT
from fhir import ids
from tests import factories as make

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * (3 * SEGMENT // 256) + b"end"  # four segments


@pytest.fixture
def dossier():
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def doctor(dossier):
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    return doctor


@pytest.fixture
def document(dossier):
    document = make.DocumentFactory(dossier=dossier, size=len(CONTENT), media_type="text/plain")
    contents.put(dossier.pk, document.pk, CONTENT)
    return document


def download(api, doctor, document, **headers):
    name = ids.join(document.dossier_id, document.pk)
    return iter(api(doctor).get(f"/fhir/Binary/{name}", HTTP_ACCEPT="*/*", **headers).streaming_content)


def withdraw(dossier, doctor):
    with gate.enter(
        make.holder(dossier), Act.MANAGE, Event.ACCESS_WITHDRAWN, dossier_id=dossier.pk, lock=True
    ) as entry:
        grants.withdraw(entry, doctor)


def refusals(dossier):
    return list(Trace.objects.about(dossier.pk).filter(allowed=False).values_list("ground", "event", "detail"))


def test_nothing_withdrawn_everything_leaves_and_the_trail_has_one_line(api, dossier, doctor, document):
    assert b"".join(download(api, doctor, document)) == CONTENT
    assert Trace.objects.about(dossier.pk).filter(event="document_read").count() == 1


@pytest.mark.parametrize(
    ("end", "ground"),
    [
        (withdraw, "absent"),  # as for who never was authorised: the document does not exist for him
        (make.forbid, "blocked"),
        (lambda dossier, doctor: Document.objects.filter(dossier=dossier).update(masked=True), "absent"),
        (lambda dossier, doctor: type(dossier).objects.filter(pk=dossier.pk).update(**CLOSED), "closed"),
    ],
    ids=["withdrawn", "blocked", "masked", "closed"],
)
def test_what_ends_the_right_stops_the_download_at_the_next_segment(api, dossier, doctor, document, end, ground):
    leaves = download(api, doctor, document)
    assert next(leaves) + next(leaves) == CONTENT[: 2 * SEGMENT]
    end(dossier, doctor)
    with pytest.raises(leaving.Ended):
        next(leaves)
    assert refusals(dossier) == [(ground, "document_read", {"interrupted": True})]


CLOSED = {"state": "closed", "closed_at": timezone.now(), "closure": "DEMANDE_TITULAIRE"}


def test_a_destruction_stops_it_too_and_leaves_no_trace_in_the_dossier(api, dossier, doctor, document):
    leaves = download(api, doctor, document)
    next(leaves)
    for step in (CLOSED, {"state": "destroyed"}):
        type(dossier).objects.filter(pk=dossier.pk).update(**step)
    with pytest.raises(leaving.Ended):
        next(leaves)
    assert refusals(dossier) == []
    assert Trace.objects.about(NO_DOSSIER).filter(ground="absent").count() == 1


def test_a_range_stops_too(api, dossier, doctor, document):
    leaves = download(api, doctor, document, HTTP_RANGE=f"bytes=10-{len(CONTENT) - 1}")
    assert next(leaves) == CONTENT[10:SEGMENT]
    withdraw(dossier, doctor)
    with pytest.raises(leaving.Ended):
        next(leaves)


def test_the_holder_s_own_download_stops_when_her_quality_ends(holder_client, dossier, document):
    """Before the page answers, the first segment is read; the next ones ask."""
    leaves = iter(holder_client(dossier).get(f"/documents/{document.pk}/fichier/").streaming_content)
    assert next(leaves) == CONTENT[:SEGMENT]
    dossier.representations.update(until=timezone.now())
    with pytest.raises(leaving.Ended):
        next(leaves)
    assert refusals(dossier) == [("not_concerned", "document_read", {"interrupted": True})]


def test_a_small_document_is_asked_about_once(api, dossier, doctor, django_assert_num_queries):
    small = make.DocumentFactory(dossier=dossier)
    contents.put(dossier.pk, small.pk, b"%PDF")
    leaves = download(api, doctor, small)
    with django_assert_num_queries(0):
        assert b"".join(leaves) == b"%PDF"


def test_each_further_segment_costs_two_queries(api, dossier, doctor, document, django_assert_num_queries):
    leaves = download(api, doctor, document)
    next(leaves)
    with django_assert_num_queries(3 * 2):
        assert len(b"".join(leaves)) == len(CONTENT) - SEGMENT
