from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from access.management.operators import MEANS, OperatorCommand
from archival import closing
from patients.models import Dossier

WHY = {
    "fraude": Dossier.Closure.FRAUD,
    "doublon": Dossier.Closure.DOUBLE,
    "deces": Dossier.Closure.DEATH,
}


class Command(OperatorCommand):
    help = (
        "Ferme un dossier pour fraude, doublon ou décès, preuve à l'appui. Plus personne ne le lit ; il est gardé "
        "dix ans, et un exploitant seul le rouvre. La personne est prévenue ; après un décès, son compte ne s'ouvre "
        "plus. Sans --apply, dit ce qui serait fait."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("why", choices=sorted(WHY), metavar="MOTIF", help="fraude, doublon ou deces")
        parser.add_argument("--evidence", required=True, help="acte de décès, décision… : son numéro, sa date")
        parser.add_argument("--apply", action="store_true", help="fermer")
        self.name_dossier(parser)
        self.sign(parser)

    def handle(self, *, why: str, evidence: str, apply: bool, by: str, request: str, **options: Any) -> None:
        user = self.operator(by)
        dossier_id = self.dossier(user, request)
        closure = WHY[why]
        if not evidence.strip():
            raise CommandError("Dites quelle est la preuve.")
        if not apply:
            row = Dossier.objects.get(pk=dossier_id)
            return self.stdout.write(f"Dossier {row.get_state_display()}. Rien n'est fait (relancez avec --apply).")
        try:
            by_operator = user.actor(self.kind, means=MEANS)
            closing.close_on_proof(dossier_id, closure, evidence=evidence.strip(), by=by_operator)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            f"Fermé ({closure.label}). Un exploitant peut le rouvrir (reopen_dossier) ; dans dix ans il sera détruit."
        )
