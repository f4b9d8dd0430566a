from pathlib import Path

from django.apps import apps
from django.core.management.base import CommandError
from django.utils import timezone

from access import matrix
from access.models import MatrixVersion
from audit.management.acting import Acting
from patients import terms


class Command(Acting):
    help = "Charge ou recharge les tables de codes du projet, et la matrice d'habilitation provisoire."

    def add_arguments(self, parser):
        self.to_apply(parser)

    def handle(self, *, apply, **options):
        with self.trial(apply):
            said = self.load()
        self.conclude(said, apply=apply)

    def load(self):
        folders = [Path(apps.get_app_config(app).path) / "data" for app in ("patients", "access", "documents")]
        try:
            count = sum(terms.load(folder) for folder in folders)
        except terms.WrongTable as error:
            raise CommandError(f"Rien n'a été chargé. {error}") from error
        known = MatrixVersion.objects.filter(name="brouillon 2026-11").first()
        version = matrix.load(
            matrix.read(Path(apps.get_app_config("access").path) / "data" / "matrix_draft.csv"),
            name="brouillon 2026-11",
            status=MatrixVersion.Status.DRAFT,
            source="Des cellules publiées dans la presse ; le reste en est déduit.",
            effective_from=None if known else timezone.now(),
        )
        return f"{count} codes chargés ; matrice « {version} », {version.rows.count()} professions."
