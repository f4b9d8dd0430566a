from typing import Any

from django.core.management.base import CommandError, CommandParser

from access.management.operators import OperatorCommand
from audit.trail import Actor, ActorKind
from patients.models import RegisterLoad

LONGEST = RegisterLoad._meta.get_field("reason").max_length or 0
UNATTENDED = "sans exploitant au clavier (installation, mise à jour)"


class LoadCommand(OperatorCommand):
    """A command that loads a register or a table.

    An operator who launches it signs it; an installation, a timer have nobody at the prompt: the command signs.
    """

    def to_sign(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--by", default="", metavar="E-MAIL", help="compte de l'exploitant qui agit ; sans lui, la commande signe"
        )
        parser.add_argument("--reason", default="", metavar="RAISON", help="pourquoi, gardé dans l'historique")

    def signed(self, options: dict[str, Any], *, apply: bool) -> tuple[Actor, str]:
        """Who loads, and why."""
        by, reason = options["by"], options["reason"].strip()
        if len(reason) > LONGEST:
            raise CommandError(f"Une raison a {LONGEST} caractères au plus.")
        if not by:
            name = self.__module__.rpartition(".")[2]
            return Actor(ActorKind.SYSTEM, name, f"La commande {name}", means="commande"), reason or UNATTENDED
        if not reason:
            raise CommandError("Dites pourquoi : --reason.")
        return self.author(by, apply=apply), reason
