import csv
import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit import trail
from audit.models import Trace
from audit.trail import Actor, ActorKind, Event

COLUMNS = ("at", "event", "allowed", "ground", "mode", "dossier_id", "structure_name", "means", "channel")
BY = Actor(ActorKind.OPERATOR, "traces_of", "Exploitant", means="commande")


class Command(BaseCommand):
    help = (
        "Écrit les traces d'un professionnel (CSV), sans nom de titulaire ni titre de document. L'acte est tracé. "
        "Qui le demande a sa réponse sous 7 jours ouvrés."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rpps", help="les 11 chiffres du RPPS")
        parser.add_argument("file", type=Path, metavar="FICHIER", help="fichier à écrire, qui n'existe pas encore")
        parser.add_argument("--since", type=dt.date.fromisoformat, required=True, metavar="AAAA-MM-JJ")
        parser.add_argument("--until", type=dt.date.fromisoformat, required=True, metavar="AAAA-MM-JJ", help="inclus")
        parser.add_argument("--reason", required=True, help="qui le demande et pourquoi")

    def handle(self, *, rpps: str, file: Path, since: dt.date, until: dt.date, reason: str, **options: Any) -> None:
        begin, end = (timezone.make_aware(dt.datetime.combine(day, dt.time())) for day in (since, until))
        end += dt.timedelta(days=1)
        detail = {"rpps": rpps, "since": since.isoformat(), "until": until.isoformat()}
        trail.record(Event.TRACES_EXPORTED, by=BY, dossier_id=None, reason=reason, detail=detail)
        rows = Trace.objects.filter(actor_id=f"8{rpps}", at__gte=begin, at__lt=end).order_by("at")
        count = 0
        try:
            with file.open("x", newline="", encoding="utf-8") as target:
                writer = csv.writer(target, delimiter=";")
                writer.writerow(COLUMNS)
                for row in rows.values_list(*COLUMNS).iterator(chunk_size=2000):
                    writer.writerow(row)
                    count += 1
        except OSError as error:
            raise CommandError(f"{file} ne peut pas être écrit, ou existe déjà.") from error
        self.stdout.write(f"{count} traces écrites dans {file}.")
