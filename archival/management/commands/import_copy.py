import getpass
import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from access.management.operators import OperatorCommand
from archival import importing, opening_sealed
from patients import dossiers


class Command(OperatorCommand):
    help = (
        "Fait un dossier d'une copie numérique (ZIP, ou fichier protégé : la phrase secrète est demandée). Vérifie "
        "tout et n'écrit rien sans --apply. Les droits, les représentants et la trace ne voyagent pas."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHIER")
        parser.add_argument("--consent", default="", metavar="PREUVE", help="où est le consentement à l'ouverture")
        parser.add_argument("--by", default="", metavar="E-MAIL", help="avec --apply : l'exploitant qui agit")
        self.to_apply(parser, "écrire le dossier")

    def handle(self, *, file: Path, consent: str, apply: bool, by: str, **options: Any) -> None:
        if apply and not consent:
            raise CommandError("Sans consentement de la personne, aucun dossier n'est ouvert : --consent PREUVE.")
        try:
            with os.fdopen(os.memfd_create("copy"), "w+b") as opened:  # in memory: nothing readable on the disk
                found = importing.read(self._zip(file, opened))
                documents, digest = len(found.body["documents"]), found.manifest["canonical_digest"]
                if not apply:
                    self.stdout.write(f"{documents} documents vérifiés, empreinte {digest}. Rien d'écrit : --apply.")
                    return
                importing.take(found, evidence=consent, by=self.author(by, apply=apply))
        except (importing.NotACopy, opening_sealed.NotOpened) as error:
            raise CommandError(str(error)) from error
        except dossiers.AlreadyThere as error:
            raise CommandError("Cette personne a déjà un dossier ici : une copie ne s'y ajoute pas.") from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Dossier ouvert : {documents} documents, empreinte {digest}.")

    def _zip(self, file: Path, opened: Any) -> Any:
        """The archive itself; out of its protection when it has one."""
        try:
            with file.open("rb") as source:
                first = source.read(9)
            if not first.startswith(b"<!DOCTYPE"):
                return file
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} ne peut pas être lu.") from error
        for piece in opening_sealed.pieces(content, getpass.getpass("Phrase secrète : ")):
            opened.write(piece)
        return opened
