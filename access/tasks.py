import uuid

from celery import shared_task
from django.utils import timezone

from access import attestations, recovery
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


@shared_task
def signal_attestations() -> int:
    """Broken glasses without attestation after 72 hours, to the operator."""
    return attestations.escalate(timezone.now())
