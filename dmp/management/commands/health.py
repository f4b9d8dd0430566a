from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dmp import health


class Command(BaseCommand):
    help = "Dit si tout va bien : bases, rôles, tâches, horloges, disque, clés. Sort en erreur (1) sinon."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        ill = 0
        for answer in health.answers():
            self.stdout.write(f"{'bien' if answer.well else 'MAL '}  {answer.name:<14} {answer.said}")
            ill += not answer.well
        if ill:
            raise CommandError(f"{ill} points à voir.", returncode=1)
        self.stdout.write("Tout va bien.")
