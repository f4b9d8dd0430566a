"""A local issuer of tokens for demonstrations and tests (`DMP_DEMO=1`): same claims, own key.

`check --deploy` refuses a production that has it switched on.
"""

import json
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from joserfc import jwt
from joserfc.jwk import RSAKey

from access.models import Professional


@lru_cache
def key() -> RSAKey:
    """The issuer's key pair, made once in DMP_DEMO_ISSUER_DIR; its public half is DMP_PSC_JWKS."""
    if not settings.DEMO:
        raise RuntimeError("L'émetteur de démonstration est fermé (DMP_DEMO).")
    folder = Path(settings.DEMO_ISSUER_DIR)
    private = folder / "private.json"
    if not private.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = RSAKey.generate_key(2048, {"kid": uuid.uuid4().hex, "use": "sig"})
        private.touch(mode=0o600)
        private.write_text(json.dumps(made.as_dict(private=True)))
        (folder / "jwks.json").write_text(json.dumps({"keys": [made.as_dict(private=False)]}))
    return RSAKey.import_key(json.loads(private.read_text()))


def token(claims: dict[str, Any], seconds: int = 8 * 3600) -> str:
    """A signed token with these claims, valid from now for so many seconds."""
    now = int(time.time())
    whole = {
        "iss": settings.PSC_ISSUER,
        "aud": settings.PSC_AUDIENCE,
        "iat": now,
        "exp": now + seconds,
        "acr": "eidas1",
    } | claims
    return jwt.encode({"alg": "RS256", "kid": key().kid}, whole, key())


def claims_of(professional: Professional) -> dict[str, Any]:
    """Pro Santé Connect's claims for a professional of the register, with all his situations."""
    exercices = [
        {
            "codeProfession": situation.profession,
            "codeCategorieProfessionnelle": situation.category,
            "codeSavoirFaire": situation.speciality,
            "activities": [
                {
                    "codeModeExercice": situation.mode,
                    "numeroFinessSite": situation.structure.finess if situation.structure else "",
                    "numeroSiretSite": situation.structure.siret if situation.structure else "",
                    "identifiantTechniqueDeLaStructure": situation.structure.identifier
                    if situation.structure
                    else "",
                    "raisonSocialeSite": situation.structure.name if situation.structure else "",
                }
            ],
        }
        for situation in professional.situations.select_related("structure")
    ]
    return {
        "sub": f"f:demo:{professional.idnat}",
        "preferred_username": professional.idnat,
        "SubjectNameID": professional.idnat,
        "given_name": professional.given,
        "family_name": professional.family,
        "SubjectRefPro": {"exercices": exercices},
    }
