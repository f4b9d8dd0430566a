from django.core.management.base import BaseCommand, CommandError

from access import recovery
from access.models import User
from audit.trail import Actor, ActorKind
from patients import codes


class Command(BaseCommand):
    help = "Redonne l'accès à un compte de guichet ou d'exploitation : un code à remettre en main propre, 48 heures."

    def add_arguments(self, parser):
        parser.add_argument("email", help="adresse e-mail du compte")

    def handle(self, *, email, **options):
        staff = User.objects.filter(email=email, kind__in=[User.Kind.AGENT, User.Kind.OPERATOR], is_active=True)
        user = staff.first()
        if user is None:
            raise CommandError("Aucun compte de guichet ou d'exploitation à cette adresse. Les autres : au guichet.")
        by = Actor(ActorKind.OPERATOR, "access_code", "Exploitant", means="commande")
        self.stdout.write(codes.on_paper(recovery.hand_over(user, by=by, evidence="exploitant")))
