"""File format: CSV, UTF-8 (a byte order mark is admitted), comma, a header with these columns in any order:

nir13         13 characters of the number (2A and 2B for Corsica), without its key
key           its two digits
oid           what the number is: 1.2.250.1.213.1.4.8 NIR, …4.9 NIA, …4.10 test, …4.11 demonstration
birth_family  birth name                 used_family  name in use, may be empty
given_names   every birth given name, separated by spaces
birth_date    YYYY-MM-DD                 sex          F, M or U
birthplace    INSEE code (COG), five characters, may be empty
postal_code   five digits                regime, caisse  codes of the tables loaded before
email, phone  the contacts on file, may be empty
"""

import csv
from pathlib import Path

from django.core.management.base import CommandError

from access.management.loading import LoadCommand
from audit.management.acting import counting
from patients import registers
from patients.models import RegisterLoad


class Command(LoadCommand):
    help = "Charge ou met à jour le registre des assurés depuis un fichier CSV (format : voir la source)."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="le fichier CSV des assurés")
        parser.add_argument("--regimes", type=Path, help="CSV code,name à charger d'abord")
        parser.add_argument("--caisses", type=Path, help="CSV code,name,department à charger d'abord")
        parser.add_argument("--report", type=Path, help="où écrire les lignes refusées : numéro et raison")
        self.to_sign(parser)
        self.to_apply(parser)

    def handle(self, *, file, regimes, caisses, report, apply, **options):
        by, reason = self.signed(options, apply=apply)
        try:
            with self.trial(apply):
                registers.load_funds(regimes, caisses, by=by, reason=reason)
                done, digest = self.load(file)
                registers.keep(RegisterLoad.Register.INSURED, digest, done, by=by, reason=reason)
        except (OSError, UnicodeDecodeError, csv.Error, registers.WrongFile) as error:
            raise CommandError(f"Rien n'a été chargé. {error}") from error
        registers.tell(done.bad, self.stderr.write, report)
        if done.read and len(done.bad) == done.read:
            raise CommandError(f"Aucune des {done.read} lignes n'est acceptable.")
        self.conclude(
            f"{done.read} lignes lues : {done.added} assurés ajoutés, {done.changed} modifiés, "
            f"{done.same} inchangés, {done.repeated} lignes répétées, {len(done.bad)} refusées.",
            apply=apply,
        )

    def load(self, path):
        with registers.opened(path) as (lines, read), counting("lignes", None) as show:
            return registers.load_insured(lines, progress=show), read.digest.hexdigest()
