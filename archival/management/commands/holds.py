import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from access import authors
from access.management.operators import MEANS, OperatorCommand
from archival import holds
from archival.holds_models import LegalHold


class Command(OperatorCommand):
    help = (
        "Gel d'un dossier qu'une procédure oblige à garder : ni le terme de dix ans ni une demande ne le détruit. "
        "Un exploitant le pose (put), un autre le confirme (confirm) ; un le demande levé (ask-lift), un autre le "
        "lève (lift). Il vaut dès qu'il est posé. Sans étape : la liste ; history : qui a fait quoi, et pourquoi."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step")
        put = steps.add_parser("put")
        put.add_argument("--reason", required=True, help="plainte, expertise, ordonnance…")
        put.add_argument("--evidence", required=True, help="la pièce : son numéro, sa date")
        self.name_dossier(put)
        confirm = steps.add_parser("confirm")
        ask = steps.add_parser("ask-lift")
        ask.add_argument("--reason", required=True, help="la procédure est finie, par quelle décision")
        lift = steps.add_parser("lift")
        for step in (confirm, ask, lift, steps.add_parser("history")):
            step.add_argument("hold", type=uuid.UUID, metavar="GEL")
        for step in (put, confirm, ask, lift):
            self.sign(step)

    def handle(self, *, step: str | None, **options: Any) -> None:
        if step is None:
            return self._list()
        if step == "history":
            return self._history(options["hold"])
        user = self.operator(options["by"])
        by = user.actor(self.kind, means=MEANS)
        try:
            if step == "put":
                dossier_id = self.dossier(user, options["request"])
                row = holds.put(dossier_id, reason=options["reason"], evidence=options["evidence"], by=by)
                return self.stdout.write(
                    f"Posé : {row.pk}. Rien ne détruit plus ce dossier. Un autre exploitant le confirme : "
                    f"holds confirm {row.pk}."
                )
            row = self._of(options["hold"])
            if step == "confirm":
                holds.confirm(row.dossier_id, row.pk, by=by)
                return self.stdout.write("Confirmé.")
            if step == "ask-lift":
                holds.ask_lift(row.dossier_id, row.pk, reason=options["reason"], by=by)
                return self.stdout.write(f"Il vaut encore. Un autre exploitant le lève : holds lift {row.pk}.")
            holds.lift(row.dossier_id, row.pk, by=by)
            self.stdout.write("Levé. Si son terme est passé, le dossier sera détruit à la prochaine heure.")
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

    def _history(self, hold_id: uuid.UUID) -> None:
        """Of one that was lifted too."""
        rows = holds.past(hold_id)
        if not rows:
            raise CommandError("Aucun gel n'a ce nom.")
        names = authors.names(row.history_user_id for row in rows)
        for row, name in zip(rows, names, strict=True):
            day = timezone.localtime(row.history_date)
            self.stdout.write(f"{day:%d/%m/%Y %H:%M}  {name}  {row.history_change_reason}")
        self.stdout.write(f"{len(rows)} actes sur le dossier …{rows[0].dossier_id.hex[-8:]} ({rows[0].evidence}).")

    def _of(self, hold_id: uuid.UUID) -> LegalHold:
        row = holds.by_id(hold_id)
        if row is None:
            raise CommandError("Aucun gel en cours ne porte ce nom.")
        return row

    def _list(self) -> None:
        rows = holds.running()
        for row in rows:
            stage = "confirmé" if row.confirmed_by else "À CONFIRMER"
            if row.lift_asked_by:
                stage += ", levée demandée"
            day = timezone.localtime(row.set_at)
            self.stdout.write(
                f"{row.pk}  {day:%d/%m/%Y}  dossier …{row.dossier_id.hex[-8:]}  {stage}  {row.evidence}"
            )
        waiting = sum(row.confirmed_by is None for row in rows)
        self.stdout.write(f"{len(rows)} dossiers gelés, dont {waiting} à confirmer.")
