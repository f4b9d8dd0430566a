"""The letters that complete an opening online, printed by an operator: one PDF, a page a person.

A code is made when its letter is printed, and stands nowhere else than on the paper: none waits on a disk.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import QuerySet
from django.template.loader import render_to_string

from patients import online
from patients.models import OpeningRequest


def waiting() -> QuerySet[OpeningRequest]:
    """The requests whose letter was not printed yet, oldest first."""
    rows = OpeningRequest.objects.filter(state=OpeningRequest.State.LETTER, letter_digest=None)
    return rows.select_related("insured").order_by("created_at")


def render(requests: Iterable[OpeningRequest]) -> bytes:
    """One PDF, with a fresh code for each."""
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    letters = []
    for request in requests:
        code = online.make_letter_code(request)
        letters.append({"person": request.insured, "code": f"{code[:5]} {code[5:]}"})
    context = {"letters": letters, "portal": settings.PORTAL_URL}
    text = render_to_string("pdf/opening_letter.html", context)
    page = HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=()))
    return bytes(page.write_pdf(pdf_variant="pdf/ua-1"))
