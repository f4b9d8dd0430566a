import datetime as dt
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from access import matrix
from access.management.loading import LoadCommand
from access.models import MatrixVersion


class Command(LoadCommand):
    help = (
        "Charge une version de la matrice d'habilitation (article R1111-46) : un CSV d'une ligne par cellule "
        "(field_code_profession, field_code_categorie_document, field_type_de_document.field_code_loinc, "
        "field_consultation_document) ; sans type, la ligne vaut pour sa catégorie. "
        "Elle s'applique d'elle-même à sa date ; celles d'avant restent, pour expliquer les accès passés."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="le fichier CSV")
        parser.add_argument("--name", required=True, help="nom de la version, par exemple « arrêté du 26/10/2023 »")
        parser.add_argument("--source", required=True, help="d'où vient le fichier")
        parser.add_argument("--from", dest="day", type=dt.date.fromisoformat, help="premier jour (AAAA-MM-JJ)")
        parser.add_argument("--draft", action="store_true", help="ce n'est pas la matrice officielle")
        self.to_sign(parser)
        self.to_apply(parser, "la charger, et pas seulement dire ce qui changerait")

    def handle(self, *, file: Path, day: dt.date | None, apply: bool, **options: Any) -> None:
        try:
            content = matrix.content_of(file)
            readable = matrix.read(content)
        except (OSError, UnicodeDecodeError, matrix.WrongMatrix) as error:
            raise CommandError(f"Rien n'a été chargé. {error}") from error
        self.tell(readable)
        now = timezone.now()
        starts = timezone.make_aware(dt.datetime.combine(day, dt.time.min)) if day else now
        if starts < now and day != timezone.localdate(now):
            raise CommandError(
                "Une version ne s'applique pas au passé : les accès d'alors ont été décidés sans elle."
            )
        if MatrixVersion.objects.filter(name=options["name"], effective_from__lte=now).exists():
            raise CommandError("Une version de ce nom s'applique déjà. Donnez un autre nom à celle-ci.")
        status = MatrixVersion.Status.DRAFT if options["draft"] else MatrixVersion.Status.OFFICIAL
        by, reason = self.signed(options, apply=apply)
        with self.trial(apply):
            version = matrix.load(
                readable, name=options["name"], status=status, source=options["source"],
                digest=sha256(content).hexdigest(), effective_from=max(starts, now), by=by, reason=reason,
            )  # fmt: skip
        first = timezone.localtime(version.effective_from)
        self.conclude(f"Chargée : « {version} », à partir du {first:%d/%m/%Y}.", apply=apply)

    def tell(self, readable: matrix.Readable) -> None:
        now = matrix.in_force()
        changed = list(matrix.differences(matrix.readable_in(now) if now else {}, readable))
        self.stdout.write(f"{len(readable)} professions ; {len(changed)} changent par rapport à « {now} ».")
        for profession, more, less in changed:
            self.stdout.write(f"  {profession} : +{len(more)} -{len(less)}")
            for sign, types in (("+", more), ("-", less)):
                for one in types:
                    self.stdout.write(f"    {sign} {one}")
        if strange := matrix.unknown(readable):
            self.stdout.write(f"Codes que nos tables n'ont pas, sans effet tant qu'elles ne les ont pas : {strange}")
