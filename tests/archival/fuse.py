"""A run that dies at its n-th step: every SQL statement, every commit (before and after), every file operation."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections

FILES = ("unlink", "rename", "replace", "fsync", "open", "write", "rmdir", "mkdir")


class Killed(BaseException):
    """What no product code catches, as a kill would not be."""


class Fuse:
    """`at`: the step that does not happen; None never dies, and counts the steps."""

    def __init__(self, at: int | None) -> None:
        self.at, self.steps = at, 0

    @property
    def is_blown(self) -> bool:
        return self.at is not None and self.steps > self.at

    def step(self) -> None:
        self.steps += 1
        if self.is_blown:  # what tries to go on, dead, does nothing either
            raise Killed

    def statement(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        self.step()
        return execute(sql, *rest)


def bury() -> None:
    """The dead roll nothing back: their connections break, and PostgreSQL forgets what was not committed."""
    for alias in ("default", "keys"):
        connection = connections[alias]
        if connection.connection is not None:
            connection.connection.close()
        connection.connection = None
        connection.in_atomic_block = connection.needs_rollback = connection.closed_in_transaction = False
        connection.savepoint_ids, connection.atomic_blocks, connection.run_on_commit = [], [], []


@contextmanager
def burning(at: int | None) -> Iterator[Fuse]:
    fuse = Fuse(at)
    with ExitStack() as stack:
        for alias in ("default", "keys"):
            connection = connections[alias]
            stack.enter_context(connection.execute_wrapper(fuse.statement))
            stack.enter_context(_around(connection, "_commit", fuse, twice=True))
        for name in FILES:
            stack.enter_context(_around(os, name, fuse))
        yield fuse


@contextmanager
def _around(owner: Any, name: str, fuse: Fuse, *, twice: bool = False) -> Iterator[None]:
    real = getattr(owner, name)
    own = name in vars(owner)

    def guarded(*args: Any, **kwargs: Any) -> Any:
        fuse.step()
        answer = real(*args, **kwargs)
        if twice:
            fuse.step()
        return answer

    setattr(owner, name, guarded)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, real)
        else:
            delattr(owner, name)
