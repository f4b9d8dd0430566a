"""clamd over INSTREAM (clamd(8)): chunks of a 4-byte length and so many bytes, ended by a zero length.

Without clamd documents say « non analysé ». Configured but silent, nothing is deposited: never open.
"""

import socket
import struct

from django.conf import settings

CHUNK = 1 << 16
TIMEOUT = 10  # seconds for each exchange


class Unavailable(Exception):
    """The antivirus is configured and does not answer: 503, try again."""


class Infected(Exception):
    """The antivirus named a threat."""


def configured() -> bool:
    return bool(_address())


def _address() -> str:
    return str(getattr(settings, "DMP_CLAMD", "") or "")


def scan(content: bytes) -> str:
    """`clean`, or `unscanned` when none is configured. Raises `Infected`, `Unavailable`."""
    if not configured():
        return "unscanned"
    try:
        answer = _instream(content)
    except OSError as error:
        raise Unavailable("L'antivirus ne répond pas : réessayez dans quelques minutes.") from error
    if answer.endswith(b"FOUND"):
        raise Infected("L'antivirus a reconnu un programme malveillant : le fichier est refusé.")
    if not answer.endswith(b"OK"):
        raise Unavailable("L'antivirus n'a pas pu analyser le fichier : réessayez dans quelques minutes.")
    return "clean"


def _connected() -> socket.socket:
    """`DMP_CLAMD`: the path of a unix socket, or host:port."""
    host, colon, port = _address().rpartition(":")
    if colon and port.isdigit():
        return socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(TIMEOUT)
        connection.connect(_address())
    except OSError:
        connection.close()
        raise
    return connection


def _instream(content: bytes) -> bytes:
    with _connected() as connection:
        connection.sendall(b"zINSTREAM\0")
        for start in range(0, len(content), CHUNK):
            piece = content[start : start + CHUNK]
            connection.sendall(struct.pack(">I", len(piece)) + piece)
        connection.sendall(struct.pack(">I", 0))
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return answer.rstrip(b"\0\n")
