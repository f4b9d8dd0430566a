import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from audit import proofs
from audit.models import Trace


class Command(BaseCommand):
    help = "Vérifie toute la traçabilité : rangs sans trou dans chaque dossier, empreinte de chaque trace."

    def handle(self, **options: Any) -> None:
        bars = (TextColumn("traces"), MofNCompleteColumn())
        with Progress(*bars, transient=True, disable=not sys.stdout.isatty()) as bar:
            task = bar.add_task("traces", total=Trace.objects.count())
            verdict = proofs.verify(lambda count: bar.update(task, completed=count))
        for key in verdict.altered[:20]:
            self.stderr.write(f"Trace altérée : {key}")
        for key in verdict.holed[:20]:
            self.stderr.write(f"Traces manquantes ou en double : dossier {key}")
        told = f"{verdict.traces} traces lues"
        if not verdict.whole:
            raise CommandError(f"{told} ; {len(verdict.altered)} altérées, {len(verdict.holed)} dossiers troués.")
        self.stdout.write(f"{told} ; aucune altérée, aucun trou.")
