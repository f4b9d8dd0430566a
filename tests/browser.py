"""A telephone in a real browser: what it must find on every page, whoever made the page."""

import shutil
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MARKS = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="il faut le Chromium de la distribution"),
]
# Links and buttons under 24 CSS pixels high, links inside a sentence left out (WCAG 2.2, 2.5.8).
SMALL = """() => [...document.querySelectorAll('a, button, summary')]
  .filter(e => e.offsetParent && !(e.matches('p a, dd a, label a') && e.parentElement.childNodes.length > 1))
  .filter(e => e.getBoundingClientRect().height < 24).map(e => e.innerText.trim())"""


def faults(page: Any) -> list[Any]:
    """Rules of accessibility broken, what overflows the screen, what is too small for a finger."""
    broken = [one["id"] for one in Axe().run(page).response["violations"]]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*broken, *([f"{wider} pixels too wide"] if wider else []), *page.evaluate(SMALL)]
