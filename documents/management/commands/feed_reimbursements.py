import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from documents import feed
from documents.care_lines import FeedRun
from documents.feed_lines import Chunk, WrongFile

COUNTS = {
    "added": "ajoutées",
    "changed": "corrigées",
    "cancelled": "annulées",
    "same": "déjà connues",
    "unknown": "de personnes sans dossier",
    "closed": "de dossiers fermés",
    "protected": "actes protégés de mineurs, non gardés",
    "old": "hors de la période",
    "rejected": "refusées",
}


class Command(BaseCommand):
    help = "Ajoute aux dossiers les soins remboursés de ces fichiers (docs/alimentation.md). Relancée, elle reprend."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FICHIER")
        parser.add_argument("--apply", action="store_true", help="écrire ; sans cela, lire et dire seulement")
        parser.add_argument("--report", type=Path, help="où écrire les lignes refusées : fichier, numéro, raison")

    def handle(self, *, files: list[Path], apply: bool, report: Path | None, **options: Any) -> None:
        rejected = [one for path in files for one in (self._feed(path) if apply else self._rehearse(path))]
        for line in rejected[:20]:
            self.stderr.write(line)
        if report is not None:
            report.write_text("".join(f"{line}\n" for line in rejected))
        if rejected:
            more = f" (20 sur {len(rejected)} montrées ; toutes avec --report)" if len(rejected) > 20 else ""
            raise CommandError(
                f"{len(rejected)} lignes refusées{more} ; les autres sont entrées."
                if apply
                else f"{len(rejected)} lignes seraient refusées{more}."
            )

    def _feed(self, path: Path) -> list[str]:
        with self._bar(path) as bar:
            task = bar.add_task(path.name, total=self._size(path))

            def show(run: FeedRun) -> None:
                bar.update(task, completed=run.offset)

            try:
                run = feed.feed(path, progress=show)
            except (OSError, WrongFile, feed.Busy) as error:
                raise CommandError(f"{path.name} : {error}") from error
        told = ", ".join(f"{getattr(run, name)} {words}" for name, words in COUNTS.items() if getattr(run, name))
        self.stdout.write(f"{path.name} : {run.lines} lignes lues ; {told or 'rien à ajouter'}.")
        return [f"{path.name}, ligne {one.number} : {one.reason}" for one in run.rejections.order_by("number")]

    def _rehearse(self, path: Path) -> list[str]:
        lines, rejected = 0, []
        with self._bar(path) as bar:
            task = bar.add_task(path.name, total=self._size(path))

            def show(chunk: Chunk) -> None:
                bar.update(task, completed=chunk.offset)

            try:
                for chunk in feed.rehearse(path, progress=show):
                    lines += chunk.lines
                    rejected += [f"{path.name}, ligne {number} : {why}" for number, why in chunk.rejected]
            except (OSError, WrongFile) as error:
                raise CommandError(f"{path.name} : {error}") from error
        self.stdout.write(f"{path.name} : {lines} lignes lues, rien n'est écrit (relancez avec --apply).")
        return rejected

    def _size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError as error:
            raise CommandError(f"{path.name} ne peut pas être lu.") from error

    def _bar(self, path: Path) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
        return Progress(*columns, TimeRemainingColumn(), transient=True, disable=not sys.stdout.isatty())
