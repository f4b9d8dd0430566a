from typing import Any

from django.core.management.base import CommandError, CommandParser

from access import recovery
from access.management.operators import OperatorCommand
from access.models import User
from access.staff_accounts import STAFF
from patients import codes


class Command(OperatorCommand):
    help = "Redonne l'accès à un compte de guichet ou d'exploitation : un code à remettre en main propre, 48 heures."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="adresse e-mail du compte")
        self.answer_for(parser, required=False)

    def handle(self, *, email: str, by: str, reason: str, apply: bool, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email, kind__in=STAFF, is_active=True).first()
        if user is None:
            raise CommandError("Aucun compte de guichet ou d'exploitation à cette adresse. Les autres : au guichet.")
        if not reason.strip():
            raise CommandError("Dites pourquoi : --reason.")
        actor = self.author(by, apply=apply, first=True)
        with self.trial(apply):
            code = recovery.hand_over(user, by=actor, evidence=f"exploitant : {reason.strip()}")
        if apply:
            self.stdout.write(codes.on_paper(code))
        self.conclude("Un code pour 48 heures.", apply=apply)
