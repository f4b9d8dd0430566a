from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access import attestations


class Command(BaseCommand):
    help = (
        "Liste les accès en urgence (bris de glace) sans justification écrite après 24 heures. "
        "Sort en erreur (1) s'il y en a de plus de 72 heures : à mettre sous surveillance."
    )

    def handle(self, **options):
        now = timezone.now()
        rows = attestations.missing(now)
        for row in rows:
            hours = int((now - row.since).total_seconds() // 3600)
            mark = "!" if row.escalates else " "
            since = f"{timezone.localtime(row.since):%d/%m/%Y %H:%M}"
            who = f"{row.professional} ({row.rpps})"
            self.stdout.write(f"{mark} {since}  {hours:>5} h  {who}  dossier …{row.dossier}  accès {row.id}")
        beyond = sum(row.escalates for row in rows)
        self.stdout.write(f"{len(rows)} accès en urgence sans justification, dont {beyond} de plus de 72 heures.")
        if beyond:
            raise CommandError(
                f"{beyond} accès en urgence sans justification depuis plus de {settings.ESCALATION_HOURS} heures.",
                returncode=1,
            )
