"""Statistics: counted right, told by twenties, whole months once over (test_statistics_attacked: what is found)."""

import csv
import datetime as dt
import io
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from access.models import Contest, EmergencyAccess
from audit import trail
from audit.trail import Event
from documents import statistics
from documents.statistics import Statistic
from patients.models import Dossier, Regime
from tests import factories as make

pytestmark = pytest.mark.django_db

OCTOBER = dt.datetime(2026, 10, 5, 22, 30, tzinfo=dt.UTC)  # the 6th in Paris
ALL = ("opened", "all")


@pytest.fixture
def counted(code_tables, time_machine):
    """Twenty-three dossiers in October, thirteen of them of one regime; three more in November, not told yet."""
    time_machine.move_to(dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC), tick=False)
    other = Regime.objects.create(code="99", name="Autre régime")
    made = [make.DossierFactory(opened_at=OCTOBER, **({"regime": other} if n < 13 else {})) for n in range(23)]
    for _ in range(3):
        make.DossierFactory()
    for dossier in made[:12]:
        by = make.caller(make.ProfessionalFactory()).actor
        trail.record(Event.DOCUMENT_READ, by=by, dossier_id=dossier.pk, object_type="11502-2")
        make.DocumentFactory(dossier=dossier, family="biologie")
    call_command("statistics", apply=True, since=dt.date(2026, 1, 1), stdout=io.StringIO())
    return made


def figures(measure, dimension, **more):
    return {one.value: one.count for one in statistics.published(measure, dimension, **more)}


def exact(measure, dimension):
    rows = Statistic.objects.filter(measure=measure, dimension=dimension)
    return {(row.day, row.value): row.count for row in rows}


def test_the_counts_are_exact_within_and_by_twenties_without(counted):
    day = dt.date(2026, 10, 6)
    assert exact("opened", "all")[day, ""] == 23
    assert exact("opened", "regime") == {
        (day, "Autre régime"): 13,
        (day, "Régime général"): 10,
        (dt.date(2026, 11, 24), "Régime général"): 3,
    }
    assert exact("opened", "region")[day, "Auvergne-Rhône-Alpes"] == 23
    assert figures("opened", "all") == {"": 20}
    assert figures("opened", "regime") == {}  # 13 and 10: not even that there is somebody
    assert figures("opened", "department") == {"69": 20}


def test_reads_are_those_of_professionals_by_family(counted):
    assert exact("read", "family")[dt.date(2026, 11, 24), "biologie"] == 12
    assert figures("read", "family") == {}  # of the month under way


def test_emergencies_are_counted_by_their_way_and_contests_by_the_day_they_came(counted):
    now, dossier = timezone.now(), counted[0]
    user = make.account(make.ProfessionalFactory())
    for kind, count in (("break_glass", 3), ("number", 2)):
        for _ in range(count):
            EmergencyAccess.objects.create(
                dossier=dossier, user=user, kind=kind, reason="x", since=OCTOBER, until=now
            )
    for _ in range(4):
        Contest.objects.create(
            dossier=dossier, trace_id=uuid.uuid4(), reason="x", asked_at=OCTOBER, asked_by="holder:x", due_at=now
        )
    statistics.recount(dt.date(2026, 1, 1))
    day = dt.date(2026, 10, 6)
    assert exact("emergency", "kind") == {(day, "break_glass"): 3, (day, "number"): 2}
    assert exact("emergency", "all") == {(day, ""): 5}
    assert exact("contested", "all") == {(day, ""): 4}


def test_reads_are_told_by_document_of_figures_that_are_published(counted, client):
    month = dt.date(2026, 10, 6)
    for measure, count in (("read", 105), ("deposited", 42)):
        Statistic.objects.create(day=month, measure=measure, dimension="family", value="imagerie", count=count)
    page = client.get(reverse("statistics"), {"mesure": "read", "selon": "family"}).content.decode()
    assert "Par document ajouté" in page and "<td>2,5</td>" in page  # 100 by 40
    assert "Par document" not in client.get(reverse("statistics")).content.decode()


def test_counted_again_nothing_is_counted_twice_and_the_past_stays(counted):
    before = list(Statistic.objects.order_by("measure", "dimension", "day", "value").values_list("measure", "count"))
    statistics.recount()
    assert before == list(
        Statistic.objects.order_by("measure", "dimension", "day", "value").values_list("measure", "count")
    )


def test_what_was_told_is_not_counted_again_unless_a_person_says_so(counted, time_machine):
    time_machine.move_to(dt.datetime(2026, 12, 2, 4, 40, tzinfo=dt.UTC), tick=False)
    make.DossierFactory()
    statistics.recount()
    day = dt.date(2026, 10, 6)
    Dossier.objects.filter(pk__in=[one.pk for one in counted[:4]]).update(opened_at=OCTOBER - dt.timedelta(days=9))
    statistics.recount()
    assert exact("opened", "all")[day, ""] == 23
    with pytest.raises(CommandError, match="baisseraient"):
        call_command("statistics", since=dt.date(2026, 9, 1), apply=True, stdout=io.StringIO())
    assert exact("opened", "all")[day, ""] == 23
    statistics.recount(dt.date(2026, 9, 1), lower=True)
    assert exact("opened", "all")[day, ""] == 19


def test_a_month_is_told_once_a_day_after_it_was_counted(counted, time_machine):
    time_machine.move_to(dt.datetime(2026, 12, 20, 12, tzinfo=dt.UTC), tick=False)
    for _ in range(17):
        make.DossierFactory(opened_at=dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC))
    assert "2026-11" not in {one.period for one in statistics.published(*ALL)}  # no night ran: the half is not told
    make.DossierFactory()
    statistics.recount()
    assert {one.period: one.count for one in statistics.published(*ALL)} == {"2026-10": 20, "2026-11": 20}


def test_days_are_told_for_the_total_alone(counted, client):
    rows = list(
        csv.DictReader(client.get("/statistiques.csv", {"par": "jour"}).content.decode().splitlines(), delimiter=";")
    )
    assert [(row["period"], row["dimension"], row["count"]) for row in rows] == [("2026-10-06", "all", "20")]
    found = client.get("/statistiques.json").json()
    assert found["rounded_down_to"] == 20
    assert {one["dimension"] for one in found["figures"]} == {"all", "department", "region", "channel"}
    page = client.get(reverse("statistics"), {"par": "jour"}).content.decode()
    assert '<th scope="row">mardi 6</th><td>20</td>' in page


def test_the_page_is_for_everybody_and_names_no_small_group(counted, client):
    page = client.get(reverse("statistics"), {"selon": "department"}).content.decode()
    assert "69" in page and ">20<" in page
    page = client.get(reverse("statistics"), {"selon": "regime"}).content.decode()
    assert "Autre régime" not in page and "Aucun chiffre à montrer" in page


def test_a_region_shows_its_departments_and_no_other(counted, client):
    elsewhere = make.CaisseFactory(code="351", department="35")
    for _ in range(21):
        make.DossierFactory(opened_at=OCTOBER, caisse=elsewhere)
    statistics.recount(dt.date(2026, 1, 1))
    page = client.get(reverse("statistics"), {"region": "Bretagne"}).content.decode()
    assert "Toute la région : au moins 20 dossiers ouverts" in page
    assert '<th scope="row">35</th>' in page and '<th scope="row">22</th>' in page
    assert '<th scope="row">69</th>' not in page
    rows = client.get("/statistiques.csv", {"region": "Bretagne"}).content.decode().split()
    assert rows[1:] == ["opened;region;Bretagne;2026-10;20", "opened;department;35;2026-10;20"]
    told = client.get("/statistiques.json", {"region": "Bretagne"}).json()["figures"]
    assert [one["value"] for one in told] == ["Bretagne", "35"]


@pytest.mark.parametrize(
    "asked",
    [
        {"mesure": "x"},
        {"selon": "x"},
        {"mesure": "contested", "selon": "region"},
        {"par": "jour", "selon": "region"},
        {"par": "jour", "region": "Bretagne"},
        {"par": "jour", "mesure": "eligible"},
        {"region": "Atlantide"},
        {"region": "Bretagne", "selon": "regime"},
        {"region": "Bretagne", "mesure": "read"},
    ],
)
@pytest.mark.parametrize("name", ["statistics", "statistics_csv", "statistics_json"])
def test_a_table_that_is_not_published_is_not_found(client, code_tables, name, asked):
    assert client.get(reverse(name), asked).status_code == 404


@pytest.mark.parametrize("measure", Statistic.Measure)
def test_before_the_first_count_every_table_is_empty(client, code_tables, measure):
    assert "Aucun chiffre" in client.get(reverse("statistics"), {"mesure": measure}).content.decode()
    assert client.get(reverse("statistics_json")).json()["figures"] == []


def test_the_page_says_what_is_not_measured(client, code_tables):
    assert "Ce qui n'est pas mesuré" in client.get(reverse("statistics")).content.decode().replace("&#x27;", "'")
