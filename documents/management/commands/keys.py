from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.management.acting import Acting, counting
from documents import master_keys
from documents.vault import Unreadable


class Command(Acting):
    help = "Clés maîtresses : les compter, en donner une neuve, remettre les clés des dossiers sous la plus récente."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["list", "new", "rewrap"])
        parser.add_argument("--limit", type=int, help="avec rewrap : clés au plus ; sans lui, toutes")
        self.to_apply(parser, "avec rewrap : le faire, et non le dire seulement")

    def handle(self, *, act: str, apply: bool, limit: int | None, **options: Any) -> None:
        if act == "rewrap":
            return self._rewrap(limit) if apply else self._say()
        {"list": self._list, "new": self._new}[act]()

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

    def _rewrap(self, limit: int | None) -> None:
        with counting("clés", limit or master_keys.left()) as show:
            try:
                done = master_keys.rewrap(show, limit=limit)
            except Unreadable as error:
                raise CommandError(
                    "Une clé de dossier ne s'ouvre pas : sa clé maîtresse manque dans DMP_MASTER_KEYS. Rien n'est "
                    "perdu, ce qui était fait l'est resté."
                ) from error
        self.stdout.write(f"{done} clés remises sous la plus récente ; il en reste {master_keys.left()}.")
