"""The bytes of a document: into the vault, out of the vault."""

import uuid
from collections.abc import Iterator

from django.conf import settings

from documents import keys, vault
from documents.models import Document

CHUNK = vault.SEGMENT


def store() -> vault.BlobStore:
    return vault.BlobStore(settings.MEDIA_ROOT / "contents")


def put(dossier_id: uuid.UUID, document_id: uuid.UUID, content: bytes) -> None:
    """Durable, sealed, when this returns. Raises OSError."""
    pieces = (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))
    store().put(document_id, vault.seal(keys.make(dossier_id), document_id, pieces))


def pieces(document: Document, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The content from `start` to `stop` (bytes), checked piece by piece. Raises `vault.Unreadable`.

    A file that is missing, cut or lengthened is known here, before the first piece: a range that ends before
    the last segment would not notice by itself. What was altered inside is known at its piece.
    """
    key = keys.of(document.dossier_id)
    if store().size(document.pk) != vault.sealed_size(document.size):
        raise vault.Unreadable("Le contenu n'a pas sa taille.")
    return _opened(key, document.pk, start, stop)


def _opened(key: bytes, document_id: uuid.UUID, start: int, stop: int | None) -> Iterator[bytes]:
    with store().open(document_id) as file:
        yield from vault.unseal(key, document_id, file, start, stop)


def read(document: Document) -> bytes:
    return b"".join(pieces(document))
