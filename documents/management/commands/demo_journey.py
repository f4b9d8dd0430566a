import json
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from access import demo_issuer
from access.models import Professional
from documents.demo.journey import Failed, Journey
from documents.management.commands.demo_code import mailed_code


class Command(BaseCommand):
    help = "Joue le parcours principal sur le portail en marche : dépôt, consultation, masquage, traces."

    def add_arguments(self, parser):
        beside = Path(settings.BASE_DIR).parent / "shared" / "samples"
        parser.add_argument("--samples", type=Path, default=beside, help="documents écrits par d'autres")

    def handle(self, *, samples, **options):
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        journey = Journey(settings.PORTAL_URL, token, mailed_code, self.stdout.write)
        try:
            journey.run()
            if (samples / "expected.json").exists():
                journey.foreign(samples, json.loads((samples / "expected.json").read_text())["files"])
        except (Failed, OSError) as error:
            self.stderr.write(f"  ✗ {error}")
            sys.exit(1)
        self.stdout.write(f"  {journey.count} étapes, tout est passé.\n")


def token(rpps):
    return demo_issuer.token(demo_issuer.claims_of(Professional.objects.get(idnat=f"8{rpps}")))
