import os
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from patients import letters


class Command(BaseCommand):
    help = "Imprime en un PDF les courriers d'ouverture en attente. Ne change rien sans --apply."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="le PDF à écrire ; il ne doit pas exister")
        parser.add_argument("--at-most", type=int, default=200, help="courriers dans un fichier")
        parser.add_argument(
            "--apply", action="store_true", help="écrire le fichier, et tenir ces courriers pour imprimés"
        )

    def handle(self, *, file, at_most, apply, **options):
        with transaction.atomic():
            rows = letters.waiting()
            # Two operators at once: each letter is printed by one of them.
            found = list(rows.select_for_update(of=("self",), skip_locked=True)[:at_most])
            if found and apply:
                self.write(file, found)
        if not apply:
            self.stdout.write(f"{len(found)} courriers en attente (relancez avec --apply pour les imprimer).")
        elif found:
            left = letters.waiting().count()
            self.stdout.write(
                f"{len(found)} courriers dans {file}, {left} en attente. Les codes valent six semaines : imprimez, "
                "postez, puis effacez ce fichier."
            )
        else:
            self.stdout.write("Aucun courrier en attente : rien n'est écrit.")

    def write(self, file, found):
        """Readable by this account alone. When it cannot be written, the letters still wait."""
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{file} ne peut pas être écrit : {error.strerror}. Rien n'est imprimé.") from error
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(letters.render(found))
        except BaseException:
            file.unlink()
            raise
