"""The 2016 pilot: nine departments, adults, some schemes left out; switched on and off by an operator."""

import datetime as dt
import io

import pytest
from django.core.management import call_command
from django.utils import timezone

from patients import registers
from patients.dossiers import may_open
from patients.models import Channel, OpeningRule, Regime
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules():
    registers.load_funds()
    call_command("pilot_rules", "on", apply=True, stdout=io.StringIO())


def refused(channel, **person):
    return may_open(make.InsuredFactory(**person), channel, timezone.localdate()) is not None


def test_without_apply_nothing_is_changed():
    registers.load_funds()
    call_command("pilot_rules", "on", stdout=io.StringIO())
    assert not OpeningRule.objects.exists()


@pytest.mark.parametrize(
    ("postal_code", "birth", "regime", "channel", "expected"),
    [
        ("35000", 1980, "01", Channel.WEB, True),
        ("67000", 1980, "01", Channel.WEB, False),
        ("67000", 2015, "01", Channel.WEB, True),
        ("35000", 1980, "01", Channel.COUNTER, True),
        ("35000", 1980, "01", Channel.PHARMACY, False),
        ("67000", 1980, "02", Channel.WEB, True),
        ("35000", 1980, "03", Channel.PROFESSIONAL, True),
    ],
)
def test_the_pilot_decides_by_department_age_scheme_and_channel(rules, postal_code, birth, regime, channel, expected):
    person = {"postal_code": postal_code, "birth_date": dt.date(birth, 1, 1), "regime": Regime.objects.get(pk=regime)}
    assert refused(channel, **person) is expected


def test_switched_off_everybody_may_open_again_and_the_rules_are_kept(rules):
    call_command("pilot_rules", "off", apply=True, stdout=io.StringIO())
    assert not refused(Channel.WEB, postal_code="35000")
    assert OpeningRule.objects.exists()


def test_switched_on_twice_it_is_there_once(rules):
    count = OpeningRule.objects.count()
    call_command("pilot_rules", "on", apply=True, stdout=io.StringIO())
    assert OpeningRule.objects.count() == count
