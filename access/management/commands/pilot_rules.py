import datetime as dt
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from access.management.operators import OperatorCommand
from audit.trail import Actor
from patients import opening_rules
from patients.models import Channel, OpeningRule


class Command(OperatorCommand):
    help = (
        "Règles d'ouverture, par régime, département et canal : les lister (list), en mettre une en vigueur (open, "
        "ou open --refused), la lever (stop) ; et toutes celles du pilote de 2016 à la fois (on, off). Chaque "
        "règle garde qui l'a faite (--by, son code est demandé) et pourquoi (--reason)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        listed = acts.add_parser("list", help="celles qui sont en vigueur")
        begin = acts.add_parser("open", help="une règle, à partir d'un jour")
        stop = acts.add_parser("stop", help="ce que disent les règles plus larges vaut de nouveau")
        on, off = acts.add_parser("on", help="pilote de 2016"), acts.add_parser("off", help="pilote de 2016")
        for one in (begin, stop):
            one.add_argument("--regime", nargs="+", default=[""], metavar="CODE", help="sans lui : tous")
            one.add_argument("--department", nargs="+", default=[""], metavar="NUMÉRO", help="sans lui : tous")
            one.add_argument("--channel", nargs="+", choices=Channel.values, required=True, help="par où on ouvre")
        for one in (listed, begin, stop, on, off):
            one.add_argument(
                "--from",
                dest="day",
                type=dt.date.fromisoformat,
                metavar="AAAA-MM-JJ",
                help="premier jour ; sinon, aujourd'hui",
            )
        begin.add_argument("--refused", action="store_true", help="on ne peut pas y ouvrir par ce canal")
        begin.add_argument("--adults-only", action="store_true", help="les majeurs seulement")
        begin.add_argument("--note", default="", help="ce qui est dit à la personne qui ne peut pas")
        for one in (begin, stop, on, off):
            self.answer_for(one)

    def handle(self, *, act: str, day: dt.date | None, **options: Any) -> None:
        today = timezone.localdate()
        day = day or today
        if act == "list":
            return self._list(day)
        if day < today:
            raise CommandError("Une règle ne change pas le passé : des dossiers ont été ouverts sans elle.")
        if not options["reason"].strip():
            raise CommandError("Dites pourquoi : --reason.")
        by = self.author(options["by"], apply=options["apply"])
        try:
            with self.trial(options["apply"]):
                said = self._act(act, day, options, by, options["reason"].strip())
        except opening_rules.NotDone as error:
            raise CommandError(str(error)) from error
        self.conclude(said, apply=options["apply"])

    def _act(self, act: str, day: dt.date, options: dict[str, Any], by: Actor, reason: str) -> str:
        if act == "on":
            return f"{opening_rules.pilot_on(day, by=by, reason=reason)} règles mises en vigueur le {day:%d/%m/%Y}."
        if act == "off":
            return f"{opening_rules.pilot_off(day, by=by, reason=reason)} règles levées le {day:%d/%m/%Y}."
        places = [
            opening_rules.Where(regime, department, channel)
            for regime in options["regime"]
            for department in options["department"]
            for channel in options["channel"]
        ]
        if act == "stop":
            return f"{opening_rules.stop(places, day, by=by, reason=reason)} règles levées le {day:%d/%m/%Y}."
        count = opening_rules.begin(
            places,
            day,
            allowed=not options["refused"],
            adults_only=options["adults_only"],
            note=options["note"],
            by=by,
            reason=reason,
        )
        return f"{count} règles mises en vigueur le {day:%d/%m/%Y}."

    def _list(self, day: dt.date) -> None:
        rules = OpeningRule.objects.in_force(day).select_related("regime").order_by("regime", "department", "channel")
        for rule in rules:
            said = "refusé" if not rule.allowed else "majeurs" if rule.adults_only else "permis"
            until = f" jusqu'au {rule.until:%d/%m/%Y}" if rule.until else ""
            self.stdout.write(f"{said:<8} {rule}, depuis le {rule.since:%d/%m/%Y}{until}")
        self.stdout.write(f"{len(rules)} règles en vigueur le {day:%d/%m/%Y}.")
