import datetime as dt
import uuid

from celery import shared_task
from django.core.mail import send_mail
from django.template.loader import render_to_string

from access import recovery
from access.models import User
from audit.scoped import uuid7
from patients import codes, letters


@shared_task
def write_access_letter(user_id: str) -> None:
    """The letter with the code that gives an account back, to the address on file of the insured register."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    person = recovery.addressee(user)
    code = recovery.make_letter_code(user) if person else None
    if code is not None:
        letters.write(f"acces-{uuid7()}", "pdf/access_letter.html", {"person": person, "code": codes.on_paper(code)})


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=8)
def send_device_notice(user_id: str, device: str, at: str, site: str) -> None:
    """To the address that signs in, which is the one at stake; not to that of the dossier."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    context = {"device": device, "at": dt.datetime.fromisoformat(at), "site": site}
    text = render_to_string("emails/new_device.txt", context)
    send_mail("Votre compte a été ouvert depuis un nouvel appareil", text, None, [str(user.email)])
