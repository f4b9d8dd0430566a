"""Contents of documents, through the vault: put, read from any byte on, removed.

The file of a document bears the document's id. It is written and flushed before the row exists; a file
without row is removed by the sweep, a row without file is reported.
"""

import uuid
from collections.abc import Iterator

from django.conf import settings

from documents import keys
from documents.models import Document
from documents.vault import BlobStore, Unreadable, seal, unseal

CHUNK = 1024 * 1024  # bytes handed to the cipher at a time


def store() -> BlobStore:
    return BlobStore(settings.MEDIA_ROOT)


def put(dossier_id: uuid.UUID, document_id: uuid.UUID, content: bytes) -> None:
    """Durable when this returns. Raises OSError, and then leaves nothing behind."""
    chunks = (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))
    store().put(document_id, seal(_key_for_writing(dossier_id), document_id, chunks))


def _key_for_writing(dossier_id: uuid.UUID) -> bytes:
    try:
        return keys.of(dossier_id)
    except Unreadable:  # nothing was deposited yet
        return keys.make(dossier_id)


def read(document: Document, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Bytes [start, stop), verified piece by piece. Raises `Unreadable` before the first when it must."""
    data_key = keys.of(document.dossier_id)
    file = store().open(document.pk)

    def pieces() -> Iterator[bytes]:
        with file:
            yield from unseal(data_key, document.pk, file, start, stop)

    return _started(pieces())


def _started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, the first piece already opened: an unreadable file is known before any answer."""
    first = next(pieces, b"")

    def whole() -> Iterator[bytes]:
        yield first
        yield from pieces

    return whole()


def whole(document: Document) -> bytes:
    return b"".join(read(document))


def remove(document_id: uuid.UUID) -> None:
    store().delete(document_id)
