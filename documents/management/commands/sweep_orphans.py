from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents import sweep


class Command(BaseCommand):
    help = "Compare les fichiers et les documents ; avec --apply, efface les fichiers sans document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="efface ; sans elle, dit seulement")

    def handle(self, *, apply: bool, **options: Any) -> None:
        report = sweep.sweep(apply=apply)
        done = "effacés" if apply else "à effacer (relancez avec --apply)"
        self.stdout.write(
            f"{report.rows} documents, {report.files} fichiers. {done.capitalize()} : {len(report.orphans)} "
            f"fichiers sans document, {report.leftovers} restes d'écritures interrompues. "
            f"{len(report.strays)} fichiers étrangers."
        )
        for path in report.strays[:20]:
            self.stderr.write(f"Fichier étranger, laissé où il est : {path}")
        if report.missing:
            named = ", ".join(str(document_id) for document_id in report.missing[:20])
            raise CommandError(f"{len(report.missing)} documents sans fichier : restaurez-les. {named}")
