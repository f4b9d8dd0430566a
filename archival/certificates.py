"""Certificates of destruction: what they say, signed with Ed25519, and how anybody verifies one without us."""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

FORM = "dmp-destruction-1"


class Wrong(Exception):
    """Not a certificate, or altered: its text says which."""


def sign(statement: dict[str, Any]) -> tuple[str, bytes]:
    """The text that is signed (sorted, compact JSON, UTF-8) and its signature."""
    text = json.dumps(statement | {"form": FORM}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text, _key().sign(text.encode())


def public_key() -> str:
    """32 bytes in base64: what the site publishes, once for all."""
    raw = _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def written(statement: str, signature: bytes) -> str:
    """The file that is given: one JSON object."""
    said = {"statement": statement, "signature": base64.b64encode(signature).decode(), "public_key": public_key()}
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def verify(file: str, key: str) -> dict[str, Any]:
    """What a certificate says, if the holder of this public key signed it. Pure: no setting, no database."""
    try:
        said = json.loads(file)
        text, signature = said["statement"], base64.b64decode(said["signature"], validate=True)
        statement: dict[str, Any] = json.loads(text)
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong("Ce fichier n'est pas un certificat de destruction.") from error
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True)).verify(signature, text.encode())
    except (ValueError, InvalidSignature) as error:
        raise Wrong("La signature n'est pas celle de cette clé : altéré, ou d'ailleurs.") from error
    if statement.get("form") != FORM:
        raise Wrong("La signature est bonne, mais ce n'est pas un certificat de destruction.")
    return statement


def _key() -> Ed25519PrivateKey:
    master = base64.b64decode(settings.IDENTITY_KEY)
    return Ed25519PrivateKey.from_private_bytes(HKDFExpand(SHA256(), 32, b"dmp destruction").derive(master))
