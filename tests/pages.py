"""What any answer of the product looks like, or the test that got it fails: a status that its door gives, no word of
Python in a page, no class that no style knows.
"""

import json
import logging
import re
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from django.core.mail import EmailMessage
from django.test import Client

from tests.described import misnamed

ROOT = Path(__file__).resolve().parents[1]
PAGES = {200, 204, 206, 301, 302, 304, 400, 403, 404, 405, 406, 409, 410, 413, 415, 416, 422, 429, 500, 503}
PROGRAMS = ("/api", "/fhir"), {201, 401, 412, 423}  # what an interface alone answers
OFFICE = ("/admin/", "/exploitation/", "/guichet/")  # styled by the admin's own sheets
OURS = (
    "access/",
    "copies/",
    "counter/",
    "documents/",
    "lifecycle/",
    "public/",
    "requests/",
    "emails/",
    "pdf/",
    "patients/",
)
# What a page may be given or not; every other name that a template writes is in what it was given.
OPTIONAL = {
    "allow_multiple_selected", "also", "dossier", "ended", "error", "errors", "input_type", "mode", "reason", "size",
    "slug",
}  # fmt: skip
OPTIONAL_THERE = {
    "access/address.html": {"form", "late"},
    "access/address_undo.html": {"over"},
    "access/means.html": {"grid_made_at", "pin"},
    "documents/document.html": {"body_format", "narrative", "picture", "text", "unreadable"},
    "lifecycle/reopen.html": {"tone"},
    "pdf/access_letter.html": {"address"},
    "pdf/notice.html": {"certificate_on_paper"},
    "pdf/opening_letter.html": {"address"},
    "pdf/request_answer.html": {"portal"},
    "pdf/request_receipt.html": {"portal"},
}
PYTHON = re.compile(r"(?<![\w-])(?:None|&lt;bound method|&lt;function)(?![\w-])")
UNSTYLED = {"why", "trend-band", "trend-in", "trend-line", "trend-out"}  # names of what is drawn or folded
CLASS = re.compile(r"""<[^>]*\sclass=["']([^"']*)["']""")
HOOKS = re.compile(r"\.([a-zA-Z_][\w-]*)")


class Reader(logging.Handler):
    """Keeps what it saw until a test takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Django's own word, in its journal, of a name that it did not find."""
        if record.msg.startswith("Exception while resolving variable") and isinstance(record.args, tuple):
            name, template = map(str, record.args)
            if name in written(template) - OPTIONAL - OPTIONAL_THERE.get(template, set()):
                self.found.append(f"{template}: {name} is not given")

    def read_mail(self, letter: EmailMessage) -> None:
        """A mail that the test sent: to somebody, with words."""
        said = (letter.subject, letter.body)
        if not letter.to or not all(isinstance(part, str) and " " in part for part in said) or PYTHON.search(said[1]):
            self.found.append(f"mail to {letter.to}: {said}")

    def read(self, method: str, path: str, answer: Any) -> None:
        more = PROGRAMS[1] if path.startswith(PROGRAMS[0]) else set()
        if answer.status_code not in PAGES | more:
            self.found.append(f"{path}: {answer.status_code}")
        kind = answer.get("Content-Type", "")
        if path.startswith("/api/v1/") and not answer.streaming and "json" in kind:
            names = misnamed(method, path, answer.status_code, json.loads(answer.content))
            self.found += [f"{method} {path} {answer.status_code}: « {name} » is not as described" for name in names]
        if answer.streaming or not kind.startswith("text/html"):
            return
        page = answer.content.decode(errors="replace")
        shown = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
        self.found += [f"{path}: « {found} »" for found in PYTHON.findall(re.sub(r"<[^>]*>", " ", shown))]
        if re.search(r"<title>\s*\|", page):
            self.found.append(f"{path}: a page without a title")
        if not path.startswith(OFFICE):
            used = {name for names in CLASS.findall(shown) for name in names.split()}
            own = {name for sheet in re.findall(r"<style\b.*?</style>", page, re.S) for name in HOOKS.findall(sheet)}
            self.found += [f"{path}: class « {name} »" for name in used - styled() - own - UNSTYLED]


@cache
def written(template: str) -> set[str]:
    """The names that a template of ours writes, it or those it includes."""
    file = ROOT / "templates" / template
    files = [file, *file.parent.glob("_*")] if file.is_file() and template.startswith(OURS) else []
    tags = (tag for one in files for tag in re.findall(r"{[{%].*?[%}]}", one.read_text(), re.S))
    return {name for tag in tags for name in re.findall(r"[a-z_]\w*", tag)}


@cache
def styled() -> set[str]:
    sheets = [*ROOT.glob("static/**/*.css"), *ROOT.glob("static/**/*.js")]
    return {name for sheet in sheets for name in HOOKS.findall(sheet.read_text(errors="replace"))}


reader = Reader()


def watch() -> None:
    """For the whole of a session: every test client, DRF's too."""
    request: Callable[..., Any] = Client.request

    @wraps(request)
    def read(self: Client, **asked: Any) -> Any:
        answer = request(self, **asked)
        reader.read(asked.get("REQUEST_METHOD", "GET"), asked.get("PATH_INFO", ""), answer)
        return answer

    Client.request = read  # type: ignore[method-assign]
    journal = logging.getLogger("django.template")
    journal.setLevel(logging.DEBUG)
    journal.propagate = False  # thousands of lines, of Django's own templates
    journal.addHandler(reader)
