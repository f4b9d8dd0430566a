"""Parsers of untrusted content run in a child process with no memory to waste, no file and no socket to open.

One warm child a process (web or worker), asked over pipes; it is killed and replaced when it is late,
dies, or has answered enough. Whatever happens in it, the parent gets an answer or `Unanswered`.
"""

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

TIMEOUT = 5.0  # seconds for one question
START = 30.0  # seconds for a child to load its parsers on a busy machine
LIVES = 500  # questions before a child is replaced: what leaked goes with it

ROOT = Path(__file__).resolve().parent.parent


class Unanswered(Exception):
    """The child died, ran out of memory or of time: the content is refused."""


class Child:
    """A process that answers one question at a time."""

    def __init__(self) -> None:
        self.asked = 0
        self.process = subprocess.Popen(  # noqa: S603 (our own module, no shell, no input in the arguments)
            [
                sys.executable,
                "-I",
                "-c",
                f"import sys; sys.path.insert(0, {str(ROOT)!r}); import documents.inspectors as i; i.serve()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
        if self._receive(1, time.monotonic() + START) != b"!":
            raise Unanswered("not started")

    def ask(self, question: dict[str, Any], content: bytes) -> dict[str, Any]:
        head = json.dumps(question).encode()
        deadline = time.monotonic() + TIMEOUT
        self.asked += 1
        self._send(struct.pack(">II", len(head), len(content)) + head, content, deadline)
        (size,) = struct.unpack(">I", self._receive(4, deadline))
        answer: dict[str, Any] = json.loads(self._receive(size, deadline))
        return answer

    def _send(self, head: bytes, content: bytes, deadline: float) -> None:
        descriptor = self.process.stdin.fileno()  # type: ignore[union-attr]
        os.set_blocking(descriptor, False)
        for part in (head, content):
            view = memoryview(part)
            while view:
                if not select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))[1]:
                    raise Unanswered("late")
                try:
                    view = view[os.write(descriptor, view[: 1 << 20]) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise Unanswered("dead") from error

    def _receive(self, size: int, deadline: float) -> bytes:
        descriptor = self.process.stdout.fileno()  # type: ignore[union-attr]
        received = bytearray()
        while len(received) < size:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise Unanswered("late")
            piece = os.read(descriptor, size - len(received))
            if not piece:
                raise Unanswered("dead")
            received += piece
        return bytes(received)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()  # type: ignore[union-attr]


class Sandbox:
    """The child of this process; another after a fork. Threads wait for their turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._owner = 0
        self.deaths = 0

    def ask(self, question: str, content: bytes = b"", **options: Any) -> dict[str, Any]:
        """The child's answer. Raises `Unanswered`."""
        with self._lock:
            try:
                if self._child is None or self._owner != os.getpid() or self._child.process.poll() is not None:
                    self._child, self._owner = Child(), os.getpid()
                answer = self._child.ask({"question": question, **options}, content)
            except (Unanswered, ValueError) as error:
                self.deaths += 1
                self._drop()
                raise Unanswered(str(error)) from error
            if self._child.asked >= LIVES or answer.get("exhausted"):
                self._drop()
        if answer.get("exhausted"):
            raise Unanswered("memory")
        return answer

    def _drop(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    @property
    def pid(self) -> int | None:
        return self._child.process.pid if self._child else None


sandbox = Sandbox()
ask = sandbox.ask


def warm() -> None:
    """Start the child before the first question, which would otherwise pay for it."""
    ask("ping")
