from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access import request_reminders


class Command(BaseCommand):
    help = (
        "Liste les demandes dont le délai approche ou est passé. --remind dit à qui un rappel irait, et "
        "l'envoie avec --apply (chaque rappel une fois : J-7, J-3, J-1, puis en retard). "
        "Sort en erreur (1) s'il y en a en retard."
    )

    def add_arguments(self, parser):
        parser.add_argument("--days", type=int, default=request_reminders.BEFORE[0], help="jours avant le délai (7)")
        parser.add_argument("--remind", action="store_true", help="rappels à qui suit chaque demande")
        parser.add_argument("--apply", action="store_true", help="envoie les rappels")

    def handle(self, *, days, remind, apply, **options):
        if apply and not remind:
            raise CommandError("La liste ne change rien : --apply va avec --remind.")
        today = timezone.localdate()
        rows = request_reminders.due(today, days)
        for row in rows:
            mark = "!" if row.days < 0 else " "
            who = row.owner_name or "personne"
            self.stdout.write(
                f"{mark} {row.due_on:%d/%m/%Y}  {row.number}  {row.kind}, {row.state}  suivie par {who}"
            )
        late = sum(row.days < 0 for row in rows)
        if remind:
            self._remind(today, apply)
        self.stdout.write(f"{len(rows)} demandes à traiter sous {days} jours, dont {late} en retard.")
        if late:
            raise CommandError(f"{late} demandes en retard sur le délai légal.", returncode=1)

    def _remind(self, today, apply):
        waiting = request_reminders.letters(today)
        if apply:
            count = request_reminders.remind(today)
            self.stdout.write(f"Rappels envoyés : {len(waiting)} personnes, {count} demandes.")
        else:
            self.stdout.write(f"Rappels à envoyer : {len(waiting)} personnes. Ajoutez --apply pour les envoyer.")
