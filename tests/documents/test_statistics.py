"""Statistics: counted right, and never a group of 1 to 10, whatever is added to or taken from whatever."""

import csv
import datetime as dt
import io
import itertools

import pytest
from django.core.management import call_command
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from audit import trail
from audit.trail import Event
from documents import statistics
from documents.statistics import Statistic
from patients.models import Regime
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
    call_command("statistics", since=dt.date(2026, 1, 1), stdout=io.StringIO())
    return made


def figures(measure, dimension, **more):
    return {one.value: one.count for one in statistics.published(measure, dimension, **more)}


def exact(measure, dimension):
    rows = Statistic.objects.filter(measure=measure, dimension=dimension)
    return {(row.day, row.value): row.count for row in rows}


def test_the_counts_are_exact_within_and_by_elevens_without(counted):
    day = dt.date(2026, 10, 6)
    assert exact("opened", "all")[day, ""] == 23
    assert exact("opened", "regime") == {
        (day, "Autre régime"): 13,
        (day, "Régime général"): 10,
        (dt.date(2026, 11, 24), "Régime général"): 3,
    }
    assert exact("opened", "region")[day, "Auvergne-Rhône-Alpes"] == 23
    assert figures("opened", "all") == {"": 22}
    assert figures("opened", "regime") == {"Autre régime": 11, "Régime général": 0}
    assert figures("opened", "department") == {"69": 22}


def test_reads_are_those_of_professionals_by_family(counted):
    assert exact("read", "family")[dt.date(2026, 11, 24), "biologie"] == 12
    assert figures("read", "family") == {}  # of the month under way


def test_counted_again_nothing_is_counted_twice_and_the_past_stays(counted):
    before = list(Statistic.objects.order_by("measure", "dimension", "day", "value").values_list("measure", "count"))
    statistics.recount()
    assert before == list(
        Statistic.objects.order_by("measure", "dimension", "day", "value").values_list("measure", "count")
    )


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.data())
def test_no_sum_nor_difference_of_what_is_told_is_a_group_under_eleven(counts, data):
    told = [statistics.by_elevens(count) for count in counts]
    signs = data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=len(told), max_size=len(told)))
    found = abs(sum(sign * one for sign, one in zip(signs, told, strict=True)))
    assert found == 0 or found >= 11
    assert all(0 <= count - one < 11 for count, one in zip(counts, told, strict=True))


def test_every_table_that_leaves_holds_it_days_months_and_margins_together(counted, client):
    told = []
    for asked in ({}, {"par": "jour"}):
        rows = csv.DictReader(client.get("/statistiques.csv", asked).content.decode().splitlines(), delimiter=";")
        told += [int(row["count"]) for row in rows]
        found = client.get("/statistiques.json", asked).json()
        told += [one["count"] for one in found["figures"]]
    assert 22 in told
    assert all(abs(one - other) not in range(1, 11) for one, other in itertools.combinations(told, 2))


def test_the_page_is_for_everybody_and_says_less_than_eleven(counted, client):
    page = client.get(reverse("statistics"), {"selon": "regime"}).content.decode()
    assert "moins de 11" in page and "Autre régime" in page and ">10<" not in page


@pytest.mark.parametrize("asked", [{"mesure": "x"}, {"selon": "x"}, {"mesure": "contested", "selon": "region"}])
def test_a_table_that_is_not_published_is_not_found(client, asked):
    assert client.get(reverse("statistics"), asked).status_code == 404
