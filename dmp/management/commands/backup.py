from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.management.acting import counting
from dmp import backups


class Command(BaseCommand):
    help = "Sauvegarde les deux bases et les documents ; les clés à part. bin/drill prouve qu'elle se restaure."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="DONNÉES", help="dossier vide, pour la base et les documents"
        )
        parser.add_argument("keys", type=Path, metavar="CLÉS", help="dossier vide, ailleurs, pour la base des clés")

    def handle(self, *, folder: Path, keys: Path, **options: Any) -> None:
        try:
            with counting("fichiers", None) as show:
                made = backups.make(folder, keys, progress=show)
        except (OSError, backups.NotMade) as error:
            raise CommandError(f"Ce n'est pas une sauvegarde : {error}") from error
        counts = ", ".join(f"{count} {table}" for table, count in made["counts"].items())
        self.stdout.write(f"Sauvegarde faite : {len(made['files'])} fichiers ; {counts}. Essayez-la : bin/drill.")
