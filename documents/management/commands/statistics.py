import datetime as dt
from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.management.acting import Acting, counting
from documents import statistics


class Command(Acting):
    help = (
        "Recompte les statistiques : ce qui n'est pas encore publié, ou tout depuis une date (une correction : "
        "elle peut changer des chiffres déjà publiés)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=dt.date.fromisoformat, metavar="AAAA-MM-JJ")
        parser.add_argument("--lower", action="store_true", help="même si des chiffres publiés baissent")
        self.to_apply(parser)

    def handle(self, *, since: dt.date | None, lower: bool, apply: bool, **options: Any) -> None:
        try:
            with self.trial(apply), counting("tables", len(statistics.COUNTS)) as show:
                cells = statistics.recount(since, lower=lower, progress=show)
        except statistics.Lowered as error:
            raise CommandError(f"{error} Rien n'est changé ; pour une vraie correction : --lower.") from error
        self.conclude(f"{cells} chiffres recomptés.", apply=apply)
