from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archival import certificates


class Command(BaseCommand):
    help = "Vérifie un certificat de destruction avec la clé publique du site qui l'a fait, sans base de données."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="CERTIFICAT")
        parser.add_argument("--key", required=True, help="clé publique, 32 octets en base64")

    def handle(self, *, file: Path, key: str, **options: Any) -> None:
        try:
            said = certificates.verify(file.read_text(), key)
        except (OSError, UnicodeDecodeError, certificates.Wrong) as error:
            raise CommandError(f"Ce certificat ne prouve rien. {error}") from error
        self.stdout.write(
            f"Certificat {said['reference']} : un dossier fermé le {said['closed_on']} a été détruit le "
            f"{said['destroyed_on']}, {sum(said['counts'].values())} lignes, {len(said['trace_leaves'])} traces."
        )
