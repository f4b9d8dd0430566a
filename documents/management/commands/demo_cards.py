from typing import IO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.panel import Panel

from access import demo_people


def cards():
    """Where each kind of user goes, and how she signs in."""
    portal, office = settings.PORTAL_URL, settings.BACKOFFICE_URL
    secret = demo_people.TOTP_SECRETS
    return {
        "Titulaire : Antoine Marchand": [
            f"{portal}/",
            demo_people.ANTOINE.email,
            f"mot de passe : {demo_people.PASSWORD}",
            "puis le code reçu par e-mail :",
            f"bin/manage demo_code {demo_people.ANTOINE.email}",
            f"Et aussi {demo_people.MARIE.email} ;",
            f"{demo_people.CLAIRE.email}, mère de Léa, 15 ans.",
        ],
        "Professionnelle : Dr Inès Caron, neurologue": [
            f"{portal}/fhir   {portal}/api/schema",
            "son logiciel présente un jeton :",
            f"bin/manage demo_token {demo_people.CARON}",
            f"Médecin traitant : {demo_people.MOREL} ; biologiste : {demo_people.RIVIERE}.",
        ],
        "Guichet : Karim Benali, CPAM du Rhône": [
            f"{office}/",
            demo_people.AGENT[0],
            f"mot de passe : {demo_people.PASSWORD}",
            f"code maintenant : {demo_people.code_now('agent')} (secret : {secret['agent']})",
            "À ouvrir : 1 71 11 69 990 009 92, Paul Aubert, 1971.",
        ],
        "Exploitante : Odile Fournier": [
            f"{office}/",
            demo_people.OPERATOR[0],
            f"mot de passe : {demo_people.PASSWORD}",
            f"code maintenant : {demo_people.code_now('operator')} (secret : {secret['operator']})",
            "Commandes : bin/manage help",
        ],
    }


class Command(BaseCommand):
    help = "Dit, pour chacun des quatre publics, où aller et comment se connecter (démonstration)."

    def handle(self, **options):
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        console = Console(file=cast(IO[str], self.stdout), highlight=False, soft_wrap=True)
        for who, lines in cards().items():
            console.print(Panel("\n".join(lines), title=who, title_align="left", expand=False))
        console.print("Un code ne sert qu'une fois : bin/manage demo_cards en redonne un.", markup=False)
