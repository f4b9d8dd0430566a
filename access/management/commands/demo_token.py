from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from access import demo_issuer
from access.models import Professional


class Command(BaseCommand):
    help = "Donne un jeton d'accès de démonstration pour un professionnel de l'annuaire."

    def add_arguments(self, parser):
        parser.add_argument("rpps", help="les 11 chiffres du RPPS")
        parser.add_argument("--hours", type=int, default=8)

    def handle(self, *, rpps, hours, **options):
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        professional = Professional.objects.filter(idnat=f"8{rpps}").first()
        if professional is None:
            raise CommandError("Ce RPPS n'est pas dans l'annuaire chargé.")
        self.stdout.write(demo_issuer.token(demo_issuer.claims_of(professional), hours * 3600))
