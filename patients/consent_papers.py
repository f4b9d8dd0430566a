"""A signed form, scanned: sealed before it is written anywhere, by a process that cannot open it again."""

import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from audit.scoped import uuid7
from patients import sealing
from patients.models import LetterKey
from patients.models_consent_papers import ConsentPaper

LARGEST = 5 * 1024 * 1024  # bytes of a scan
SIGNATURES = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n": "image/png"}


@dataclass(frozen=True)
class Scan:
    media_type: str
    content: bytes


def read(content: bytes) -> Scan:
    """What the file is by its first bytes, whatever its name says. Raises ValidationError."""
    if len(content) > LARGEST:
        raise ValidationError(
            "Le fichier dépasse 5 Mo : numérisez en noir et blanc, à 200 points par pouce.", code="large"
        )
    kind = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
    if kind is None:
        raise ValidationError("Le formulaire numérisé doit être un PDF, un JPEG ou un PNG.", code="kind")
    return Scan(kind, content)


def keep(dossier_id: uuid.UUID, consent_id: uuid.UUID, scan: Scan) -> None:
    """In the transaction of the consent: no dossier opens on a paper that was lost."""
    key = LetterKey.objects.order_by("-version").first()
    if key is None:
        raise ValidationError(
            "Le coffre des formulaires n'est pas encore prêt : réessayez dans une minute.", code="key"
        )
    paper_id = uuid7()
    ConsentPaper.objects.create(
        id=paper_id,
        dossier_id=dossier_id,
        consent_id=consent_id,
        media_type=scan.media_type,
        size=len(scan.content),
        key_version=key.version,
        sealed=sealing.seal(bytes(key.public), dossier_id, paper_id, scan.content),
    )
