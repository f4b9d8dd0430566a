"""Who may open by which channel (S7, S10): rules that an operator makes and stops. None is removed; each says why."""

import csv
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models import Q

from audit.trail import Actor
from patients.models import OpeningRule, Regime

MARK = "Pilote de 2016"
DATA = Path(__file__).parent / "data" / "opening_rules_2016.csv"


class NotDone(Exception):
    """Why, in words."""


@dataclass(frozen=True)
class Where:
    """What a rule is about. Empty: every regime, every department."""

    regime: str
    department: str
    channel: str

    @property
    def rules(self) -> Q:
        return Q(regime=self.regime or None, department=self.department, channel=self.channel)


def pilot_on(day: dt.date, *, by: Actor, reason: str) -> int:
    """The rules of 2016, all of them. On already: none."""
    with transaction.atomic():
        if OpeningRule.objects.in_force(day).filter(note__startswith=MARK).exists():
            return 0
        with DATA.open(newline="", encoding="utf-8") as file:
            rules = [
                OpeningRule(
                    regime_id=row["regime"] or None,
                    department=department,
                    channel=row["channel"],
                    allowed=row["allowed"] == "1",
                    adults_only=row["adults_only"] == "1",
                    since=day,
                    note=f"{MARK} : {row['note']}"[:300],
                )
                for row in csv.DictReader(file)
                for department in row["departments"].split() or [""]
            ]
        for rule in rules:
            _save(rule, by, reason)
    return len(rules)


def pilot_off(day: dt.date, *, by: Actor, reason: str) -> int:
    """Everybody may open again, but for the rules made one by one."""
    rules = OpeningRule.objects.in_force(day).filter(note__startswith=MARK)
    return _end(rules.filter(Q(until=None) | Q(until__gt=day)), day, by, reason)


def begin(
    places: Iterable[Where], day: dt.date, *, allowed: bool, adults_only: bool, note: str, by: Actor, reason: str
) -> int:
    """A rule for each of these places from that day on, instead of the one in force there."""
    count = 0
    with transaction.atomic():
        for where in places:
            if where.regime and not Regime.objects.filter(pk=where.regime).exists():
                raise NotDone(f"Aucun régime n'a le code {where.regime}.")
            if OpeningRule.objects.filter(where.rules, since__gte=day).exists():
                raise NotDone(f"Une règle commence déjà ce jour-là ou plus tard : {_words(where)}.")
            _end(OpeningRule.objects.in_force(day).filter(where.rules), day, by, reason)
            rule = OpeningRule(
                regime_id=where.regime or None, department=where.department, channel=where.channel, since=day,
                allowed=allowed, adults_only=adults_only, note=note,
            )  # fmt: skip
            _save(rule, by, reason)
            count += 1
    return count


def stop(places: Iterable[Where], day: dt.date, *, by: Actor, reason: str) -> int:
    """From that day on, what is said of wider places holds there."""
    count = 0
    with transaction.atomic():
        for where in places:
            ended = _end(OpeningRule.objects.in_force(day).filter(where.rules), day, by, reason)
            if not ended:
                raise NotDone(f"Aucune règle n'est en vigueur ce jour-là : {_words(where)}.")
            count += ended
    return count


def _words(where: Where) -> str:
    return f"{where.regime or 'tous régimes'}, {where.department or 'tous départements'}, {where.channel}"


def _end(rules: Iterable[OpeningRule], day: dt.date, by: Actor, reason: str) -> int:
    with transaction.atomic():
        found = list(rules)
        for rule in found:
            rule.until = day
            _save(rule, by, reason)
    return len(found)


def _save(rule: OpeningRule, by: Actor, reason: str) -> None:
    rule._history_user, rule._change_reason = by, reason  # type: ignore[attr-defined]
    rule.save()
