import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from audit.management.acting import Acting
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
SHOWN = 20  # refused lines told on the terminal


class Command(Acting):
    help = "Ajoute aux dossiers les soins remboursés de ces fichiers (docs/alimentation.md). Relancée, elle reprend."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FICHIER")
        self.to_apply(parser, "écrire ; sans cela, lire et dire seulement")
        parser.add_argument("--again", action="store_true", help="relire aussi ce qui est entré en entier")
        parser.add_argument("--report", type=Path, help="où écrire les lignes refusées : fichier, numéro, raison")

    def handle(self, *, files: list[Path], apply: bool, again: bool, report: Path | None, **options: Any) -> None:
        count = 0
        with ExitStack() as stack:
            target = stack.enter_context(report.open("w", encoding="utf-8")) if report is not None else None
            for path in files:
                for line in self._feed(path, again) if apply else self._rehearse(path):
                    count += 1
                    if count <= SHOWN:
                        self.stderr.write(line)
                    if target is not None:
                        target.write(f"{line}\n")
        if count:
            more = f" ({SHOWN} sur {count} montrées ; toutes avec --report)" if count > SHOWN else ""
            raise CommandError(
                f"{count} lignes refusées{more} ; les autres sont entrées."
                if apply
                else f"{count} lignes seraient refusées{more}."
            )

    def _feed(self, path: Path, again: bool) -> Iterator[str]:
        with self._bar(path) as bar:
            task = bar.add_task(path.name, total=self._size(path))

            def show(run: FeedRun) -> None:
                bar.update(task, completed=run.offset)

            try:
                run = feed.feed(path, again=again, progress=show)
            except (OSError, WrongFile, feed.Busy) as error:
                raise CommandError(f"{path.name} : {error}") from error
        told = ", ".join(f"{getattr(run, name)} {words}" for name, words in COUNTS.items() if getattr(run, name))
        self.stdout.write(f"{path.name} : {run.lines} lignes lues ; {told or 'rien à ajouter'}.")
        refused = run.rejections.order_by("number").values_list("number", "reason")
        for number, why in refused.iterator(chunk_size=5000):
            yield f"{path.name}, ligne {number} : {why}"

    def _rehearse(self, path: Path) -> Iterator[str]:
        lines = 0
        with self._bar(path) as bar:
            task = bar.add_task(path.name, total=self._size(path))

            def show(chunk: Chunk) -> None:
                bar.update(task, completed=chunk.offset)

            try:
                for chunk in feed.rehearse(path, progress=show):
                    lines += chunk.lines
                    for number, why in chunk.rejected:
                        yield f"{path.name}, ligne {number} : {why}"
            except (OSError, WrongFile) as error:
                raise CommandError(f"{path.name} : {error}") from error
        self.stdout.write(f"{path.name} : {lines} lignes lues, rien n'est écrit (relancez avec --apply).")

    def _size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError as error:
            raise CommandError(f"{path.name} ne peut pas être lu.") from error

    def _bar(self, path: Path) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
        return Progress(*columns, TimeRemainingColumn(), transient=True, disable=not sys.stdout.isatty())
