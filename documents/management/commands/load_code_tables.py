from pathlib import Path

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from access import matrix
from access.models import MatrixVersion
from patients import terms


class Command(BaseCommand):
    help = "Charge ou recharge les tables de codes du projet, et la matrice d'habilitation provisoire."

    def handle(self, **options):
        folders = [Path(apps.get_app_config(app).path) / "data" for app in ("patients", "access", "documents")]
        try:
            with transaction.atomic():
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
        self.stdout.write(f"{count} codes chargés ; matrice « {version} », {version.rows.count()} professions.")
