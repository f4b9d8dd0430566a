import datetime as dt
import uuid

from allauth.account.forms import default_token_generator
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.utils import user_pk_to_url_str
from celery import shared_task
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from access import addresses, attestations, persons, recovery, request_reminders, second_factor
from access.models import ConsentRequest, User
from audit.scoped import uuid7
from fhir import ids
from patients import codes, letters, text_messages
from patients.models import Patient


def site() -> str:
    """The address of this process's own site, for the links of a mail that a worker writes."""
    return settings.BACKOFFICE_URL if settings.ROLE == "backoffice" else settings.PORTAL_URL


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=4)
def send_password_link(email: str, site: str) -> None:
    """The link that remakes a password; to an address without account, a word that says so."""
    users = filter_users_by_email(email, is_active=True, prefer_verified=True, for_login=True)
    if not users:
        send_mail("Aucun compte à cette adresse", render_to_string("emails/unknown_account.txt"), None, [email])
    for user in users:
        key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
        link = site + reverse("account_reset_password_from_key", kwargs=key)
        text = render_to_string("emails/password_link.txt", {"link": link})
        send_mail("Choisir un nouveau mot de passe", text, None, [email])


@shared_task
def write_access_letter(user_id: str) -> None:
    """The letter with the code that gives an account back, to the address on file of the insured register."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    person = recovery.addressee(user)
    code = recovery.make_letter_code(user) if person else None
    if code is not None:
        letters.write(
            f"acces-{user.pk.hex}-{uuid7().hex}",
            "pdf/access_letter.html",
            {"person": person, "code": codes.on_paper(code)},
        )


@shared_task
def signal_attestations() -> int:
    """Broken glasses without attestation after 72 hours, to the operator."""
    return attestations.escalate(timezone.now())


@shared_task
def remind_requests() -> int:
    """Each morning: requests whose deadline comes near, to whoever follows them."""
    return request_reminders.remind(timezone.localdate())


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=8)
def send_device_notice(user_id: str, device: str, at: str, site: str) -> None:
    """To the address that signs in, which is the one at stake; not to that of the dossier."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    context = {"device": device, "at": dt.datetime.fromisoformat(at), "site": site}
    text = render_to_string("emails/new_device.txt", context)
    send_mail("Votre compte a été ouvert depuis un nouvel appareil", text, None, [str(user.email)])


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=4)
def send_address_codes(user_id: str, email: str, nonce: str, both: bool) -> None:
    """A code to the new address; to the present one too, when it is the account's second factor."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    if addresses.is_taken(email):
        send_mail("Cette adresse a déjà un compte", render_to_string("emails/address_taken.txt"), None, [email])
    else:
        _send_code(email, addresses.code(user.pk, email, nonce, addresses.NEW), is_new=True)
    if both:
        _send_code(str(user.email), addresses.code(user.pk, email, nonce, addresses.OLD), is_new=False)


def _send_code(email: str, code: str, *, is_new: bool) -> None:
    context = {"code": codes.on_paper(code), "is_new": is_new, "portal": settings.PORTAL_URL}
    send_mail("Changer d'adresse e-mail", render_to_string("emails/address_code.txt", context), None, [email])


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=8)
def send_address_changed(former: str, token: str) -> None:
    context = {"portal": settings.PORTAL_URL, "token": token}
    text = render_to_string("emails/address_changed.txt", context)
    send_mail("L'adresse e-mail de votre compte a changé", text, None, [former])


@shared_task(autoretry_for=(OSError,), retry_backoff=5, max_retries=3)
def send_contact_code(kind: str, to: str, code: str) -> None:
    """The code that the person reads out to the agent who is with her."""
    text = render_to_string("emails/contact_code.txt", {"code": code})
    if kind == "email":
        send_mail("Votre code au guichet", text, None, [to])
    elif (gateway := text_messages.gateway()) is not None:
        gateway.send(to, f"Code pour votre guichet : {code}. Il sert dix minutes.")


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


@shared_task
def forget_ended_sessions() -> None:
    """Those past their end: the engine leaves their rows."""
    SessionStore.clear_expired()


@shared_task
def send_consent_text(dossier_id: str, request_id: str) -> None:
    """To the holder's telephone, when there is one and a gateway, while the question waits: neither who nor why."""
    key, gateway = uuid.UUID(dossier_id), text_messages.gateway()
    asked = ConsentRequest.objects.filter(dossier_id=key, pk=uuid.UUID(request_id), answered_at=None).first()
    phone = Patient.objects.filter(dossier_id=key).values_list("phone", flat=True).first()
    if gateway is None or asked is None or not phone or asked.expires_at <= timezone.now():
        return
    gateway.send(
        phone,
        "Un professionnel demande votre accord pour consulter votre dossier médical partagé. Répondez avant deux "
        f"minutes : {settings.PORTAL_URL}{reverse('consents')}",
    )


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=4)
def send_second_factor(user_id: str, nonce: str) -> None:
    """The code that proves the mailbox, made here so that it stands nowhere else."""
    user = User.objects.get(pk=uuid.UUID(user_id))
    context = {"code": codes.on_paper(second_factor.code(user, nonce)), "minutes": second_factor.CODE_MINUTES}
    send_mail("Votre code", render_to_string("emails/second_factor.txt", context), None, [str(user.email)])
