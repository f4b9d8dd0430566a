"""Letters as PDF, for the operator to post (MEDIA_ROOT/letters). Made by a task: what they say is nowhere else.

They name people in clear. Posted or not, none is kept for longer than `DAYS`, which is shorter than the thirty days
that an early destruction waits; no backup takes them; those of an account go with it.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from patients.typography import set_in_type

DAYS = 21


def render(template: str, context: dict[str, Any]) -> bytes:
    """The PDF, kept nowhere."""
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    text = set_in_type(render_to_string(template, context | {"portal": settings.PORTAL_URL}))
    made: bytes = HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=())).write_pdf(pdf_variant="pdf/ua-1")
    return made


def folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "letters"


def write(name: str, template: str, context: dict[str, Any]) -> Path:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / f"{name}.pdf"
    path.write_bytes(render(template, context))
    return path


def forget(start: str) -> None:
    """Those whose name begins so. May run twice."""
    for path in folder().glob(f"{start}*.pdf"):
        path.unlink(missing_ok=True)


def forget_old() -> int:
    before = (timezone.now() - dt.timedelta(days=DAYS)).timestamp()
    old = [path for path in folder().glob("*.pdf") if path.stat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
