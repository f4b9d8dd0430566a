from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import proofs
from audit.management.acting import counting
from audit.models import Trace


class Command(BaseCommand):
    help = "Vérifie toute la traçabilité : rangs sans trou dans chaque dossier, empreinte de chaque trace."

    def handle(self, **options: Any) -> None:
        with counting("traces", Trace.objects.count()) as show:
            verdict = proofs.verify(show)
        for key in verdict.altered[:20]:
            self.stderr.write(f"Trace altérée : {key}")
        for key in verdict.holed[:20]:
            self.stderr.write(f"Traces manquantes ou en double : dossier {key}")
        told = f"{verdict.traces} traces lues"
        if not verdict.whole:
            raise CommandError(f"{told} ; {len(verdict.altered)} altérées, {len(verdict.holed)} dossiers troués.")
        self.stdout.write(f"{told} ; aucune altérée, aucun trou.")
