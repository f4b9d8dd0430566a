"""Letters as PDF, for the operator to post (MEDIA_ROOT/letters). Made by a task: what they say is nowhere else."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from patients.typography import set_in_type


def render(template: str, context: dict[str, Any]) -> bytes:
    """The PDF, kept nowhere."""
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    text = set_in_type(render_to_string(template, context | {"portal": settings.PORTAL_URL}))
    made: bytes = HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=())).write_pdf(pdf_variant="pdf/ua-1")
    return made


def write(name: str, template: str, context: dict[str, Any]) -> Path:
    folder = Path(settings.MEDIA_ROOT) / "letters"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.pdf"
    path.write_bytes(render(template, context))
    return path
