from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from access import demo_people


class Command(BaseCommand):
    help = "Charge les données de démonstration : registres, comptes, dossiers, autorisations. Peut être relancée."

    def handle(self, **options):
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        call_command("load_code_tables", stdout=self.stdout)
        persons, directory = demo_people.load_registers()
        if persons.bad or directory.bad:
            raise CommandError("Les registres de démonstration ont des lignes refusées.")
        demo_people.load_people()
        self.stdout.write(
            f"Démonstration prête : {persons.read} assurés, {directory.read} situations de professionnels, "
            f"{len(demo_people.HOLDERS)} dossiers, un agent de guichet, un exploitant."
        )
