import random
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access import demo_people
from documents.demo import care_lines


class Command(BaseCommand):
    help = "Charge les données de démonstration : registres, comptes, dossiers, autorisations. Peut être relancée."

    def handle(self, **options):
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        call_command("load_code_tables", apply=True, stdout=self.stdout)
        persons, directory = demo_people.load_registers()
        if persons.bad or directory.bad:
            raise CommandError("Les registres de démonstration ont des lignes refusées.")
        demo_people.load_people()
        self._load_care_lines()
        self.stdout.write(
            f"Démonstration prête : {persons.read} assurés, {directory.read} situations de professionnels, "
            f"{len(demo_people.HOLDERS)} dossiers, un agent de guichet, un exploitant."
        )

    def _load_care_lines(self):
        """Two years of reimbursements of each holder, by the very command of the insurer's files."""
        today = timezone.localdate()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "demonstration.csv"
            lines = [care_lines.header()]
            for person in demo_people.HOLDERS:
                draw = random.Random(person.number)  # noqa: S311 (nothing secret is drawn)
                lines += care_lines.of_person(person.number, person.ins.oid, 40, today, draw)
            path.write_text("\n".join(lines) + "\n")
            call_command("feed_reimbursements", path, apply=True, stdout=self.stdout)
