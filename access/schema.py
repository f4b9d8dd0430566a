"""The OpenAPI 3.1 description of /api/v1, and a page to read it that a strict Content-Security-Policy allows."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class BearerScheme(OpenApiAuthenticationExtension):
    """How the description names Pro Santé Connect's token."""

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


class CertificateScheme(OpenApiAuthenticationExtension):
    """A card or a structure, by mutual TLS on the server name of its own."""

    target_class = "access.certificates.CertificateAuthentication"
    name = "Certificat"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "mutualTLS",
            "description": "Certificat d'authentification de carte CPS, sans jeton. Celui d'une structure alimente "
            "par /fhir et ne fait aucun des actes décrits ici.",
        }


schema = SpectacularAPIView.as_view()
page = SpectacularSwaggerSplitView.as_view(template_name="access/api_docs.html", url_name="api-schema")
