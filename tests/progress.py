"""What a long command shows of how far it is, on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest


@contextmanager
def shown_by(monkeypatch: pytest.MonkeyPatch, command: ModuleType) -> Iterator[list[Any]]:
    """What is counted, of how many, then each count."""
    seen: list[Any] = []

    @contextmanager
    def counting(what: str, total: int | None) -> Iterator[Any]:
        seen.extend([what, total])
        yield seen.append

    monkeypatch.setattr(command, "counting", counting)
    yield seen
