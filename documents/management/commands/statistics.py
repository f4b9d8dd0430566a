import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from audit.management.acting import Acting, counting
from documents import statistics


class Command(Acting):
    help = (
        "Recompte les statistiques : ce qui n'est pas encore publié, ou tout depuis une date (une correction : "
        "elle peut changer des chiffres déjà publiés)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=dt.date.fromisoformat, metavar="AAAA-MM-JJ")
        self.to_apply(parser)

    def handle(self, *, since: dt.date | None, apply: bool, **options: Any) -> None:
        with self.trial(apply), counting("tables", len(statistics.COUNTS)) as show:
            cells = statistics.recount(since, progress=show)
        self.conclude(f"{cells} chiffres recomptés.", apply=apply)
