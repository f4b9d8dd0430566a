"""A ZIP written as a stream: each byte leaves as soon as it is known, nothing is kept but the list of the files."""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

PACKED = frozenset({"pdf", "jpg", "png", "tif"})  # compressed already


@dataclass(frozen=True)
class Member:
    """A file of the archive, as the manifest says it."""

    path: str
    size: int
    sha256: str


class _Spout:
    """A file that only goes forward; what was written is taken out of it."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.waiting.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def drain(self) -> Iterator[bytes]:
        waiting, self.waiting = self.waiting, []
        yield from waiting


class Archive:
    """`for piece in archive.add(path, pieces)`, then `for piece in archive.close()`."""

    def __init__(self, moment: tuple[int, int, int, int, int, int]) -> None:
        self.members: list[Member] = []
        self._spout = _Spout()
        target: Any = self._spout
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self._moment = moment

    def add(self, path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        info = zipfile.ZipInfo(path, self._moment)
        packed = path.rpartition(".")[2] in PACKED
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w") as file:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
                yield from self._spout.drain()
        self.members.append(Member(path, size, digest.hexdigest()))
        yield from self._spout.drain()

    def close(self) -> Iterator[bytes]:
        self._zip.close()
        yield from self._spout.drain()
