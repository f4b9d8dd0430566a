from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access import staff_accounts
from access.models import User


class Command(BaseCommand):
    help = "Comptes du guichet et de l'exploitation : les lister, en ajouter un, en fermer un."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="tous, avec leurs caisses")
        added = acts.add_parser("add", help="sans mot de passe : access_code donne ensuite l'accès")
        added.add_argument("email")
        added.add_argument("first", metavar="PRÉNOM")
        added.add_argument("last", metavar="NOM")
        added.add_argument("--caisse", default="", help="code de la caisse servie ; sans lui, un exploitant")
        acts.add_parser("end", help="dehors aussitôt ; le compte reste, fermé").add_argument("email")

    def handle(self, *, act: str, **options: Any) -> None:
        try:
            {"list": self._list, "add": self._add, "end": self._end}[act](options)
        except staff_accounts.NotDone as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> None:
        users = User.objects.filter(kind__in=staff_accounts.STAFF).prefetch_related("groups").order_by("email")
        for user in users:
            state = "actif" if user.is_active else "fermé"
            groups = ", ".join(group.name for group in user.groups.all()) or "exploitation"
            self.stdout.write(f"{state}  {user.email}  {user}  {groups}")
        self.stdout.write(f"{len(users)} comptes.")

    def _add(self, options: dict[str, Any]) -> None:
        user = staff_accounts.add(options["email"], options["first"], options["last"], caisse=options["caisse"])
        self.stdout.write(f"Compte ouvert pour {user}. Donnez-lui un code : access_code {user.email}")

    def _end(self, options: dict[str, Any]) -> None:
        user = staff_accounts.end(options["email"])
        self.stdout.write(f"Le compte de {user} est fermé, ses sessions aussi.")
