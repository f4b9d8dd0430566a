"""Identity numbers: the NIR and the INS made of it (rules.md section 8). Pure values, no database.

A number is looked up by a keyed hash and kept sealed: it stands in clear in no index, log, URL or trace.
"""

import base64
import hmac
import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from django.conf import settings
from django.core.exceptions import ValidationError
from stdnum.fr import nir

OID_NIR = "1.2.250.1.213.1.4.8"
OID_NIA = "1.2.250.1.213.1.4.9"
OID_TEST = "1.2.250.1.213.1.4.10"
OID_DEMO = "1.2.250.1.213.1.4.11"
OIDS = {OID_NIR: "NIR", OID_NIA: "NIA", OID_TEST: "NIR de test", OID_DEMO: "NIR de démonstration"}


@dataclass(frozen=True)
class Ins:
    """A matricule (15 characters: 13 and the key) and the OID that says what it is."""

    matricule: str
    oid: str = OID_NIR

    def __repr__(self) -> str:  # never in clear in a log or a debugger's output
        return f"Ins(…{self.matricule[-2:]}, {OIDS.get(self.oid, self.oid)})"

    __str__ = __repr__

    @property
    def key_valid(self) -> bool:
        """As `nir.is_valid` of a number written without spaces, twenty times faster: a feed asks it of millions."""
        number = self.matricule
        if len(number) != 15 or not number.isascii() or not number.isalnum():
            return False
        try:
            return bool(nir.calc_check_digits(number) == number[13:])
        except ValueError:
            return False

    @property
    def is_provisional(self) -> bool:
        """A number given before the NIR: NIA, whose first digit is 7 or 8 (rules.md section 8)."""
        return self.oid == OID_NIA or self.matricule[:1] in ("7", "8")

    @property
    def lookup(self) -> bytes:
        """The keyed hash under which this identity is found: 32 bytes."""
        return hmac.digest(_key(b"lookup"), f"{self.oid}|{self.matricule}".encode(), sha256)

    def sealed(self) -> bytes:
        """AES-256-GCM: 12 bytes of nonce, then the sealed matricule bound to its OID."""
        nonce = os.urandom(12)
        return nonce + AESGCM(_key(b"seal")).encrypt(nonce, self.matricule.encode(), self.oid.encode())

    @classmethod
    def unsealed(cls, blob: bytes | memoryview, oid: str) -> "Ins":
        blob = bytes(blob)
        return cls(AESGCM(_key(b"seal")).decrypt(blob[:12], blob[12:], oid.encode()).decode(), oid)


def keyed_hash(purpose: bytes, text: str) -> bytes:
    """How a secret that is looked up (an emergency number) is kept: 32 bytes, nothing without this site's key."""
    return hmac.digest(_key(purpose), text.encode(), sha256)


@lru_cache
def _key(purpose: bytes) -> bytes:
    master = base64.b64decode(settings.IDENTITY_KEY)
    return HKDFExpand(SHA256(), 32, b"dmp identity " + purpose).derive(master)


def read(text: str, oid: str = OID_NIR) -> Ins:
    """The INS in what a document says: length and characters only. A wrong key is a flag, not a refusal."""
    number = nir.compact(text).replace("\u00a0", "")
    if len(number) != 15 or not number.isascii() or not number.isalnum() or oid not in OIDS:
        raise ValidationError("Le numéro d'identité doit avoir 15 caractères : 13 et la clé.", code="ins")
    return Ins(number, oid)


def check(text: str, oid: str = OID_NIR) -> Ins:
    """The INS of an identity that is being created: the key must be right."""
    ins = read(text, oid)
    if not ins.key_valid:
        raise ValidationError(
            "Ce numéro ne va pas avec sa clé. Relisez les 15 chiffres de la carte Vitale.", code="ins-key"
        )
    return ins
