from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.core.management.base import CommandError
from django.utils import timezone

from access import matrix
from access.management.loading import LoadCommand
from access.models import MatrixVersion
from patients import registers, terms
from patients.models import RegisterLoad


class Command(LoadCommand):
    help = "Charge ou recharge les tables de codes du projet, et la matrice d'habilitation provisoire."

    def add_arguments(self, parser):
        self.to_sign(parser)
        self.to_apply(parser)

    def handle(self, *, apply, **options):
        by, reason = self.signed(options, apply=apply)
        with self.trial(apply):
            said = self.load(by, reason)
        self.conclude(said, apply=apply)

    def load(self, by, reason):
        folders = [Path(apps.get_app_config(app).path) / "data" for app in ("patients", "access", "documents")]
        done = registers.Loaded()
        try:
            for folder in folders:
                terms.load(folder, done)
        except terms.WrongTable as error:
            raise CommandError(f"Rien n'a été chargé. {error}") from error
        # Each manifest names the digests of its files.
        manifests = b"".join((folder / "tables.json").read_bytes() for folder in folders)
        registers.keep(RegisterLoad.Register.CODES, sha256(manifests).hexdigest(), done, by=by, reason=reason)
        draft = matrix.content_of(folders[1] / "matrix_draft.csv")
        known = MatrixVersion.objects.filter(name="brouillon 2026-11").first()
        version = matrix.load(
            matrix.read(draft),
            name="brouillon 2026-11",
            status=MatrixVersion.Status.DRAFT,
            source="Des cellules publiées dans la presse ; le reste en est déduit.",
            digest=sha256(draft).hexdigest(),
            effective_from=None if known else timezone.now(),
            by=by,
            reason=reason,
        )
        return f"{done.read} codes chargés ; matrice « {version} », {version.rows.count()} professions."
