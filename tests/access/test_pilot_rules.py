"""Who may open where: the 2016 pilot, and rules one by one; each is signed by an operator who says why."""

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from patients import registers
from patients.dossiers import may_open
from patients.models import Channel, OpeningRule, Regime
from tests import factories as make

pytestmark = pytest.mark.django_db


def run(*words, apply=True, signed=True, reason="arrêté du 4 mai"):
    said = io.StringIO()
    who = ["--by", "odile@exploitant.example.org", "--reason", reason] if signed else []
    call_command("pilot_rules", *words, *who, *(["--apply"] if apply and signed else []), stdout=said)
    return said.getvalue()


@pytest.fixture
def rules(odile):
    registers.load_funds()
    run("on")


def refused(channel, on=None, **person):
    return may_open(make.InsuredFactory(**person), channel, on or timezone.localdate()) is not None


def test_without_apply_nothing_is_changed(odile):
    registers.load_funds()
    assert "Essai" in run("on", apply=False)
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
    run("off")
    assert not refused(Channel.WEB, postal_code="35000")
    assert OpeningRule.objects.exists()


def test_switched_on_twice_it_is_there_once(rules):
    count = OpeningRule.objects.count()
    assert run("on").startswith("0 règles")
    assert OpeningRule.objects.count() == count


def test_each_rule_keeps_who_made_and_who_ended_it_and_why(rules, odile):
    run("off")
    told = set(OpeningRule.history.values_list("history_user_id", "history_change_reason"))
    assert told == {(f"operator:{odile.pk}", "arrêté du 4 mai")}


def test_one_department_opens_from_a_day_on_and_stops(rules):
    today = timezone.localdate()
    later = today + dt.timedelta(days=10)
    where = ["--department", "35", "29", "--channel", "web"]
    assert run("open", *where, "--from", later.isoformat()).startswith("2 règles")
    assert refused(Channel.WEB, postal_code="35000")
    assert not refused(Channel.WEB, later, postal_code="35000")
    assert refused(Channel.COUNTER, later, postal_code="35000")
    end = later + dt.timedelta(days=10)
    run("stop", "--department", "35", "--channel", "web", "--from", end.isoformat())
    assert refused(Channel.WEB, end, postal_code="35000")
    assert not refused(Channel.WEB, end, postal_code="29000")


def test_a_rule_takes_the_place_of_the_one_before(odile):
    registers.load_funds()
    run("open", "--regime", "02", "--channel", "web", "--refused", "--note", "Pas encore.")
    assert refused(Channel.WEB, regime=Regime.objects.get(pk="02"))
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    run("open", "--regime", "02", "--channel", "web", "--from", tomorrow.isoformat())
    assert not refused(Channel.WEB, tomorrow, regime=Regime.objects.get(pk="02"))
    assert OpeningRule.objects.in_force(tomorrow).count() == 1
    assert "1 règles en vigueur" in run("list", signed=False) and "Pas" not in run("list", signed=False)


@pytest.mark.parametrize("act", [["open", "--channel", "web"], ["stop", "--channel", "web"], ["on"], ["off"]])
def test_a_reason_of_spaces_is_none_and_no_rule_changes(rules, act):
    before = list(OpeningRule.objects.order_by("pk").values())
    with pytest.raises(CommandError, match="Dites pourquoi : --reason"):
        run(*act, reason="  ")
    assert list(OpeningRule.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["stop", "--channel", "web"], "Aucune règle"),
        (["open", "--channel", "web", "--regime", "99"], "Aucun régime"),
        (["open", "--channel", "web", "--from", "2020-01-01"], "passé"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_changes(odile, words, why):
    with pytest.raises(CommandError, match=why):
        run(*words)
    assert not OpeningRule.objects.exists()


def test_a_rule_is_made_as_it_was_typed_and_listed_as_it_is(odile):
    registers.load_funds()
    day = timezone.localdate() + dt.timedelta(days=3)
    when = ["--from", day.isoformat()]
    where = ["--regime", "01", "02", "--department", "35", "--channel", "web", "counter"]
    said = run("open", *where, "--adults-only", "--note", "Pas avant dix-huit ans.", *when)
    assert said == f"4 règles mises en vigueur le {day:%d/%m/%Y}.\n"
    rules = OpeningRule.objects.values_list(
        "regime_id", "department", "channel", "allowed", "adults_only", "note", "since"
    )
    assert sorted(rules) == [
        (regime, "35", channel, True, True, "Pas avant dix-huit ans.", day)
        for regime in ("01", "02")
        for channel in ("counter", "web")
    ]
    run("open", "--channel", "pharmacy", "--refused", *when)
    refused = OpeningRule.objects.get(channel="pharmacy")
    assert (refused.regime_id, refused.department, refused.allowed) == (None, "", False)
    assert (refused.adults_only, refused.note) == (False, "")
    run("open", "--channel", "post", "--regime", "01", *when)
    assert run("list", signed=False) == f"0 règles en vigueur le {timezone.localdate():%d/%m/%Y}.\n"
    told = run("list", *when, signed=False).splitlines()
    assert told[-1] == f"6 règles en vigueur le {day:%d/%m/%Y}."
    assert sorted(line.split()[0] for line in told[:-1]) == ["majeurs"] * 4 + ["permis", "refusé"]
    assert (
        f"refusé   tous régimes, tous départements, {refused.get_channel_display()}, depuis le {day:%d/%m/%Y}" in told
    )
    assert all(line.endswith(f", depuis le {day:%d/%m/%Y}") for line in told[:-1])
    end = day + dt.timedelta(days=2)
    assert run("stop", *where, "--from", end.isoformat()) == f"4 règles levées le {end:%d/%m/%Y}.\n"
    ended = [line for line in run("list", *when, signed=False).splitlines() if f" jusqu'au {end:%d/%m/%Y}" in line]
    assert len(ended) == 4


def test_the_pilot_says_how_many_and_from_when(odile):
    registers.load_funds()
    today = timezone.localdate()
    said = run("on")
    count = OpeningRule.objects.count()
    assert said == f"{count} règles mises en vigueur le {today:%d/%m/%Y}.\n"
    assert run("off") == f"{count} règles levées le {today:%d/%m/%Y}.\n"


def test_each_act_has_its_reason(odile):
    with pytest.raises(CommandError, match="Dites pourquoi"):
        call_command("pilot_rules", "on", "--by", odile.email, "--reason", "  ", stdout=io.StringIO())


def test_rules_are_listed_by_regime_then_department_then_channel(odile):
    registers.load_funds()
    for regime, department, channel in (
        ("02", "35", "web"), ("01", "69", "counter"), ("01", "35", "web"), ("01", "35", "counter"),
    ):  # fmt: skip
        run("open", "--regime", regime, "--department", department, "--channel", channel)
    names = {code: str(Regime.objects.get(pk=code)) for code in ("01", "02")}
    labels = {channel.value: channel.label for channel in Channel}
    listed = [line.partition(", depuis")[0] for line in run("list", signed=False).splitlines()[:-1]]
    assert listed == [
        f"permis   {names['01']}, 35, {labels['counter']}",
        f"permis   {names['01']}, 35, {labels['web']}",
        f"permis   {names['01']}, 69, {labels['counter']}",
        f"permis   {names['02']}, 35, {labels['web']}",
    ]
