from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.management.acting import Acting, counting
from documents import sweep


class Command(Acting):
    help = "Compare les fichiers et les documents ; avec --apply, enlève les fichiers sans document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, help="fichiers enlevés au plus ; sans lui, tous")
        self.to_apply(parser, "les enlever, et pas seulement les compter")

    def handle(self, *, apply: bool, limit: int | None, **options: Any) -> None:
        with counting("documents", None) as show:
            report = sweep.sweep(apply=apply, limit=limit, progress=show)
        found = len(report.orphans) + report.leftovers
        for path in report.strays[:20]:
            self.stderr.write(f"Ce n'est pas un contenu, laissé où il est : {path}")
        removed = f" {min(found, limit or found)} enlevés." if apply else ""
        self.conclude(
            f"{report.rows} documents, {report.files} fichiers ; {len(report.orphans)} fichiers sans document, "
            f"{report.leftovers} restes d'écritures interrompues, {len(report.strays)} fichiers étrangers.{removed}",
            apply=apply,
        )
        if report.missing:
            named = ", ".join(str(document_id) for document_id in report.missing[:20])
            raise CommandError(f"{len(report.missing)} documents sans fichier : restaurez-les ({named}).")
