"""Letters by post and signed consents: sealed by the counter to the service, here with the dossier's own key.

Once under the dossier's key a letter dies with it, as documents do. The counter can do neither step: it has no master
key, and its database role does not read what it wrote.
"""

import io
import logging
import uuid

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import transaction

from documents import antivirus, content, keys, sandbox, vault
from patients import sealing
from patients.models import ConsentPaper, LetterKey, RequestPaper

log = logging.getLogger(__name__)
BATCH = 50
Paper = RequestPaper | ConsentPaper


def publish() -> None:
    """The public half of each master key, for the counter to seal with. May run twice."""
    for version, master in keys.master_keys().keys.items():
        LetterKey.objects.get_or_create(version=version, defaults={"public": sealing.public_of(master)})


def reseal() -> int:
    """Inspect the papers that wait, and seal them with their dossier's key. A file that is not what it says goes."""
    done = 0
    for kind in (RequestPaper, ConsentPaper):
        waiting = kind.objects.filter(seal=kind.Seal.SERVICE).order_by("added_at")
        for dossier_id, paper_id in list(waiting.values_list("dossier_id", "pk")[:BATCH]):
            try:
                done += _reseal(kind, dossier_id, paper_id)
            except vault.Unreadable:
                continue  # destroyed meanwhile, or its key waits for a master key that is missing here
            except (antivirus.Unavailable, sandbox.NotStarted):
                log.warning("papers: the inspection is not available, %s left for the next round", waiting.count())
                return done
    return done


def _reseal(kind: type[Paper], dossier_id: uuid.UUID, paper_id: uuid.UUID) -> int:
    """The key first: a destruction locks the dossier, then its papers."""
    key = keys.make(dossier_id)
    with transaction.atomic():
        return _resealed(kind, dossier_id, paper_id, key)


def _resealed(kind: type[Paper], dossier_id: uuid.UUID, paper_id: uuid.UUID, key: bytes) -> int:
    rows = kind.objects.select_for_update(of=("self",), skip_locked=True)
    row = rows.filter(dossier_id=dossier_id, pk=paper_id, seal=kind.Seal.SERVICE).first()
    if row is None:
        return 0
    try:
        letter = sealing.unseal(_private(row.key_version), dossier_id, paper_id, bytes(row.sealed))
        content.inspect(letter, row.media_type)
    except (sealing.Unopened, KeyError):
        # A master key is missing here, or the row was forged: kept as it came, for who brings the key back.
        log.error("letters: one does not open with the master keys of this process")
        row.seal = kind.Seal.REFUSED
    except content.Inadmissible:
        log.warning("letters: one file was refused")
        row.seal, row.sealed = kind.Seal.REFUSED, b""
    else:
        row.seal = kind.Seal.DOSSIER
        row.sealed = b"".join(vault.seal(key, paper_id, [letter]))
    row.save(update_fields=["seal", "sealed"])
    return 1


def read(row: Paper) -> bytes:
    """Raises `vault.Unreadable`, also while the letter still waits for the dossier's key."""
    if row.seal != row.Seal.DOSSIER:
        raise vault.Unreadable("Cette lettre n'est pas encore rangée, ou son fichier a été refusé.")
    return b"".join(vault.unseal(keys.of(row.dossier_id), row.pk, io.BytesIO(bytes(row.sealed))))


def _private(version: int) -> X25519PrivateKey:
    return sealing.private_of(keys.master_keys().keys[version])
