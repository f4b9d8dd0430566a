"""A letter sealed to the service with a public key: who seals it cannot open it again. Pure.

X25519 with a key of the moment, HKDF-SHA256, AES-256-GCM (the shape of RFC 9180 in base mode). Sealed = public key of
the moment 32, nonce 12, then the content and its tag; bound to the dossier and to the letter's own id.
"""

import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand


class Unopened(Exception):
    """Not sealed to this key, or touched since."""


def private_of(master: bytes) -> X25519PrivateKey:
    """The key that opens letters, from a master key (32 bytes): a process without master keys never has it."""
    return X25519PrivateKey.from_private_bytes(HKDFExpand(SHA256(), 32, b"dmp letters").derive(master))


def public_of(master: bytes) -> bytes:
    return private_of(master).public_key().public_bytes_raw()


def seal(public: bytes, dossier_id: uuid.UUID, paper_id: uuid.UUID, content: bytes) -> bytes:
    moment = X25519PrivateKey.generate()
    shared = moment.exchange(X25519PublicKey.from_public_bytes(public))
    mine, nonce = moment.public_key().public_bytes_raw(), os.urandom(12)
    key = _key(shared, mine, public)
    return mine + nonce + AESGCM(key).encrypt(nonce, content, dossier_id.bytes + paper_id.bytes)


def unseal(private: X25519PrivateKey, dossier_id: uuid.UUID, paper_id: uuid.UUID, sealed: bytes) -> bytes:
    """Raises `Unopened`."""
    theirs, nonce, body = sealed[:32], sealed[32:44], sealed[44:]
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
        key = _key(shared, theirs, private.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(nonce, body, dossier_id.bytes + paper_id.bytes)
    except (InvalidTag, ValueError) as error:
        raise Unopened("Cette lettre ne s'ouvre pas.") from error


def _key(shared: bytes, moment: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"dmp letter " + moment + public).derive(shared)
