import uuid

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string

from access import persons, recovery
from access.models import User
from audit.scoped import uuid7
from fhir import ids
from patients import codes, letters


@shared_task
def write_access_letter(user_id: str) -> None:
    """The letter with the code that gives an account back, to the address on file of the insured register."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    person = recovery.addressee(user)
    code = recovery.make_letter_code(user) if person else None
    if code is not None:
        letters.write(f"acces-{uuid7()}", "pdf/access_letter.html", {"person": person, "code": codes.on_paper(code)})


@shared_task
def send_invitation(dossier_id: str, invitation_id: str) -> None:
    """The link of an invitation: neither its code, nor whose dossier it is. A lost mail is asked again."""
    row = persons.waiting(uuid.UUID(dossier_id)).filter(pk=uuid.UUID(invitation_id)).first()
    if row is not None:
        context = {
            "portal": settings.PORTAL_URL,
            "key": ids.join(row.dossier_id, row.pk),
            "days": persons.INVITED_DAYS,
        }
        send_mail("Une personne vous invite", render_to_string("emails/invitation.txt", context), None, [row.email])
