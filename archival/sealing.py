"""The digital copy as one encrypted file that opens in a browser, without this service and without a network.

Format `dmp-sealed/1` (docs/copies.md), of parts that any library has: PBKDF2-HMAC-SHA256 (RFC 8018) makes the key
of the passphrase, AES-256-GCM (NIST SP 800-38D) seals the ZIP by segments, WebCrypto opens it. The passphrase is
used as the bytes leave, and kept nowhere.
"""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from django.template.loader import render_to_string

FORMAT = "dmp-sealed/1"
ITERATIONS = 600_000  # OWASP Password Storage, PBKDF2-HMAC-SHA256
SEGMENT = 1 << 20  # bytes; a multiple of nothing: each part is base64 of its own
SHORTEST = 14  # characters of a passphrase
_PART, _END = b'<script type="text/plain" class="part">', b"</script>\n"


def html(pieces: Iterable[bytes], passphrase: str, title: str) -> Iterator[bytes]:
    """The file, as a stream. `title`: what the page shows before it is opened; it says nothing of the person."""
    salt, prefix = os.urandom(16), os.urandom(7)
    cipher = AESGCM(PBKDF2HMAC(SHA256(), 32, salt, ITERATIONS).derive(typed(passphrase)))
    head = {
        "format": FORMAT,
        "kdf": "PBKDF2-HMAC-SHA256",
        "iterations": ITERATIONS,
        "salt": _text(salt),
        "cipher": "AES-256-GCM",
        "prefix": _text(prefix),
    }
    context = {"title": title, "head": json.dumps(head), "script": script(), "script_digest": script_digest()}
    before, after = render_to_string("copies/sealed.html", context).split("@PARTS@")
    yield before.encode()
    for number, last, segment in _segments(pieces):
        nonce = prefix + struct.pack(">I?", number, last)
        yield _PART + base64.b64encode(cipher.encrypt(nonce, segment, FORMAT.encode())) + _END
    yield after.encode()


def typed(passphrase: str) -> bytes:
    """As the page reads it: without the spaces around."""
    return passphrase.strip().encode()


def _segments(pieces: Iterable[bytes]) -> Iterator[tuple[int, bool, bytes]]:
    """A full segment waits for a byte after it: only then is it known not to be the last."""
    waiting, number = bytearray(), 0
    for piece in pieces:
        waiting += piece
        while len(waiting) > SEGMENT:
            yield number, False, bytes(waiting[:SEGMENT])
            del waiting[:SEGMENT]
            number += 1
    yield number, True, bytes(waiting)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


@lru_cache
def script() -> str:
    return (Path(__file__).parent / "data" / "sealed.js").read_text()


@lru_cache
def script_digest() -> str:
    """The page's own policy lets this script run and no other."""
    return _text(hashlib.sha256(script().encode()).digest())
