from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connections

from access.roles import grants_for


class Command(BaseCommand):
    help = "Donne aux rôles de la base leurs droits, et rien de plus. À lancer par le propriétaire des tables."

    def handle(self, **options):
        count = 0
        for alias in ("default", "keys"):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                tables = sorted(name for (name,) in cursor.fetchall())
                for statement in grants_for(alias, tables):
                    cursor.execute(statement)
                    count += 1
        self.stdout.write(f"Droits posés : {count} instructions, {len(apps.get_models())} modèles.")
