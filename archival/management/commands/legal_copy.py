import datetime as dt
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from access import request_queue
from access.management.operators import OperatorCommand
from access.models import User
from archival import copies, legal
from archival.copies_models import Copy
from audit.trail import Actor, ActorKind


class Command(OperatorCommand):
    help = (
        "Copie pour des proches d'une personne décédée ou pour un expert, à deux exploitants : l'un prépare "
        "(prepare), un autre approuve (approve). Chacun donne le code de son application. Puis : copies --give."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        first = steps.add_parser("prepare")
        first.add_argument("number", metavar="DEMANDE", help="numéro de suivi de la demande acceptée")
        first.add_argument("--for", dest="recipient", required=True, help="à qui elle est remise")
        first.add_argument("--reason", required=True, help="motif, ou mission de l'expert")
        first.add_argument("--evidence", required=True, help="acte de notoriété, ordonnance du juge…")
        first.add_argument("--types", required=True, help="codes des types de documents, séparés par des virgules")
        first.add_argument("--since", type=dt.date.fromisoformat, metavar="AAAA-MM-JJ")
        first.add_argument("--until", type=dt.date.fromisoformat, metavar="AAAA-MM-JJ", help="inclus")
        second = steps.add_parser("approve")
        second.add_argument("legal", type=uuid.UUID, metavar="COPIE")
        second.add_argument("--paper", action="store_true", help="un PDF à imprimer, au lieu d'un fichier protégé")
        for step in (first, second):
            self.sign(step)

    def handle(self, *, step: str, by: str, **options: Any) -> None:
        user = self.operator(by)
        act = self._prepare if step == "prepare" else self._approve
        try:
            act(user, user.actor(ActorKind.OPERATOR, means="commande+code"), options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

    def _prepare(self, user: User, actor: Actor, options: dict[str, Any]) -> None:
        request = request_queue.by_number(user, options["number"])
        if request is None:
            raise CommandError("Aucune demande ne porte ce numéro.")
        needed = legal.Needed(
            recipient=options["recipient"],
            reason=options["reason"],
            evidence=options["evidence"],
            types=[code.strip() for code in options["types"].split(",") if code.strip()],
            since=options["since"],
            until=options["until"],
        )
        row = legal.propose(request, needed, by=actor)
        self.stdout.write(f"Préparée : {row.pk}. Un autre exploitant l'approuve : legal_copy approve {row.pk}.")

    def _approve(self, user: User, actor: Actor, options: dict[str, Any]) -> None:
        row = copies.legal_by_id(options["legal"])
        if row is None:
            raise CommandError("Aucune copie préparée ne porte ce numéro.")
        kind = Copy.Kind.PAPER if options["paper"] else Copy.Kind.SEALED
        made = legal.approve(row.dossier_id, row.pk, kind=kind, by=actor)
        self.stdout.write(f"Approuvée. La copie {made.pk} se prépare ; ensuite : copies --give {made.pk} FICHIER.")
