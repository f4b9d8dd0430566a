"""How the OpenAPI page says that one signs in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class ProSanteConnect(OpenApiAuthenticationExtension):
    target_class = "access.identity.BearerAuthentication"
    name = "ProSanteConnect"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Jeton d'accès Pro Santé Connect. Plusieurs situations d'exercice : nommez-en une "
            "dans l'en-tête DMP-Situation.",
        }
