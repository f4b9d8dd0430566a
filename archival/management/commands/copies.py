import getpass
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from access import gate
from access.management.operators import MEANS, OperatorCommand
from archival import copies, sealing
from archival.copies_models import Copy
from audit.trail import Actor
from documents.vault import Unreadable
from patients.models import Channel


class Command(OperatorCommand):
    help = (
        "Liste les copies de dossiers : en préparation, prêtes, non faites. --give écrit dans un fichier celle qui "
        "va à un tiers, ou qu'aucune imprimante ne met sous pli : un exploitant, avec le code de son application, "
        "et l'acte est tracé sous son nom. --destroy détruit ce qui a fait son temps."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--give", nargs=2, metavar=("COPIE", "FICHIER"), help="FICHIER n'existe pas encore")
        parser.add_argument("--by", default="", metavar="E-MAIL", help="compte de l'exploitant qui remet la copie")
        parser.add_argument(
            "--destroy", action="store_true", help="celles de plus de huit jours, et les fichiers perdus"
        )

    def handle(self, *, give: list[str] | None, by: str, destroy: bool, **options: Any) -> None:
        if give:
            if not by:
                raise CommandError("Dites qui remet la copie : --by ADRESSE, le compte d'un exploitant.")
            actor = self.operator(by).actor(self.kind, means=MEANS)
            return self._give(give[0], Path(give[1]), actor)
        if destroy:
            count = copies.destroy_ended()
            return self.stdout.write(
                f"{count} copies détruites, {copies.sweep(timezone.now().timestamp())} fichiers."
            )
        rows = copies.listed()
        for row in rows:
            left = "" if row.left_out is None else f"  {row.left_out} documents laissés de côté"
            day = timezone.localtime(row.asked_at)
            self.stdout.write(
                f"{row.pk}  {day:%d/%m/%Y %H:%M}  {row.get_kind_display()}, {row.get_channel_display()}  "
                f"{row.get_state_display()} {row.progress} %{left}"
            )
        self.stdout.write(f"{len(rows)} copies.")

    def _give(self, name: str, file: Path, by: Actor) -> None:
        row = self._row(name)
        passphrase = self._passphrase() if row.kind == Copy.Kind.SEALED else ""
        try:
            with file.open("xb") as target:
                file.chmod(0o600)
                pieces = copies.give(row, by=by, handed_over=True)
                if passphrase:
                    pieces = sealing.html(pieces, passphrase, "Copie d'un dossier médical partagé")
                for piece in pieces:
                    target.write(piece)
        except FileExistsError as error:
            raise CommandError(f"{file} existe déjà.") from error
        except (copies.Gone, gate.Refused, gate.Absent, Unreadable, OSError) as error:
            file.unlink(missing_ok=True)
            raise CommandError("Cette copie n'est pas prête, n'est plus là, ou ne peut plus être donnée.") from error
        self.stdout.write(f"Écrite dans {file}, qui contient des données de santé : détruisez-le une fois remis.")

    def _row(self, name: str) -> Copy:
        """What somebody asked for online is hers to fetch, and not an operator's."""
        try:
            row = next((one for one in copies.listed() if one.pk == uuid.UUID(name)), None)
        except ValueError as error:
            raise CommandError("Ce n'est pas le numéro d'une copie.") from error
        if row is None or row.channel == Channel.WEB:
            raise CommandError("Aucune copie à remettre ne porte ce numéro.")
        return row

    def _passphrase(self) -> str:
        typed = getpass.getpass("Phrase secrète, à donner par un autre moyen que le fichier : ")
        if len(typed) < sealing.SHORTEST:
            raise CommandError(f"La phrase secrète doit avoir au moins {sealing.SHORTEST} caractères.")
        return typed
