"""Public extraction of the national directory (PS_LibreAcces_Personne_activite): UTF-8, pipes, French header."""

from pathlib import Path

from django.core.management.base import CommandError

from access import registers
from access.management.loading import LoadCommand
from audit.management.acting import counting
from patients.models import RegisterLoad
from patients.registers import keep, opened, tell


class Command(LoadCommand):
    help = "Charge ou met à jour l'annuaire des professionnels depuis l'extraction publique de l'Annuaire Santé."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="le fichier de l'extraction")
        parser.add_argument(
            "--full", action="store_true", help="fichier complet : qui n'y est plus n'est plus en exercice"
        )
        parser.add_argument(
            "--at-most", type=int, default=10, help="part de retraits admise avec --full, en pour cent"
        )
        parser.add_argument("--report", type=Path, help="où écrire les lignes refusées : numéro et raison")
        self.to_sign(parser)
        self.to_apply(parser)

    def handle(self, *, file, full, at_most, report, apply, **options):
        by, reason = self.signed(options, apply=apply)
        try:
            with self.trial(apply):
                done, digest = self.load(file, full, at_most)
                keep(RegisterLoad.Register.PROFESSIONALS, digest, done, by=by, reason=reason)
        except (OSError, UnicodeDecodeError, registers.WrongFile) as error:
            raise CommandError(f"Rien n'a été chargé. {error}") from error
        tell(done.bad, self.stderr.write, report)
        if done.read and len(done.bad) == done.read:
            raise CommandError(f"Aucune des {done.read} lignes n'est acceptable.")
        self.conclude(
            f"{done.read} lignes lues : "
            f"professionnels {done.professionals[0]} ajoutés, {done.professionals[1]} modifiés, "
            f"{done.inactive} retirés ; structures {done.structures[0]} ajoutées, "
            f"{done.structures[1]} modifiées ; situations {done.situations[0]} ajoutées, "
            f"{done.removed_situations} retirées ; {len(done.bad)} lignes refusées.",
            apply=apply,
        )

    def load(self, path, full, at_most):
        with opened(path, newline="\n") as (lines, read), counting("lignes", None) as show:
            done = registers.load_professionals(lines, full=full, at_most=at_most, progress=show)
            return done, read.digest.hexdigest()
