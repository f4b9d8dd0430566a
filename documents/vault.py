"""Contents at rest: sealed before they touch the disk, opened from any byte on.

One 32-byte data key a dossier, wrapped by a versioned master key (AES-256-GCM). A file has its own key
(HKDF-SHA256 of the data key, a random salt and the file's id) and is cut in segments of 64 KiB, each
sealed alone (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár 2015): a segment that was flipped, cut off,
moved, added or taken from another file does not open.

File = header (magic 4, version 1, salt 16, nonce prefix 7), then segments of up to 65,536 bytes of
content and 16 of tag. Nonce of segment n = prefix, n on 4 bytes, 1 when last else 0. Associated
data = file id and header.
"""

import base64
import os
import struct
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC, FORMAT = b"DMPV", 1
SEGMENT, TAG = 64 * 1024, 16
HEADER = 4 + 1 + 16 + 7


class Unreadable(Exception):
    """The content cannot be opened: no key, wrong key, or a file that was touched."""


@dataclass(frozen=True)
class Wrapped:
    """A data key under a master key: the version of that key, 12 bytes of nonce and the sealed key."""

    version: int
    blob: bytes


@dataclass(frozen=True, repr=False)
class MasterKeys:
    """The master keys by version: the highest wraps, all unwrap."""

    keys: dict[int, bytes]

    def __repr__(self) -> str:
        """Versions alone: a traceback or a log is no place for a key."""
        return f"MasterKeys(versions {sorted(self.keys)})"

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """`1:<32 bytes in base64>,2:…`. Raises ValueError."""
        keys = {}
        for part in text.split(","):
            version, _, key = part.partition(":")
            keys[int(version)] = base64.b64decode(key, validate=True)
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise ValueError("DMP_MASTER_KEYS: 32 bytes a key")
        return cls(keys)

    def wrap(self, data_key: bytes, dossier_id: uuid.UUID) -> Wrapped:
        version, nonce = max(self.keys), os.urandom(12)
        sealed = AESGCM(self.keys[version]).encrypt(nonce, data_key, _wrapping_context(dossier_id, version))
        return Wrapped(version, nonce + sealed)

    def unwrap(self, version: int, blob: bytes, dossier_id: uuid.UUID) -> bytes:
        try:
            key = AESGCM(self.keys[version])
            return key.decrypt(blob[:12], blob[12:], _wrapping_context(dossier_id, version))
        # ValueError: a blob too short to hold a nonce.
        except (KeyError, ValueError, InvalidTag) as error:
            raise Unreadable("La clé du dossier ne s'ouvre pas.") from error


def _wrapping_context(dossier_id: uuid.UUID, version: int) -> bytes:
    return dossier_id.bytes + struct.pack(">I", version)


def new_data_key() -> bytes:
    return os.urandom(32)


def _file_cipher(data_key: bytes, file_id: uuid.UUID, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, b"dmp file " + file_id.bytes).derive(data_key))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + struct.pack(">I?", number, last)


def seal(data_key: bytes, file_id: uuid.UUID, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The sealed file, in pieces; never more than a segment and a chunk in memory."""
    salt, prefix = os.urandom(16), os.urandom(7)
    header = MAGIC + bytes([FORMAT]) + salt + prefix
    cipher, context = _file_cipher(data_key, file_id, salt), file_id.bytes + header
    yield header
    waiting, number = bytearray(), 0
    for chunk in chunks:
        waiting += chunk
        # A full segment waits for a byte after it: only then is it known not to be the last.
        while len(waiting) > SEGMENT:
            yield cipher.encrypt(_nonce(prefix, number, False), bytes(waiting[:SEGMENT]), context)
            del waiting[:SEGMENT]
            number += 1
    yield cipher.encrypt(_nonce(prefix, number, True), bytes(waiting), context)


def plain_size(file_size: int) -> int:
    """How many bytes a sealed file of this size holds."""
    body = file_size - HEADER
    segments = max(1, -(-body // (SEGMENT + TAG)))
    return body - segments * TAG


def sealed_size(content_size: int) -> int:
    """How many bytes the sealed file of a content of this size has."""
    segments = max(1, -(-content_size // SEGMENT))
    return HEADER + content_size + segments * TAG


def unseal(
    data_key: bytes, file_id: uuid.UUID, file: BinaryIO, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Bytes [start, stop) of the content, verified segment by segment before they are given out.

    Raises `Unreadable`, possibly after some good segments.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    header = file.read(HEADER)
    if size < HEADER + TAG or header[:5] != MAGIC + bytes([FORMAT]):
        raise Unreadable("Ce fichier n'est pas un contenu scellé.")
    last = (size - HEADER - 1) // (SEGMENT + TAG)
    # Only an empty content has an empty last segment. A file cut 1 to 16 bytes into a later segment would
    # leave one that holds nothing: no byte asked for would lie in it, and it would never be checked.
    if last and size - HEADER - last * (SEGMENT + TAG) <= TAG:
        raise Unreadable("Le contenu a été altéré.")
    cipher, prefix = _file_cipher(data_key, file_id, header[5:21]), header[21:]
    total = plain_size(size)
    stop = total if stop is None else min(stop, total)
    first = min(start // SEGMENT, last)
    for number in range(first, max(-(-stop // SEGMENT), first + 1)):
        file.seek(HEADER + number * (SEGMENT + TAG))
        try:
            plain = cipher.decrypt(
                _nonce(prefix, number, number == last), file.read(SEGMENT + TAG), file_id.bytes + header
            )
        except InvalidTag as error:
            raise Unreadable("Le contenu a été altéré.") from error
        offset = number * SEGMENT
        piece = plain[max(0, start - offset) : max(0, stop - offset)]
        if piece:
            yield piece


class BlobStore:
    """Sealed files in a directory, by random name. Write-once: written, flushed, then named."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, file_id: uuid.UUID) -> Path:
        """Fanned out by the last, random, characters of the id."""
        name = file_id.hex
        return self.root / name[-2:] / name

    def put(self, file_id: uuid.UUID, chunks: Iterable[bytes]) -> None:
        """Durable when this returns. Raises OSError, and then leaves nothing behind."""
        path = self.path(file_id)
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _flush_directory(self.root)  # else a power cut may lose the directory, and the file with it
        temporary = path.with_name(f".{os.urandom(8).hex()}.tmp")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_directory(path.parent)

    def open(self, file_id: uuid.UUID) -> BinaryIO:
        try:
            return self.path(file_id).open("rb")
        except FileNotFoundError as error:
            raise Unreadable("Le contenu manque.") from error

    def size(self, file_id: uuid.UUID) -> int:
        """Bytes of the sealed file. Raises `Unreadable` when it is not there."""
        try:
            return self.path(file_id).stat().st_size
        except FileNotFoundError as error:
            raise Unreadable("Le contenu manque.") from error

    def exists(self, file_id: uuid.UUID) -> bool:
        return self.path(file_id).exists()

    def delete(self, file_id: uuid.UUID) -> None:
        path = self.path(file_id)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            _flush_directory(path.parent)

    def names(self) -> Iterator[tuple[uuid.UUID, float]]:
        """Every content held, with the time it was written (seconds since 1970)."""
        for path in self.root.glob("??/*"):
            if (file_id := self._id_of(path)) is not None:
                yield file_id, path.stat().st_mtime

    def strays(self) -> Iterator[Path]:
        """Files that this store did not write: somebody else's, or moved by hand."""
        for path in self.root.rglob("*"):
            temporary = path.name.startswith(".") and path.name.endswith(".tmp")
            if not path.is_dir() and not temporary and self._id_of(path) is None:
                yield path

    def _id_of(self, path: Path) -> uuid.UUID | None:
        """The content of this file; None when the store would not have put it there, under this name."""
        try:
            file_id = uuid.UUID(path.name)
        except ValueError:
            return None
        return file_id if path == self.path(file_id) and not path.is_dir() else None

    def stale(self, before: float) -> Iterator[Path]:
        """What an interrupted write left."""
        for path in self.root.glob("??/.*.tmp"):
            if path.stat().st_mtime < before:
                yield path


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
