from django.apps import apps
from django.db import connections

from access.roles import grants_for
from audit.management.acting import Acting


class Command(Acting):
    help = "Donne aux rôles de la base leurs droits, et rien de plus. À lancer par le propriétaire des tables."

    def add_arguments(self, parser):
        self.to_apply(parser)

    def handle(self, *, apply, **options):
        with self.trial(apply, "default", "keys"):
            count = self.grant()
        self.conclude(f"Droits posés : {count} instructions, {len(apps.get_models())} modèles.", apply=apply)

    def grant(self):
        count = 0
        for alias in ("default", "keys"):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                tables = sorted(name for (name,) in cursor.fetchall())
                for statement in grants_for(alias, tables):
                    cursor.execute(statement)
                    count += 1
        return count
