from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from access.management.operators import MEANS, OperatorCommand
from patients import dossiers, notices
from patients.models import Dossier, Notice

WHY = {
    "fraude": Dossier.Closure.FRAUD,
    "doublon": Dossier.Closure.DOUBLE,
    "deces": Dossier.Closure.DEATH,
}


class Command(OperatorCommand):
    help = (
        "Ferme un dossier pour fraude, doublon ou décès, preuve à l'appui. Plus personne ne le lit ; il est gardé "
        "dix ans. La personne est prévenue, sauf en cas de décès. Sans --apply, dit ce qui serait fait."
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
            with transaction.atomic():
                actor = user.actor(self.kind, means=MEANS)
                dossiers.close(dossier_id, closure=closure, by=actor, reason=evidence.strip())
                if closure != Dossier.Closure.DEATH:
                    notices.tell(dossier_id, Notice.Kind.DOSSIER_CLOSED)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Fermé ({closure.label}). Il peut être réactivé pendant dix ans, puis il sera détruit.")
