import getpass
import uuid

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from access import request_queue
from access.models import User
from audit.management.acting import Acting
from audit.trail import Actor, ActorKind
from patients import ins
from patients.models import identity_of

MEANS = "commande+code"
NOBODY = "Aucun dossier n'est connu sous ce numéro."
REHEARSED = Actor(ActorKind.OPERATOR, "essai", "Essai", means="commande")  # of what is undone
FIRST = Actor(ActorKind.OPERATOR, "installation", "Mise en service", means="commande")


class OperatorCommand(Acting):
    """A command signed by one named operator: who acts is who holds the second factor of the account, nobody else."""

    kind = ActorKind.OPERATOR

    def sign(self, parser: CommandParser) -> None:
        parser.add_argument("--by", required=True, metavar="E-MAIL", help="compte de l'exploitant qui agit")

    def answer_for(self, parser: CommandParser, *, required: bool = True) -> None:
        """Of an act that is kept in a history: who, and why."""
        parser.add_argument(
            "--by", required=required, default="", metavar="E-MAIL", help="compte de l'exploitant qui agit"
        )
        parser.add_argument("--reason", required=True, metavar="RAISON", help="pourquoi, gardé dans l'historique")
        self.to_apply(parser)

    def name_dossier(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--request", default="", metavar="DEMANDE", help="numéro de suivi ; sans lui, le numéro de la personne "
            "est demandé, et n'est ni affiché ni gardé dans l'historique du terminal",
        )  # fmt: skip

    def author(self, by: str, *, apply: bool, first: bool = False) -> Actor:
        """Who acts; the code is asked when something is really done.

        `first`: as long as no operator has a second factor, nobody could sign; the installation does.
        """
        if not apply:
            return REHEARSED
        if not by and first and not _anybody():
            return FIRST
        if not by:
            raise CommandError("Dites qui agit : --by E-MAIL.")
        return self.operator(by).actor(self.kind, means=MEANS)

    def operator(self, email: str) -> User:
        user = User.objects.filter(email__iexact=email, kind=User.Kind.OPERATOR, is_active=True).first()
        known = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first() if user else None
        code = getpass.getpass(f"Code de l'application de {email} : ")
        if user is None or known is None or not TOTP(known).validate_code(code):
            raise CommandError("Ce compte, ou ce code, n'est pas celui d'un exploitant.")
        return user

    def dossier(self, user: User, request: str) -> uuid.UUID:
        """Whose: by the number of a request's receipt, else by the person's own, typed unseen."""
        if request:
            row = request_queue.by_number(user, request)
            if row is None:
                raise CommandError("Aucune demande ne porte ce numéro.")
            return row.dossier_id
        typed = getpass.getpass("Numéro de sécurité sociale de la personne (15 caractères) : ")
        for oid in ins.OIDS:
            try:
                known = identity_of(ins.read(typed, oid).lookup)
            except (ValidationError, ValueError) as error:
                raise CommandError("Ce numéro n'a pas la forme attendue : 15 caractères, clé comprise.") from error
            if known is not None:
                return known
        raise CommandError(NOBODY)


def _anybody() -> bool:
    """Whether there is an operator who can sign."""
    able = Authenticator.objects.filter(type=Authenticator.Type.TOTP).values("user")
    return User.objects.filter(pk__in=able, kind=User.Kind.OPERATOR, is_active=True).exists()
