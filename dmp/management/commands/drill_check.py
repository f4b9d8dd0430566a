import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import proofs
from dmp import backups
from documents import contents
from documents.models import Document
from documents.vault import Unreadable

SAMPLE = 50


class Command(BaseCommand):
    help = "Juge la base restaurée qu'il sert : comptes, documents ouverts, traçabilité. Lancée par bin/drill."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DONNÉES")

    def handle(self, *, folder: Path, **options: Any) -> None:
        wrong = [*backups.faults(folder), *self._counts(folder)]
        opened = 0
        for document in Document.objects.order_by("?")[:SAMPLE]:
            try:
                size = sum(len(piece) for piece in contents.pieces(document))
            except (OSError, Unreadable):
                wrong.append(f"un document ne s'ouvre pas : {document.pk}")
            else:
                opened += 1
                if size != document.size:
                    wrong.append(f"un document n'a pas sa taille : {document.pk}")
        verdict = proofs.verify()
        if not verdict.whole:
            wrong.append(f"traçabilité : {len(verdict.altered)} altérées, {len(verdict.holed)} dossiers troués")
        for one in wrong:
            self.stderr.write(one)
        if wrong:
            raise CommandError(f"La sauvegarde ne se restaure pas bien : {len(wrong)} points.")
        self.stdout.write(f"Restauration prouvée : {opened} documents ouverts, {verdict.traces} traces vérifiées.")

    def _counts(self, folder: Path) -> list[str]:
        """Rows may only have been added between the counting and the dump."""
        said = json.loads((folder / backups.SUMMARY).read_text())["counts"]
        now = backups.counts()
        return [
            f"{table} : {now[table]} lignes au lieu de {count}" for table, count in said.items() if now[table] < count
        ]
