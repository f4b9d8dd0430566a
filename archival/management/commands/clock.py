from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from access.management.operators import MEANS, OperatorCommand
from audit import trail
from audit.trail import Event
from patients import clocks


class Command(OperatorCommand):
    help = (
        "Dit si l'horloge est crue. Après un arrêt de plusieurs jours, ou réglée, elle ne l'est plus : "
        "rien n'est fermé ni détruit tant qu'un exploitant n'a pas vu l'heure et dit qu'elle est juste (--apply)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="j'ai regardé : il est bien cette heure-là")
        parser.add_argument("--by", metavar="E-MAIL", help="compte de l'exploitant qui le dit")

    def handle(self, *, apply: bool, by: str | None, **options: Any) -> None:
        self.stdout.write(f"Cette machine : {timezone.localtime():%d/%m/%Y %H:%M}.")
        try:
            if not apply:
                clocks.believed()
                return self.stdout.write("Crue.")
            if not by:
                raise CommandError("Dites qui l'affirme : --by E-MAIL.")
            actor = self.operator(by).actor(self.kind, means=MEANS)
            with transaction.atomic():
                clocks.avow()
                trail.record(Event.CLOCK_AVOWED, by=actor, dossier_id=None)
        except clocks.ClocksApart as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Noté : fermetures et destructions reprennent.")
