from typing import Any

from django.core.management.base import CommandError, CommandParser

from access import staff_accounts
from access.management.operators import OperatorCommand
from access.models import User
from audit.trail import Actor
from patients import codes


class Command(OperatorCommand):
    help = (
        "Comptes du guichet et de l'exploitation : les lister, en ajouter, en changer, en fermer, en rouvrir. "
        "Chaque acte garde qui l'a fait (--by, son code est demandé) et pourquoi (--reason)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="tous, avec leurs caisses")
        added = acts.add_parser("add", help="sans mot de passe : access_code donne ensuite l'accès")
        added.add_argument("email", help="celle de son travail, à lui seul")
        added.add_argument("first", metavar="PRÉNOM", help="comme les autres le lisent")
        added.add_argument("last", metavar="NOM", help="nom de famille")
        end = acts.add_parser("end", help="dehors aussitôt ; le compte reste, fermé")
        back = acts.add_parser("back", help="rouvre un compte fermé : access_code donne ensuite l'accès")
        serve = acts.add_parser("serve", help="un agent sert une caisse de plus")
        leave = acts.add_parser("leave", help="un agent ne sert plus cette caisse")
        role = acts.add_parser("role", help="agent de cette caisse ; sans caisse, exploitant")
        reset = acts.add_parser("reset", help="téléphone perdu : plus de second facteur, et un code pour revenir")
        for one in (end, back, serve, leave, role, reset):
            one.add_argument("email", help="adresse e-mail du compte")
        for one in (added, role):
            one.add_argument("--caisse", default="", help="code de la caisse servie ; sans lui, un exploitant")
        for one in (serve, leave):
            one.add_argument("--caisse", required=True, help="son code")
        for one in (added, end, back, serve, leave, role, reset):
            self.answer_for(one, required=False)

    def handle(self, *, act: str, **options: Any) -> None:
        if act == "list":
            return self._list()
        apply, reason = options["apply"], options["reason"].strip()
        if not reason:
            raise CommandError("Dites pourquoi : --reason.")
        by = self.author(options["by"], apply=apply, first=act in ("add", "reset"))
        try:
            with self.trial(apply):
                said, code = self._act(act, options, by, reason)
        except staff_accounts.NotDone as error:
            raise CommandError(str(error)) from error
        if code and apply:
            self.stdout.write(codes.on_paper(code))
        self.conclude(said, apply=apply)

    def _act(self, act: str, options: dict[str, Any], by: Actor, reason: str) -> tuple[str, str]:
        email = options["email"]
        if act == "add":
            names = options["first"], options["last"]
            user = staff_accounts.add(email, *names, caisse=options["caisse"], by=by, reason=reason)
            return f"Compte ouvert pour {user}. Donnez-lui un code : access_code {user.email}", ""
        if act == "end":
            user = staff_accounts.end(email, by=by, reason=reason)
            return f"Le compte de {user} est fermé, ses sessions aussi.", ""
        if act == "back":
            user = staff_accounts.take_back(email, by=by, reason=reason)
            return f"Le compte de {user} est rouvert. Donnez-lui un code : access_code {user.email}", ""
        if act == "reset":
            user, code = staff_accounts.reset(email, by=by, reason=reason)
            return f"{user} n'a plus de second facteur ; ce code, remis en main propre, le fait revenir.", code
        caisse = options["caisse"]
        if act == "serve":
            return f"{staff_accounts.serve(email, caisse, by=by, reason=reason)} sert la caisse {caisse}.", ""
        if act == "leave":
            return f"{staff_accounts.leave(email, caisse, by=by, reason=reason)} ne sert plus la caisse {caisse}.", ""
        user = staff_accounts.change_role(email, caisse=caisse, by=by, reason=reason)
        return f"{user} : {user.get_kind_display()}. Il se connecte de nouveau.", ""

    def _list(self) -> None:
        users = User.objects.filter(kind__in=staff_accounts.STAFF).prefetch_related("groups").order_by("email")
        for user in users:
            state = "actif" if user.is_active else "fermé"
            groups = ", ".join(group.name for group in user.groups.all()) or "exploitation"
            self.stdout.write(f"{state}  {user.email}  {user}  {groups}")
        self.stdout.write(f"{len(users)} comptes.")
