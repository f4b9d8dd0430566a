import csv
import datetime as dt
import os
import re
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone

from access import working_days
from access.management.operators import OperatorCommand
from access.models import Professional
from audit import trail
from audit.management.acting import counting
from audit.models import Trace
from audit.trail import Actor, Event

COLUMNS = ("at", "event", "allowed", "ground", "mode", "dossier_id", "structure_name", "means", "channel")
DAYS = 7
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


class Command(OperatorCommand):
    help = (
        "Écrit les traces d'un professionnel (CSV), sans nom de titulaire ni titre de document. L'acte est tracé. "
        "Qui le demande a sa réponse sous 7 jours ouvrés. Sans --apply, dit combien et pour quand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", metavar="IDENTIFIANT", help="RPPS (11 chiffres), ou PS_IdNat entier")
        parser.add_argument("file", type=Path, metavar="FICHIER", help="fichier à écrire, qui n'existe pas encore")
        for word, required, said in (
            ("--since", True, "premier jour des traces"),
            ("--until", True, "dernier jour, inclus"),
            ("--asked", False, "jour où la demande est arrivée ; sinon, aujourd'hui"),
        ):
            parser.add_argument(word, type=dt.date.fromisoformat, required=required, metavar="AAAA-MM-JJ", help=said)
        self.answer_for(parser)

    def handle(self, *, number: str, file: Path, since: dt.date, until: dt.date, apply: bool, **options: Any) -> None:
        idnat = self._idnat(number)
        if until < since:
            raise CommandError("Le dernier jour (--until) vient avant le premier (--since).")
        if not options["reason"].strip():
            raise CommandError("Dites qui le demande et pourquoi : --reason.")
        begin, end = (timezone.make_aware(dt.datetime.combine(day, dt.time())) for day in (since, until))
        rows = Trace.objects.filter(actor_id=idnat, at__gte=begin, at__lt=end + dt.timedelta(days=1)).order_by("at")
        due = working_days.after(options["asked"] or timezone.localdate(), DAYS)
        late = " : c'est passé" if due < timezone.localdate() else ""
        owed = f"Réponse due le {due:%d/%m/%Y} au plus tard ({DAYS} jours ouvrés){late}."
        by = self.author(options["by"], apply=apply)
        if not apply:
            return self.conclude(f"{rows.count()} traces à écrire. {owed}", apply=apply)
        count = self._write(rows, file, by, options["reason"].strip(), idnat, since, until)
        self.conclude(f"{count} traces écrites dans {file}. {owed}", apply=apply)

    def _idnat(self, number: str) -> str:
        """Of somebody: a name that nobody bears would be answered « nothing »."""
        idnat = f"8{number}" if re.fullmatch(r"\d{11}", number) else number
        if not re.fullmatch(r"[0-9A-Za-z/]{9,20}", idnat):
            raise CommandError("Donnez les 11 chiffres du RPPS, ou l'identifiant national entier.")
        if not Professional.objects.filter(idnat=idnat).exists():
            raise CommandError("Ce professionnel n'est pas dans l'annuaire, où ceux qui n'exercent plus restent.")
        return idnat

    def _write(
        self, rows: QuerySet[Trace], file: Path, by: Actor, reason: str, idnat: str, since: dt.date, until: dt.date
    ) -> int:
        """For the account that writes it and no other. The trace first: a file without it must not be."""
        try:
            target = os.fdopen(
                os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", newline="", encoding="utf-8"
            )
        except OSError as error:
            raise CommandError(f"Le fichier {file} ne peut pas être écrit, ou existe déjà.") from error
        detail = {"idnat": idnat, "since": since.isoformat(), "until": until.isoformat()}
        trail.record(Event.TRACES_EXPORTED, by=by, dossier_id=None, reason=reason, detail=detail)
        count = 0
        with target, counting("traces", None) as show:
            writer = csv.writer(target, delimiter=";")
            writer.writerow(COLUMNS)
            for row in rows.values_list(*COLUMNS).iterator(chunk_size=2000):
                writer.writerow([_harmless(cell) for cell in row])
                count += 1
                show(count)
        return count


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
