from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archival import restored


class Command(BaseCommand):
    help = (
        "Après une restauration : détruit de nouveau (avec --apply ; sinon compte) les dossiers déjà détruits que la "
        "sauvegarde a fait revenir, d'après le journal des destructions (DMP_TOMBSTONES). bin/run la lance."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="détruire, pour toujours")

    def handle(self, *, apply: bool, **options: Any) -> None:
        try:
            found = list(restored.come_back())
            if not apply:
                self.stdout.write(f"{len(found)} dossiers détruits sont revenus (relancez avec --apply).")
                return
            done = sum(one is not None for one in restored.replay(found))
        except OSError as error:
            raise CommandError(
                f"Un disque ne répond pas ou est plein ({error}) : remettez-le, puis relancez la commande."
            ) from error
        left = f", {len(found) - done} le seront dans l'heure" if done < len(found) else ""
        self.stdout.write(f"{done} dossiers revenus, détruits de nouveau{left}.")
