"""Add to a PDF without reading it again: an incremental update (ISO 32000-1, 7.5.6), written as a stream.

The pictures take the place of those that stood for them, the originals are joined as associated files (PDF/A-3:
ISO 19005-3, 6.8), and neither ever is in memory whole. What is appended ends with a cross-reference stream (7.5.8).
"""

import datetime as dt
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A drawn page. `pieces` are opened when their turn comes. `size`: bytes."""

    width: int
    height: int
    coloured: bool
    size: int
    pieces: Iterable[bytes]


@dataclass(frozen=True)
class Attachment:
    name: str
    description: str
    media_type: str
    size: int
    modified: dt.datetime
    pieces: Iterable[bytes]


class Update:
    """What is added after the bytes of a PDF; `tail` is what `archival.press.tail` says of it."""

    def __init__(self, length: int, tail: dict[str, Any]) -> None:
        self.at, self.tail = length, tail
        self.next = tail["size"]
        self.places: dict[int, int] = {}

    def number(self) -> int:
        self.next += 1
        return int(self.next - 1)

    def plain(self, number: int, body: str) -> bytes:
        return self._count(number, f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1"))

    def stream(self, number: int, entries: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield self._count(number, f"{number} 0 obj\n<< {entries} /Length {size} >>\nstream\n".encode("latin-1"))
        written = 0
        for piece in pieces:
            written += len(piece)
            self.at += len(piece)
            yield piece
        if written != size:
            raise OSError("a content that has not its size")
        end = b"\nendstream\nendobj\n"
        self.at += len(end)
        yield end

    def _count(self, number: int, said: bytes) -> bytes:
        self.places[number] = self.at
        self.at += len(said)
        return said

    def picture(self, number: int, one: Picture) -> Iterator[bytes]:
        colours = "DeviceRGB" if one.coloured else "DeviceGray"
        entries = (
            f"/Type /XObject /Subtype /Image /Width {one.width} /Height {one.height} /ColorSpace /{colours} "
            "/BitsPerComponent 8 /Filter /DCTDecode /Interpolate false"
        )
        yield from self.stream(self.tail["pictures"][str(number)], entries, one.size, one.pieces)

    def attach(self, attached: Iterable[Attachment]) -> Iterator[bytes]:
        """The files, the tree that names them, and the catalogue that knows the tree."""
        named: list[tuple[str, int]] = []
        for one in attached:
            file, specification = self.number(), self.number()
            yield from self.stream(file, _file(one), one.size, one.pieces)
            yield self.plain(specification, _specification(one, file))
            named.append((one.name, specification))
        catalogue = dict(self.tail["catalogue"])
        names = dict(self.tail["names"])
        if named:
            tree = self.number()
            leaves = " ".join(f"{_string(name)} {number} 0 R" for name, number in sorted(named))
            yield self.plain(tree, f"<< /Names [ {leaves} ] >>")
            names["/EmbeddedFiles"] = f"{tree} 0 R"
            catalogue["/AF"] = "[ " + " ".join(f"{number} 0 R" for _, number in named) + " ]"
        if names:
            catalogue["/Names"] = _dictionary(names)
        yield self.plain(self.tail["root"], _dictionary(catalogue))

    def close(self) -> bytes:
        """The cross-reference stream of what was added, after that of the PDF."""
        number, start = self.number(), self.at
        self.places[number] = start
        numbers = sorted(self.places)
        rows = b"".join(struct.pack(">BQH", 1, self.places[one], 0) for one in numbers)
        index = " ".join(f"{one} 1" for one in numbers)
        entries = (
            f"/Type /XRef /Size {self.next} /Prev {self.tail['previous']} /Root {self.tail['root']} 0 R "
            f"/W [ 1 8 2 ] /Index [ {index} ]"
        )
        if self.tail["info"]:
            entries += f" /Info {self.tail['info']} 0 R"
        if self.tail["id"]:
            entries += " /ID [ " + " ".join(f"<{one}>" for one in self.tail["id"]) + " ]"
        head = f"{number} 0 obj\n<< {entries} /Length {len(rows)} >>\nstream\n".encode("latin-1")
        return head + rows + b"\nendstream\nendobj\nstartxref\n" + str(start).encode() + b"\n%%EOF\n"


def _file(one: Attachment) -> str:
    moment = one.modified.astimezone(dt.UTC)
    subtype = one.media_type.replace("/", "#2F")
    return (
        f"/Type /EmbeddedFile /Subtype /{subtype} /Params << /Size {one.size} /ModDate (D:{moment:%Y%m%d%H%M%S}Z) >>"
    )


def _specification(one: Attachment, file: int) -> str:
    name, said = _string(one.name), _string(one.description)
    return (
        f"<< /Type /Filespec /F {name} /UF {name} /Desc {said} /AFRelationship /Source "
        f"/EF << /F {file} 0 R /UF {file} 0 R >> >>"
    )


def _string(text: str) -> str:
    """A text string in UTF-16 (7.9.2.2), in hexadecimal: nothing to escape."""
    return f"<FEFF{text.encode('utf-16-be').hex()}>"


def _dictionary(entries: dict[str, str]) -> str:
    return "<< " + " ".join(f"{key} {value}" for key, value in entries.items()) + " >>"
