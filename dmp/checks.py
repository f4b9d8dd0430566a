"""Unsafe settings stop the start: each check has an id, a reason and what to do."""

import base64
import binascii
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings
from django.core.checks import Error, Tags, register


def _key_of_32_bytes(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 32
    except (ValueError, binascii.Error):
        return False


@register(Tags.security)
def secrets_are_set(app_configs: Any, **options: Any) -> list[Error]:
    errors = []
    if len(settings.SECRET_KEY) < 32:
        errors.append(Error("DMP_SECRET_KEY manque ou est trop courte (32 caractères).", id="dmp.E001"))
    if not _key_of_32_bytes(settings.IDENTITY_KEY):
        errors.append(Error("DMP_IDENTITY_KEY doit être 32 octets en base64.", id="dmp.E002"))
    masters = [part.partition(":") for part in settings.MASTER_KEYS.split(",")]
    if not all(version.isdigit() and _key_of_32_bytes(key) for version, _, key in masters):
        errors.append(Error("DMP_MASTER_KEYS doit être « 1:<32 octets en base64>[,2:…] ».", id="dmp.E003"))
    return errors


@register(Tags.security)
def authorities_are_readable(app_configs: Any, **options: Any) -> list[Error]:
    errors = []
    for name in ("CERTIFICATE_PERSONS", "CERTIFICATE_STRUCTURES"):
        if not (path := getattr(settings, name)):
            continue
        try:
            x509.load_pem_x509_certificates(Path(path).read_bytes())
        except (OSError, ValueError):
            text = f"DMP_{name} doit nommer un fichier PEM de certificats d'autorités, lisible par le service."
            errors.append(Error(text, id="dmp.E022"))
    return errors


@register(Tags.security)
def no_backup_holds_the_journal(app_configs: Any, **options: Any) -> list[Error]:
    """Restored with the contents it would have forgotten what was destroyed since."""
    root = Path(settings.MEDIA_ROOT).resolve()
    if all(path.is_absolute() and not path.resolve().is_relative_to(root) for path in settings.TOMBSTONES):
        return []
    text = (
        "DMP_TOMBSTONES : des chemins absolus, hors de DMP_MEDIA_ROOT, qu'une sauvegarde ferait revenir en arrière."
    )
    return [Error(text, id="dmp.E024")]


@register(Tags.security, deploy=True)
def production_is_safe(app_configs: Any, **options: Any) -> list[Error]:
    refused = [
        (
            settings.DEBUG,
            "DMP_DEBUG montre le code et les données : à ne jamais mettre en production.",
            "E010",
        ),
        (
            settings.DEMO,
            "DMP_DEMO accepte des jetons fabriqués sur place : à ne jamais mettre en production.",
            "E011",
        ),
        (not settings.TLS, "DMP_TLS=1 est nécessaire : cookies sûrs et HSTS.", "E012"),
        (
            not settings.PSC_ISSUER.startswith("https://"),
            "DMP_PSC_ISSUER doit être une adresse https.",
            "E013",
        ),
        (not settings.PSC_JWKS, "DMP_PSC_JWKS doit nommer les clés de l'émetteur.", "E014"),
        ("*" in settings.ALLOWED_HOSTS, "DMP_ALLOWED_HOSTS ne peut pas être « * ».", "E015"),
        (
            any(not name.startswith(("RS", "PS", "ES", "EdDSA")) for name in settings.PSC_ALGORITHMS),
            "DMP_PSC_ALGORITHMS n'admet que des signatures asymétriques.",
            "E016",
        ),
        (
            not set(settings.PSC_LEVELS) <= {"eidas1", "eidas2", "eidas3"},
            "DMP_PSC_ACR doit être eidas1, ou plus : en dessous, l'identité n'est pas prouvée par deux facteurs.",
            "E017",
        ),
        (
            settings.PRINTER.endswith(".ToFolder"),
            "DMP_PRINTER écrit les copies en clair dans un dossier : nommez une imprimante (patients.printing.Cups).",
            "E023",
        ),
        *_web_sign_in(),
    ]
    return [Error(text, id=f"dmp.{number}") for bad, text, number in refused if bad]


def _web_sign_in() -> list[tuple[bool, str, str]]:
    """The professionals' sign-in on the site, when there is one."""
    if not settings.PSC_CLIENT_ID:
        return []
    return [
        (
            settings.PSC_CLIENT_ID == settings.PSC_AUDIENCE,
            "DMP_PSC_CLIENT_ID et DMP_PSC_AUDIENCE doivent différer : sinon un jeton d'identité ouvre l'API.",
            "E018",
        ),
        (not settings.PSC_CLIENT_SECRET, "DMP_PSC_CLIENT_SECRET manque.", "E019"),
        (
            not settings.PSC_DISCOVERY.startswith("https://"),
            "DMP_PSC_DISCOVERY doit être une adresse https.",
            "E020",
        ),
        (
            not settings.PORTAL_URL.startswith("https://"),
            "DMP_PORTAL_URL doit être une adresse https : Pro Santé Connect y renvoie les professionnels.",
            "E021",
        ),
    ]
