import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access import gate
from access.facts import Act
from access.models import Representation, User
from archival import certificates, demo_clock, destruction, remains
from archival.models import Certificate
from audit.trail import Actor, ActorKind, Event
from documents import own
from documents.models import Document
from patients import dossiers
from patients.dossiers import Agreement
from patients.models import Channel, Dossier, IdentityIndex, InsuredPerson

TITLES = ("Carnet de vaccination", "Compte rendu de 2019", "Ordonnance de lunettes")
MINUTE = dt.timedelta(minutes=1)


class Command(BaseCommand):
    help = (
        "Montre dix ans en quelques secondes, sur un dossier inventé de la démonstration : ouvert, fermé, gardé, "
        "puis détruit le lendemain de son dixième anniversaire ; ce qui en reste est cherché partout."
    )

    def handle(self, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Réservé à la démonstration (DMP_DEMO=1).")
        person = InsuredPerson.objects.exclude(pk__in=IdentityIndex.objects.values("lookup")).order_by("pk").first()
        if person is None:
            raise CommandError("Tous les assurés de la démonstration ont déjà un dossier.")
        self._say("Une personne inventée ouvre son dossier, avec son accord.")
        dossier_id, user = self._open(person)
        documents = list(Document.objects.filter(dossier_id=dossier_id).values_list("pk", flat=True))
        self._say(f"Elle y range {len(documents)} documents. {self._held(dossier_id, documents)}")
        by = Actor(ActorKind.HOLDER, str(user.pk), "titulaire", means="démonstration")
        closed_at = dossiers.close(dossier_id, closure=Dossier.Closure.HOLDER, by=by).closed_at
        last = dossiers.kept_until(closed_at)
        assert last is not None
        self._say(f"Elle le ferme. Il est gardé jusqu'au {last:%d/%m/%Y}.")
        self._five_years(dossier_id, user)
        self._the_day(dossier_id, last)
        certificate = self._the_day_after(dossier_id, last)
        self._search(dossier_id, documents, user)
        self._verify(certificate)

    def _say(self, what: str) -> None:
        self.stdout.write(f"{timezone.localtime():%d/%m/%Y %H:%M}  {what}")

    def _open(self, person: InsuredPerson) -> tuple[uuid.UUID, User]:
        agreement = Agreement("holder", "démonstration", Channel.WEB)
        actor = Actor(ActorKind.SYSTEM, "demo", "Démonstration")
        dossier = dossiers.open_for(person, agreement=agreement, by=actor)
        name = f"demo-{uuid.uuid4().hex[:12]}@example.org"
        user = User.objects.create_user(name, None, first_name="Personne", last_name="Inventée")
        Representation.objects.create(
            dossier=dossier,
            user=user,
            role=Representation.Role.HOLDER,
            evidence="démonstration",
            recorded_by=actor.reference,
        )
        for title in TITLES:
            own.deposit(
                self._caller(user), dossier.pk, content=f"{title} (inventé).\n".encode(), media_type="text/plain",
                title=title, type_code="EXPPAT_2", sending=uuid.uuid4(),
            )  # fmt: skip
        return dossier.pk, user

    def _caller(self, user: User) -> gate.Caller:
        return gate.Caller(user, user.actor(ActorKind.HOLDER, means="démonstration"))

    def _held(self, dossier_id: uuid.UUID, documents: list[uuid.UUID]) -> str:
        rows = remains.rows_of(dossier_id)
        return (
            f"On trouve de lui {sum(rows.values())} lignes dans {sum(map(bool, rows.values()))} tables, "
            f"{remains.files_of(documents)} fichiers et {'une' if remains.has_key(dossier_id) else 'aucune'} clé."
        )

    def _five_years(self, dossier_id: uuid.UUID, user: User) -> None:
        with demo_clock.moved_to(timezone.now() + dt.timedelta(days=1826)):
            try:
                with gate.enter(self._caller(user), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier_id):
                    raise CommandError("Un dossier fermé s'est laissé lire.")
            except gate.Refused:
                self._say("Elle veut le lire : refusé, il est fermé. Il est toujours gardé.")

    def _the_day(self, dossier_id: uuid.UUID, last: dt.date) -> None:
        midnight = timezone.make_aware(dt.datetime.combine(last + dt.timedelta(days=1), dt.time()))
        with demo_clock.moved_to(midnight - MINUTE):
            if destruction.destroy(dossier_id) is not None:
                raise CommandError("Détruit trop tôt.")
            self._say("C'est encore son dernier jour : rien n'est détruit.")

    def _the_day_after(self, dossier_id: uuid.UUID, last: dt.date) -> Certificate:
        midnight = timezone.make_aware(dt.datetime.combine(last + dt.timedelta(days=1), dt.time()))
        with demo_clock.moved_to(midnight, avow=False):
            try:
                destruction.destroy(dossier_id)
            except destruction.ClocksApart:
                self._say("L'horloge de cette machine n'est pas celle de la base : par prudence, rien n'est détruit.")
            else:
                raise CommandError("Détruit sur la foi d'une horloge fausse.")
        with demo_clock.moved_to(midnight):
            if dossier_id not in set(destruction.due(1_000_000)):
                raise CommandError("Le dossier n'est pas parmi ceux à détruire.")
            made = destruction.destroy(dossier_id)
            if made is None:
                raise CommandError("Le dossier n'a pas été détruit.")
            self._say(f"Détruit. Certificat {made.reference}.")
        return made

    def _search(self, dossier_id: uuid.UUID, documents: list[uuid.UUID], user: User) -> None:
        rows = remains.rows_of(dossier_id)
        left = sum(rows.values()) + remains.files_of(documents) + remains.has_key(dossier_id)
        left += User.objects.filter(pk=user.pk).count()
        if left:
            raise CommandError(f"Il en reste quelque chose ({left}).")
        self.stdout.write(f"Cherché : aucune ligne dans {len(rows)} tables, aucun fichier, aucune clé, aucun compte.")

    def _verify(self, certificate: Certificate) -> None:
        text = certificates.written(certificate.statement, bytes(certificate.signature))
        said = certificates.verify(text, certificates.public_key())
        self.stdout.write(
            f"Le certificat se vérifie hors ligne et ne nomme personne : fermé le {said['closed_on']}, détruit le "
            f"{said['destroyed_on']}, {sum(said['counts'].values())} lignes, {len(said['trace_leaves'])} traces."
        )
