"""Who may open a dossier: counted by the rules of opening, once a year, beside what was opened (feature S86)."""

import datetime as dt

import pytest
from django.urls import reverse

from documents import coverage, statistics
from documents.statistics import Statistic
from patients.dossiers import OPENING_WAYS, may_open
from patients.models import Channel, InsuredPerson, OpeningRule, Regime
from tests import factories as make

pytestmark = pytest.mark.django_db

JUNE = dt.datetime(2026, 6, 10, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def in_june(code_tables, time_machine):
    time_machine.move_to(JUNE, tick=False)


def exact(dimension="all"):
    rows = Statistic.objects.filter(measure="eligible", dimension=dimension)
    return {(f"{row.day:%Y-%m-%d}", row.value): row.count for row in rows}


def later(time_machine, year, month):
    time_machine.move_to(dt.datetime(year, month, 2, 4, 40, tzinfo=dt.UTC), tick=False)
    statistics.recount()


def insured(count, **fields):
    for _ in range(count):
        make.InsuredFactory(**fields)


def stock(opened=(), eligible=(), month=dt.date(2026, 6, 1)):
    """As the nightly count leaves them; (dimension, value, count)."""
    for measure, cells in (("opened", opened), ("eligible", eligible)):
        for dimension, value, count in cells:
            Statistic.objects.create(measure=measure, dimension=dimension, value=value, count=count, day=month)
    Statistic.objects.create(measure="opened", dimension="all", value="", count=1, day=dt.date(2026, 7, 1))


def told(dimension):
    return {one.value: one.count for one in coverage.eligible(dimension)}


def test_each_is_counted_under_his_fund_his_region_and_his_scheme():
    insured(3)
    insured(
        2, caisse=make.CaisseFactory(code="351", department="35"), regime=make.RegimeFactory(code="02", name="MSA")
    )
    statistics.recount()
    assert exact() == {("2026-06-01", ""): 5}
    assert exact("department") == {("2026-06-01", "69"): 3, ("2026-06-01", "35"): 2}
    assert exact("region") == {("2026-06-01", "Auvergne-Rhône-Alpes"): 3, ("2026-06-01", "Bretagne"): 2}
    assert exact("regime") == {("2026-06-01", "Régime général"): 3, ("2026-06-01", "MSA"): 2}


def test_they_are_those_whom_may_open_lets_in_by_one_way_at_least():
    """The two faces of the rule, whatever the rules in force say together."""
    other = Regime.objects.create(code="02", name="MSA")
    born = (dt.date(1980, 1, 1), dt.date(2008, 6, 10), dt.date(2008, 6, 11))  # of age, today, tomorrow
    for birth in born:
        for place in ("69003", "35000", "97400", "98000"):
            for regime in (make.RegimeFactory(), other):
                make.InsuredFactory(birth_date=birth, postal_code=place, regime=regime)
    since, over = dt.date(2026, 1, 1), dt.date(2026, 6, 10)
    worlds = [
        [],
        [("", None, False, False, None)],
        [("", None, False, False, None), ("69", None, True, True, None)],
        [("", None, False, False, None), ("", other, True, False, None), ("974", other, False, False, None)],
        [("", None, True, True, None), ("35", None, False, False, over)],
        [("", None, False, False, None), ("980", other, True, True, None), ("974", None, True, False, None)],
    ]
    for rules in worlds:
        OpeningRule.objects.all().delete()
        for department, regime, allowed, adults_only, until in rules:
            for channel in OPENING_WAYS:
                OpeningRule.objects.create(
                    department=department, regime=regime, allowed=allowed, adults_only=adults_only,
                    channel=channel, since=since, until=until,
                )  # fmt: skip
        statistics.recount()
        may = [
            person
            for person in InsuredPerson.objects.all()
            if any(may_open(person, way, JUNE.date()) is None for way in OPENING_WAYS)
        ]
        assert exact() == ({("2026-06-01", ""): len(may)} if may else {})
    OpeningRule.objects.filter(channel=Channel.WEB).delete()
    statistics.recount()
    assert exact() == {("2026-06-01", ""): 24}  # one open way is enough


def test_a_stock_is_kept_once_a_year_and_told_when_its_month_is_over(time_machine):
    insured(45)
    statistics.recount()
    assert told("all") == {}
    insured(2)
    later(time_machine, 2026, 7)
    make.DossierFactory()
    later(time_machine, 2026, 8)
    assert exact() == {("2026-06-01", ""): 45}
    statistics.recount(dt.date(2026, 1, 1))  # mends the openings: nothing remains to count June's stock from
    assert exact() == {("2026-06-01", ""): 45}
    later(time_machine, 2027, 1)
    assert exact() == {("2026-06-01", ""): 45, ("2027-01-01", ""): 47}
    assert [(one.period, one.count) for one in coverage.eligible("all")] == [("2026-06", 40)]


def test_an_empty_register_is_not_this_year_s_count(time_machine):
    statistics.recount()
    insured(21)
    later(time_machine, 2026, 7)
    assert exact() == {("2026-07-01", ""): 21}


def test_the_share_is_made_of_what_is_published_and_is_a_least(client):
    stock(
        opened=[("all", "", 120), ("region", "Bretagne", 119), ("department", "35", 119)],
        eligible=[("all", "", 1019), ("region", "Bretagne", 1010), ("department", "35", 1005)],
    )
    page = client.get(reverse("statistics"), {"region": "Bretagne"}).content.decode()
    assert "au moins 100 dossiers ouverts, pour 1000 assurés" in page.replace("\xa0", "").replace("\u202f", "")
    assert "soit 9 % au moins" in page  # 100 of 1,019
    assert 'aria-label="35 : 100 % du plus grand"' in page


def test_where_nearly_all_have_one_the_count_is_not_told():
    stock(
        opened=[("all", "", 120), ("region", "Bretagne", 120), ("department", "35", 100), ("department", "22", 20)],
        eligible=[
            ("all", "", 400),
            ("region", "Bretagne", 400),
            ("department", "35", 105),
            ("department", "22", 300),
        ],
    )
    assert told("region") == {"Bretagne": 400}
    assert told("department") == {}  # 35 does not fit; 300 of 400 in 22 would leave it 119 at most


def test_a_small_department_is_left_out_and_the_large_ones_are_told():
    stock(
        opened=[("all", "", 200), ("region", "Bretagne", 200), ("department", "35", 200)],
        eligible=[
            ("all", "", 5000), ("region", "Bretagne", 5000),
            ("department", "35", 3010), ("department", "22", 1975), ("department", "29", 15),
        ],
    )  # fmt: skip
    assert told("department") == {"35": 3000, "22": 1960}
