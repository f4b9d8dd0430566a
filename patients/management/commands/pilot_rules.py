import csv
from pathlib import Path

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.trail import Actor, ActorKind
from patients.models import OpeningRule

MARK = "Pilote de 2016"


class Command(BaseCommand):
    help = "Met en vigueur, ou lève, les règles d'ouverture du pilote de 2016. Ne change rien sans --apply."

    def add_arguments(self, parser):
        parser.add_argument("switch", choices=["on", "off"])
        parser.add_argument("--apply", action="store_true", help="faire, et pas seulement dire")

    def handle(self, *, switch, apply, **options):
        today = timezone.localdate()
        running = OpeningRule.objects.in_force(today).filter(note__startswith=MARK)
        with transaction.atomic():
            count = self.start(today, running) if switch == "on" else self.stop(today, running)
            if not apply:
                transaction.set_rollback(True)
        verb = "mises en vigueur" if switch == "on" else "levées"
        self.stdout.write(f"{count} règles {verb}{'' if apply else ' (essai : rien n’est changé sans --apply)'}.")

    def start(self, today, running):
        if running.exists():
            return 0
        path = Path(apps.get_app_config("patients").path) / "data" / "opening_rules_2016.csv"
        with path.open(newline="", encoding="utf-8") as file:
            rules = [
                rule_of(row, department, today)
                for row in csv.DictReader(file)
                for department in row["departments"].split() or [""]
            ]
        for rule in rules:
            save(rule)
        return len(rules)

    def stop(self, today, running):
        """A rule is never removed: it ends today."""
        rules = list(running.filter(Q(until=None) | Q(until__gt=today)))
        for rule in rules:
            rule.until = today
            save(rule)
        return len(rules)


def rule_of(row, department, today):
    return OpeningRule(
        regime_id=row["regime"] or None,
        department=department,
        channel=row["channel"],
        allowed=row["allowed"] == "1",
        adults_only=row["adults_only"] == "1",
        since=today,
        note=f"{MARK} : {row['note']}"[:300],
    )


def save(rule):
    rule._history_user = Actor(ActorKind.OPERATOR, "pilot_rules", means="command")
    rule.save()
