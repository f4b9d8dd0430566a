"""Writes that may be sent again: the same key and the same body get the same answer (Idempotency-Key)."""

import uuid
from dataclasses import dataclass
from hashlib import sha256

from django.core.exceptions import ValidationError

from patients.models import IdempotentReply


class KeyReused(ValidationError):
    """The key was already used by this caller, in this dossier, for something else."""

    def __init__(self) -> None:
        super().__init__(
            "Cette clé d'idempotence a déjà servi pour un autre envoi. Choisissez-en une nouvelle.",
            code="idempotency-key",
        )


@dataclass(frozen=True)
class Sending:
    """One sending of one caller: its key (empty when he gave none) and the digest of what he sent."""

    caller: str
    key: str
    digest: bytes

    @classmethod
    def of(cls, caller: str, key: str, body: bytes) -> "Sending":
        if len(key) > 100 or not key.isprintable():
            raise ValidationError(
                "La clé d'idempotence a 100 caractères imprimables au plus.", code="idempotency-key"
            )
        return cls(caller, key, sha256(body).digest())

    def reply(self, dossier_id: uuid.UUID) -> IdempotentReply | None:
        """The answer already given. Raises `KeyReused`."""
        if not self.key:
            return None
        known = IdempotentReply.objects.filter(dossier_id=dossier_id, caller=self.caller, key=self.key).first()
        if known is not None and bytes(known.digest) != self.digest:
            raise KeyReused
        return known

    def keep(self, dossier_id: uuid.UUID, *, status: int, body: str, location: str = "") -> None:
        """Keep the answer, in the transaction of the act it answers."""
        if self.key:
            IdempotentReply.objects.create(
                dossier_id=dossier_id,
                caller=self.caller,
                key=self.key,
                digest=self.digest,
                status=status,
                location=location,
                body=body,
            )
