"""Open the encrypted file of a copy (`dmp-sealed/1`) without a browser: what `archival.sealing` wrote."""

import base64
import json
import re
import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from archival import sealing

_HEAD = re.compile(rb'<script type="application/json" id="head">(.*?)</script>', re.S)
_PART = re.compile(rb'<script type="text/plain" class="part">([A-Za-z0-9+/=]*)</script>')
MOST_ITERATIONS = 10_000_000


class NotOpened(Exception):
    """Not such a file, another passphrase, or a file that was touched."""


def pieces(file: bytes, passphrase: str) -> Iterator[bytes]:
    """The ZIP, segment by segment. Raises `NotOpened`."""
    head = _HEAD.search(file)
    try:
        said = json.loads(head[1]) if head else {}
        salt, prefix = base64.b64decode(said["salt"]), base64.b64decode(said["prefix"])
        if said["format"] != sealing.FORMAT or not 0 < said["iterations"] <= MOST_ITERATIONS:
            raise NotOpened("Ce fichier n'est pas une copie protégée.")
        cipher = AESGCM(PBKDF2HMAC(SHA256(), 32, salt, said["iterations"]).derive(sealing.typed(passphrase)))
    except (KeyError, ValueError, TypeError) as error:
        raise NotOpened("Ce fichier n'est pas une copie protégée.") from error
    parts = _PART.findall(file)
    for number, part in enumerate(parts):
        nonce = prefix + struct.pack(">I?", number, number == len(parts) - 1)
        try:
            yield cipher.decrypt(nonce, base64.b64decode(part), sealing.FORMAT.encode())
        except (InvalidTag, ValueError) as error:
            raise NotOpened("La phrase secrète n'ouvre pas ce fichier, ou il a été modifié.") from error
    if not parts:
        raise NotOpened("Ce fichier n'est pas une copie protégée.")
