"""What the product says to a person is a sentence, and a refusal that a program may read has its code; or the test
that heard it fails. What tests and libraries say is not judged.
"""

import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.utils.functional import Promise
from rest_framework.exceptions import APIException

from tests.one_dossier import PRODUCT, ROOT

SENTENCE = re.compile(r"\S.* .*[.!?»]", re.S)  # the name of a file may begin it
CODE = re.compile(r"[a-z]+(-[a-z]+)*")


class Listener:
    """Keeps what it heard until a test takes it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def hear(self, said: Any, frame: FrameType) -> None:
        if isinstance(said, str | Promise | None) and not SENTENCE.fullmatch(str(said)):
            self._keep(f"no sentence: {said!r}", frame)

    def hear_code(self, code: Any, frame: FrameType) -> None:
        """A form's own fields need none: it is shown where it was filled in."""
        if not (isinstance(code, str) and CODE.fullmatch(code)) and not (code is None and _in_a_form(frame)):
            self._keep(f"no code: {code!r}", frame)

    def _keep(self, what: str, frame: FrameType) -> None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PRODUCT:
            self.found.append(f"{path.relative_to(ROOT)}:{frame.f_lineno}: {what}")


def _in_a_form(frame: FrameType) -> bool:
    return isinstance(frame.f_locals.get("self"), forms.BaseForm)


listener = Listener()


def listen() -> None:
    """For the whole of a session."""
    _watch(ValidationError, "__init__", 1, "message", code=True)
    _watch(CommandError, "__init__", 1, "message")
    _watch(APIException, "__init__", 1, "detail")
    _watch(forms.BaseForm, "add_error", 2, "error")
    for level in ("success", "error", "info", "warning"):
        _watch(messages, level, 1, "message")


def _watch(owner: Any, name: str, place: int, word: str, *, code: bool = False) -> None:
    method: Callable[..., Any] = getattr(owner, name)

    @wraps(method)
    def heard(*args: Any, **options: Any) -> Any:
        frame = sys._getframe(1)
        if len(args) > place or word in options:
            said = args[place] if len(args) > place else options[word]
            listener.hear(said, frame)
            if code and isinstance(said, str) and type(args[0]) is ValidationError:
                listener.hear_code(options.get("code"), frame)
        return method(*args, **options)

    setattr(owner, name, heard)
