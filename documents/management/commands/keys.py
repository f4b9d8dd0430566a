import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from documents import master_keys
from documents.vault import Unreadable


class Command(BaseCommand):
    help = "Clés maîtresses : les compter, en donner une neuve, remettre les clés des dossiers sous la plus récente."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["list", "new", "rewrap"])
        parser.add_argument("--apply", action="store_true", help="avec rewrap : le faire, et non le dire seulement")

    def handle(self, *, act: str, apply: bool, **options: Any) -> None:
        {"list": self._list, "new": self._new, "rewrap": self._rewrap if apply else self._say}[act]()

    def _list(self) -> None:
        for version, count in master_keys.counts().items():
            self.stdout.write(f"version {version} : {count} clés de dossiers")
        self.stdout.write(f"{master_keys.left()} clés à remettre sous la plus récente.")

    def _new(self) -> None:
        version = max(master_keys.counts(), default=0) + 1
        self.stdout.write(f"{version}:{master_keys.new()}")
        self.stderr.write(
            "Ajoutez ce texte à DMP_MASTER_KEYS après une virgule, gardez-en une copie hors ligne, redémarrez, "
            "puis lancez « keys rewrap --apply ». L'ancienne clé reste tant que « keys list » en compte."
        )

    def _say(self) -> None:
        self.stdout.write(f"{master_keys.left()} clés à remettre sous la plus récente (relancez avec --apply).")

    def _rewrap(self) -> None:
        bars = (TextColumn("clés"), MofNCompleteColumn())
        with Progress(*bars, transient=True, disable=not sys.stdout.isatty()) as bar:
            task = bar.add_task("clés", total=master_keys.left())
            try:
                done = master_keys.rewrap(lambda count: bar.update(task, completed=count))
            except Unreadable as error:
                raise CommandError(
                    "Une clé de dossier ne s'ouvre pas : sa clé maîtresse manque dans DMP_MASTER_KEYS. Rien n'est "
                    "perdu, ce qui était fait l'est resté."
                ) from error
        self.stdout.write(f"{done} clés remises sous la plus récente ; il en reste {master_keys.left()}.")
