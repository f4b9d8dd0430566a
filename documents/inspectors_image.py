"""JPEG, PNG and TIFF, inside the sandbox: decoded to the last line, within its memory."""

import io
import os
import struct
import warnings
from typing import Any

from PIL import Image
from PIL.ExifTags import Base as _Exif  # noqa: F401  (imported now: no file can be opened later)

from documents.inspectors_signatures import MARKUP, Broken, Refuse, ends_as_archive

MAX_PIXELS = 100_000_000
MAX_DECODED = 160 * 1024 * 1024  # bytes a picture may take once decoded
MAX_FRAMES = 500
FORMATS = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "TIFF": "TIFF"}  # MPO: JPEG of telephones (CIPA DC-007)
SMALL_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # bytes a pixel; all others take 4
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def image(content: bytes, expected: str) -> dict[str, Any]:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    _complaints()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "TIFF"]) as picture:
                if FORMATS.get(picture.format or "") != expected:
                    raise Refuse(f"L'image est en réalité une image {picture.format} : corrigez le type annoncé.")
                width, height = picture.size
                _decode(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refuse(TOO_LARGE) from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        struct.error,
        Warning,
        OverflowError,
    ) as error:
        raise Broken(DAMAGED) from error
    if ends_as_archive(content) or MARKUP.search(content, _picture_start(content, expected)):
        raise Refuse("L'image cache un autre fichier : enregistrez-la à nouveau, puis recommencez.")
    return {"width": width, "height": height}


TOO_LARGE = "L'image est trop grande une fois décodée : réduisez-la ou déposez-la en PDF."
DAMAGED = "L'image est abîmée ou incomplète : enregistrez-la à nouveau, puis recommencez."


def _decode(picture: Any) -> None:
    """All of it: what a viewer would stumble on later is refused now."""
    frames = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    if frames > MAX_FRAMES:
        raise Refuse(f"L'image a plus de {MAX_FRAMES} pages : découpez-la.")
    for frame in range(frames):
        if frames > 1:
            picture.seek(frame)
        if _memory(picture) > MAX_DECODED:
            raise Refuse(TOO_LARGE)
        if picture.format in ("JPEG", "MPO"):
            # Every coded block is read, at an eighth of the size: a sixty-fourth of the memory.
            picture.draft(None, (picture.width // 8, picture.height // 8))
        picture.load()
        if _complaints():
            raise Broken(DAMAGED)


def _memory(picture: Any) -> int:
    """Bytes to decode it: the pixels; of a JPEG, the coefficients when it is progressive (B.2.2: two bytes)."""
    pixels = int(picture.width) * int(picture.height)
    if pixels > MAX_PIXELS:
        return pixels * 4
    if picture.format not in ("JPEG", "MPO"):
        return pixels * SMALL_MODES.get(picture.mode, 4)
    if not picture.info.get("progressive"):
        return pixels * 4 // 64
    samplings = [(h, v) for _, h, v, _ in picture.layer]
    largest = max(h for h, _ in samplings) * max(v for _, v in samplings)
    return pixels * 2 * sum(h * v for h, v in samplings) // max(largest, 1)


def _picture_start(content: bytes, expected: str) -> int:
    """Where markup has no business any more: after the metadata of a JPEG, after the end of a PNG."""
    if expected == "PNG":
        end = content.find(PNG_END)
        return end if end >= 0 else len(content)
    if expected == "TIFF":
        return len(content)  # metadata may stand anywhere in it
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return at


# libtiff decodes as best it can and says so on the error output alone: it is a pipe that is read here.
_listening: int | None = None


def listen() -> int:
    """From here on the error output of this process is heard; the descriptor to read, which stays open."""
    global _listening
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    os.dup2(writer, 2)
    os.close(writer)
    _listening = reader
    return reader


def _complaints() -> bytes:
    try:
        return os.read(_listening, 1 << 16) if _listening is not None else b""
    except OSError:
        return b""
