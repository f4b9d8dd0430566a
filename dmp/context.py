from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """What every page says of the installation."""
    return {"demo": settings.DEMO, "psc_offered": bool(settings.PSC_CLIENT_ID) and settings.ROLE != "backoffice"}
