from django.utils import timezone

from audit import partitions
from audit.management.acting import Acting


class Command(Acting):
    help = "Prépare les partitions mensuelles de la traçabilité."

    def add_arguments(self, parser):
        parser.add_argument("--months", type=int, default=3, help="mois à préparer après le mois en cours")
        self.to_apply(parser)

    def handle(self, *, months, apply, **options):
        with self.trial(apply):
            made = partitions.make_ahead(timezone.localdate(), months)
            ready = partitions.ahead_of(timezone.localdate())
        self.conclude(f"{len(made)} partition(s) créée(s), {ready} mois d'avance.", apply=apply)
