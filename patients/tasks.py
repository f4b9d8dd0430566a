import uuid

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from patients import codes, letters, notice_letters, notices, online
from patients.models import Dossier, Notice, OpeningRequest, Patient

BATCH, TRIES, MOST_TRIES = 200, 10, 30_000


@shared_task
def send_notices() -> int:
    """Send what waits in the outbox. Each row is locked while it is sent: two workers never send it twice.

    A mail that fails stays for the next round, ten rounds at most; a letter until the printer takes it.
    """
    sent = 0
    for dossier_id, key in list(_waiting().values_list("dossier_id", "pk")[:BATCH]):
        with transaction.atomic():
            notice = (
                Notice.objects.select_for_update(of=("self",), skip_locked=True)
                .filter(dossier_id=dossier_id, pk=key, sent_at=None)
                .first()
            )
            if notice is None:
                continue
            notice.attempts = min(notice.attempts + 1, MOST_TRIES)
            if notice.kind in notices.PLANNED:
                notice.email = Patient.objects.values_list("email", flat=True).get(dossier_id=dossier_id)
            try:
                _leave(notice)
            except (OSError, ValueError):  # an address that cannot be one must not keep the others waiting
                pass
            else:
                notice.sent_at = timezone.now()
                sent += 1
            notice.save(update_fields=["email", "attempts", "sent_at"])
    return sent


@shared_task
def tell_who_came_of_age() -> int:
    return notices.tell_who_came_of_age()


def _waiting() -> QuerySet[Notice]:
    """What may leave now. A planned notice has nobody to go to in a closed dossier, or without an address."""
    nobody = ~Q(dossier__state=Dossier.State.OPEN) | Q(dossier__patient__email="")
    trying = Q(attempts__lt=TRIES) | Q(email="")
    due = Notice.objects.filter(trying, sent_at=None, created_at__lte=timezone.now())
    return due.exclude(Q(kind__in=notices.PLANNED) & nobody).order_by("attempts", "created_at")


def _leave(notice: Notice) -> None:
    """Raises OSError, ValueError."""
    if not notice.email:
        return notice_letters.post(notice)
    context = {"notice": notice, "portal": settings.PORTAL_URL} | notice_letters.said(notice)
    send_mail(notice.get_kind_display(), render_to_string("emails/notice.txt", context), None, [notice.email])


@shared_task
def send_opening_code(request_id: str, hashes: list[str], postal_code: str, email: str) -> None:
    """The link and the code of an opening, made here so that they stand nowhere else. A lost mail is asked again."""
    made = online.start(uuid.UUID(request_id), hashes, postal_code, email)
    if made is None:
        return
    request, link, code = made
    context = {"portal": settings.PORTAL_URL, "link": link, "code": f"{code[:3]} {code[3:]}", "id": request.pk}
    send_mail("Ouvrir votre dossier", render_to_string("emails/opening_code.txt", context), None, [request.email])


@shared_task
def write_opening_letter(request_id: str) -> None:
    """The letter with the code that completes an opening."""
    request = OpeningRequest.objects.select_related("insured").filter(pk=request_id, state="letter").first()
    if request is None:
        return
    code = codes.on_paper(online.make_letter_code(request))
    letters.write(str(request.pk), "pdf/opening_letter.html", {"person": request.insured, "code": code})


@shared_task
def forget_what_ended() -> tuple[int, int]:
    """Every night: openings that ended, letters that were posted long ago."""
    return online.forget_ended(), letters.forget_old()
