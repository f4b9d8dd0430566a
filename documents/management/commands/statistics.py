import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from documents import statistics


class Command(BaseCommand):
    help = (
        "Recompte les statistiques : ce qui n'est pas encore publié, ou tout depuis une date (une correction : "
        "elle peut changer des chiffres déjà publiés)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=dt.date.fromisoformat, metavar="AAAA-MM-JJ")

    def handle(self, *, since: dt.date | None, **options: Any) -> None:
        self.stdout.write(f"{statistics.recount(since)} chiffres recomptés.")
