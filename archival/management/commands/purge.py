import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from archival import certificates, destruction
from archival.models import Certificate


class Command(BaseCommand):
    help = (
        "Détruit les dossiers fermés depuis plus de dix ans (avec --apply ; sinon les compte). Relancée, elle achève "
        "ce qu'une autre n'a pas fini."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="détruire, pour toujours")
        parser.add_argument("--limit", type=int, default=1000, help="dossiers au plus")
        parser.add_argument("--certificates", type=Path, metavar="DOSSIER", help="où écrire les certificats faits")

    def handle(self, *, apply: bool, limit: int, certificates: Path | None, **options: Any) -> None:
        try:
            destruction.refuse_clocks_apart()
        except destruction.ClocksApart as error:
            raise CommandError(str(error)) from error
        found = list(destruction.due(limit))[:limit]
        if not apply:
            self.stdout.write(f"{len(found)} dossiers à détruire (relancez avec --apply).")
            return
        done = 0
        with Progress(
            TextColumn("dossiers"), MofNCompleteColumn(), transient=True, disable=not sys.stdout.isatty()
        ) as bar:
            task = bar.add_task("dossiers", total=len(found))
            for key in found:
                certificate = destruction.attempt(key)
                if certificate is not None:
                    done += 1
                    self._write(certificate, certificates)
                bar.advance(task)
        self.stdout.write(
            f"{done} dossiers détruits, {len(found) - done} laissés à un autre passage (journal, health)."
        )

    def _write(self, certificate: Certificate, folder: Path | None) -> None:
        if folder is not None:
            text = certificates.written(certificate.statement, bytes(certificate.signature))
            (folder / f"{certificate.reference}.json").write_text(text)
