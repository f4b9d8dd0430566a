import re
from pathlib import Path

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Donne le code du second facteur d'un compte de démonstration : par e-mail, ou de l'application."

    def add_arguments(self, parser):
        parser.add_argument("email")

    def handle(self, *, email, **options):
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        totp = Authenticator.objects.filter(user__email=email, type=Authenticator.Type.TOTP).first()
        if totp:
            counter = next(iter(yield_hotp_counters_from_time()))
            self.stdout.write(format_hotp_value(hotp_value(decrypt(totp.data["secret"]), counter)))
            return
        code = mailed_code(email)
        if code is None:
            raise CommandError("Aucun code envoyé à cette adresse : entrez d'abord le mot de passe.")
        self.stdout.write(code)


def mailed_code(email):
    """The code in the newest mail to this address (mails are files in a demonstration)."""
    mails = sorted(Path(settings.EMAIL_FILE_PATH).glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in mails:
        text = path.read_text()
        if f"To: {email}" in text and (found := re.search(r"^\s*([A-Z0-9]{3,6}-?[A-Z0-9]{3,6})\s*$", text, re.M)):
            return found[1]
    return None
