"""clamd over INSTREAM (clamd(8)): chunks of a 4-byte length and so many bytes, ended by a zero length.

Without clamd documents say « non analysé ». Configured but silent, nothing is deposited: never open.
"""

import socket
import struct

from django.conf import settings

CHUNK = 1 << 16


class Unavailable(Exception):
    """The antivirus is configured and does not answer: 503, try again."""


class Infected(Exception):
    """The antivirus named a threat."""


def scan(content: bytes) -> str:
    """`clean`, or `unscanned` when none is configured. Raises `Infected`, `Unavailable`."""
    if not settings.DMP_CLAMD:
        return "unscanned"
    try:
        answer = _instream(content)
    except OSError as error:
        raise Unavailable("L'antivirus ne répond pas.") from error
    if answer.endswith(b"FOUND"):
        raise Infected("L'antivirus a reconnu un programme malveillant.")
    if not answer.endswith(b"OK"):
        raise Unavailable("L'antivirus n'a pas pu analyser le fichier.")
    return "clean"


def _instream(content: bytes) -> bytes:
    host, colon, port = settings.DMP_CLAMD.rpartition(":")
    inet = bool(colon) and port.isdigit()
    with socket.socket(socket.AF_INET if inet else socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect((host, int(port)) if inet else settings.DMP_CLAMD)
        connection.sendall(b"zINSTREAM\0")
        for start in range(0, len(content), CHUNK):
            piece = content[start : start + CHUNK]
            connection.sendall(struct.pack(">I", len(piece)) + piece)
        connection.sendall(struct.pack(">I", 0))
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return answer.rstrip(b"\0\n")
