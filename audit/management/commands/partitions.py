from django.core.management.base import BaseCommand
from django.utils import timezone

from audit import partitions


class Command(BaseCommand):
    help = "Prépare les partitions mensuelles de la traçabilité."

    def add_arguments(self, parser):
        parser.add_argument("--months", type=int, default=3, help="mois à préparer après le mois en cours")

    def handle(self, *, months, **options):
        made = partitions.make_ahead(timezone.localdate(), months)
        ready = partitions.ahead_of(timezone.localdate())
        self.stdout.write(f"{len(made)} partition(s) créée(s), {ready} mois d'avance.")
