"""Before masking: who loses sight, and what would still betray it, masked together when she says so (M5)."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from access.models import EmergencyAccess
from audit.models import Trace
from documents.care_lines import CareLine
from documents.models import Document, Result, SubmissionSet
from fhir import ids
from tests import factories as make

pytestmark = pytest.mark.django_db
ACT = dt.datetime(2026, 3, 14, 9, tzinfo=dt.UTC)
HIV = "75622-1"  # LOINC: HIV 1 and 2 tests


@pytest.fixture
def document(dossier):
    make.matrix()
    lot = SubmissionSet.objects.create(dossier=dossier, unique_id="lot", author_ids=["8"], fhir="{}")
    row = make.DocumentFactory(
        dossier=dossier,
        submission_set=lot,
        service_start=ACT,
        author_structure="1990000001",
        reference_ids=["urn:oid:1.9|ACC-1"],
    )
    result(row)
    return row


def result(document, code=HIV):
    Result.objects.create(
        dossier=document.dossier, document=document, rank=0, code=code, system="loinc", display="x", value="1"
    )


def url(document):
    return reverse("documents:mask", args=[document.pk])


def question(client, document):
    answer = client.get(url(document))
    assert answer.status_code == 200
    return answer.content.decode()


def losing(page):
    return page.split('id="perdront"')[1].split("</section>")[0]


def betraying(dossier, document):
    """Each link to the document, one document a link."""
    laboratory = make.DocumentFactory(dossier=dossier, title="laboratoire")
    result(laboratory)
    return {
        "lot": make.DocumentFactory(dossier=dossier, submission_set=document.submission_set),
        "act": make.DocumentFactory(
            dossier=dossier, service_start=ACT + dt.timedelta(hours=3), author_structure="1990000001"
        ),
        "request": make.DocumentFactory(dossier=dossier, reference_ids=["urn:oid:1.9|ACC-1", "urn:oid:1.9|ACC-2"]),
        "results": laboratory,
        "replaced": make.DocumentFactory(dossier=dossier, replaces=document),
    }


def test_it_names_who_loses_sight_and_only_them(holder_client, dossier, document):
    now = timezone.now()
    people = {
        name: make.ProfessionalFactory(family=name)
        for name in ("AUTORISE", "TRAITANT", "AUTEUR", "EXPIRE", "BLOQUE", "URGENCE")
    }
    for name in ("AUTORISE", "AUTEUR", "BLOQUE"):
        make.permit(dossier, people[name])
    make.permit(dossier, people["EXPIRE"], until=now - dt.timedelta(days=1))
    make.treat(dossier, people["TRAITANT"])
    make.forbid(dossier, people["BLOQUE"])
    EmergencyAccess.objects.create(
        dossier=dossier,
        user=make.account(people["URGENCE"]),
        kind="break_glass",
        reason="coma",
        until=now + dt.timedelta(hours=4),
    )
    Document.objects.filter(pk=document.pk).update(author_ids=[people["AUTEUR"].idnat])
    told = losing(question(holder_client(dossier), document))
    named = {name for name in people if f"Paul {name.title()}" in told}
    assert named == {"AUTORISE", "URGENCE"}


def test_who_is_authorised_for_emergencies_only_is_named_as_such(holder_client, dossier, document):
    make.permit(dossier, make.ProfessionalFactory(family="SECOURS"), extent="emergency")
    assert "Secours, qui ne le voit qu'en cas d'urgence" in losing(question(holder_client(dossier), document))


def test_beyond_fifty_it_says_that_there_are_others(holder_client, dossier, document, monkeypatch):
    monkeypatch.setattr("documents.simulation.MOST", 2)
    for name in ("UN", "DEUX"):
        make.permit(dossier, make.ProfessionalFactory(family=name))
    assert "D'autres professionnels" not in losing(question(holder_client(dossier), document))
    make.permit(dossier, make.ProfessionalFactory(family="TROIS"))
    assert "D'autres professionnels" in losing(question(holder_client(dossier), document))


def test_the_reimbursed_care_of_that_day_is_shown_to_who_may_read_it(holder_client, dossier, document):
    def line(number, day, label):
        return CareLine(
            dossier=dossier, source="691", line=number, version=1, care_date=day, paid_date=day, kind="biologie",
            label=label, provider="LABORATOIRE DU PORT", amount=2000, reimbursed=1400,
        )  # fmt: skip

    day = ACT.date()
    rows = [line("1", day, "Charge virale"), line("2", day + dt.timedelta(days=1), "Hémogramme")]
    CareLine.objects.bulk_create([*rows, line("3", day, "Annulée")])
    CareLine.objects.filter(dossier=dossier, line="3").update(cancelled=True)
    page = question(holder_client(dossier), document)
    assert "Charge virale, LABORATOIRE DU PORT" in page
    assert ("Hémogramme" in page, "Annulée" in page) == (False, False)


def test_what_is_shown_in_an_emergency_is_not_lost_to_it(holder_client, dossier, document):
    type(dossier).objects.filter(pk=dossier.pk).update(shows_masked_in_emergency=True)
    EmergencyAccess.objects.create(
        dossier=dossier,
        user=make.account(make.ProfessionalFactory(family="URGENCE")),
        kind="break_glass",
        reason="coma",
        until=timezone.now() + dt.timedelta(hours=4),
    )
    assert "Urgence" not in losing(question(holder_client(dossier), document))


def test_each_link_is_named_and_nothing_else(holder_client, dossier, document):
    linked = betraying(dossier, document)
    elsewhere = [
        make.DocumentFactory(dossier=dossier),
        make.DocumentFactory(dossier=dossier, service_start=ACT, author_structure="other"),
        make.DocumentFactory(
            dossier=dossier, service_start=ACT + dt.timedelta(days=1), author_structure="1990000001"
        ),
        make.DocumentFactory(dossier=dossier, submission_set=document.submission_set, hidden=True),
        make.DocumentFactory(dossier=dossier, submission_set=document.submission_set, awaiting=True),
    ]
    page = question(holder_client(dossier), document)
    for row in linked.values():
        assert f'value="{row.pk}"' in page
    for row in elsewhere:
        assert str(row.pk) not in page


def test_masked_together_nothing_served_carries_the_code(api, holder_client, dossier, document):
    reader = make.ProfessionalFactory(family="AUTORISE")
    make.permit(dossier, reader)
    linked = betraying(dossier, document)
    client = holder_client(dossier)
    also = [str(row.pk) for row in linked.values()]
    assert client.post(url(document), {"limit": "always", "also": also}).status_code == 302
    for row in (document, *linked.values()):
        row.refresh_from_db()
        assert row.masked
        assert api(reader).get(f"/fhir/DocumentReference/{ids.join(dossier.pk, row.pk)}").status_code == 404
    assert Trace.objects.about(dossier.pk).filter(event="document_masked").count() == 1 + len(linked)


def test_only_what_is_ticked_and_linked_is_masked(holder_client, dossier, document):
    linked = betraying(dossier, document)
    stranger = make.DocumentFactory(dossier=dossier)
    also = [str(linked["lot"].pk), str(stranger.pk), "nothing"]
    holder_client(dossier).post(url(document), {"also": also})
    masked = set(Document.objects.filter(dossier=dossier, masked=True).values_list("pk", flat=True))
    assert masked == {document.pk, linked["lot"].pk}


def test_the_end_is_the_same_for_all(holder_client, dossier, document):
    linked = betraying(dossier, document)
    day = (timezone.localdate() + dt.timedelta(days=9)).isoformat()
    data = {"limit": "date", "last_day": day, "also": [str(linked["act"].pk)]}
    holder_client(dossier).post(url(document), data)
    ends = Document.objects.filter(dossier=dossier, masked=True).values_list("masked_until", flat=True)
    assert len(ends) == 2
    assert len(set(ends)) == 1


def test_looking_changes_nothing(holder_client, dossier, document):
    betraying(dossier, document)
    question(holder_client(dossier), document)
    assert not Document.objects.filter(masked=True).exists()
