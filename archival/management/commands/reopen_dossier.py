from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from access.management.operators import MEANS, OperatorCommand
from archival import reopening
from patients.dossiers import Agreement
from patients.models import Channel, Dossier


class Command(OperatorCommand):
    help = (
        "Rouvre un dossier que l'exploitant avait fermé pour fraude, doublon ou décès, et que personne d'autre ne "
        "rouvre. Il faut le consentement de la personne : la pièce qui le prouve. Sans --apply, ne fait rien."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--evidence", required=True, help="lettre signée, décision… : son numéro, sa date")
        parser.add_argument("--apply", action="store_true", help="rouvrir")
        self.name_dossier(parser)
        self.sign(parser)

    def handle(self, *, evidence: str, apply: bool, by: str, request: str, **options: Any) -> None:
        user = self.operator(by)
        dossier_id = self.dossier(user, request)
        if not apply:
            row = Dossier.objects.get(pk=dossier_id)
            why = f", {row.get_closure_display()}" if row.closure else ""
            return self.stdout.write(
                f"Dossier {row.get_state_display()}{why}. Rien n'est fait (relancez avec --apply)."
            )
        agreement = Agreement("holder", evidence.strip(), Channel.OPERATOR)
        try:
            reopening.reopen(dossier_id, agreement=agreement, by=user.actor(self.kind, means=MEANS))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write("Rouvert. Les autorisations d'accès ne reviennent pas : la personne les redonne.")
