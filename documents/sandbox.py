"""Parsers of untrusted content run in a child process with no memory to waste, no file and no socket to open.

At most two warm children a process (web or worker), asked over pipes: one slow content does not hold up the
others. A child is killed and replaced when it is late, dies, or has answered enough. Whatever happens in it,
the parent gets an answer or `Unanswered`.
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
CHILDREN = 2  # of one process; the second is started when the first is busy
LIVES = 500  # questions before a child is replaced: what leaked goes with it

ROOT = Path(__file__).resolve().parent.parent


class Unanswered(Exception):
    """The child died, ran out of memory or of time: the content is refused."""


class NotStarted(OSError):
    """No child could be started: the machine is at fault, not the content. Try again later (503)."""


class Child:
    """A process that answers one question at a time. `module`: where its `serve` is; `timeout`: seconds of one."""

    def __init__(self, module: str = "documents.inspectors", timeout: float | None = None) -> None:
        self.asked, self.timeout = 0, timeout
        start = f"import sys; sys.path.insert(0, sys.argv[1]); from {module} import serve; serve()"
        self.process = subprocess.Popen(  # noqa: S603 (our own module, no shell, no input in the arguments)
            [sys.executable, "-I", "-c", start, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
        try:
            self._receive(1, time.monotonic() + START)
        except BaseException as error:
            self.end()
            if isinstance(error, Unanswered):
                raise NotStarted("sandbox not started") from error
            raise

    def ask(self, question: dict[str, Any], content: bytes) -> dict[str, Any]:
        head = json.dumps(question).encode()
        deadline = time.monotonic() + (self.timeout or TIMEOUT)
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
        self.close()

    def close(self) -> None:
        """Leave it to its owner: in a process forked from the one that started it."""
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()  # type: ignore[union-attr]


class Sandbox:
    """The children of this process; threads wait for one to be free."""

    def __init__(self) -> None:
        self.deaths = 0
        self._places = threading.BoundedSemaphore(CHILDREN)
        self._idle: list[Child] = []
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """After a fork (Celery's prefork): the children are the parent's, and so is whoever held a place."""
        self._places = threading.BoundedSemaphore(CHILDREN)
        inherited, self._idle = self._idle, []
        for child in inherited:
            child.process.returncode = 0  # not ours to wait for
            child.close()

    def ask(self, question: str, content: bytes = b"", **options: Any) -> dict[str, Any]:
        """The child's answer. Raises `Unanswered`, `NotStarted`."""
        with self._places:
            child = self._take()
            try:
                answer = child.ask({"question": question, **options}, content)
                if answer.get("exhausted"):
                    raise Unanswered("memory")
            except (Unanswered, ValueError) as error:
                self.deaths += 1
                child.end()
                raise Unanswered(str(error)) from error
            except BaseException:  # the process is told to stop: half an answer is left in the pipe
                child.end()
                raise
            if child.asked >= LIVES:
                child.end()
            else:
                self._idle.append(child)
        return answer

    def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.process.poll() is None:
                return child
            child.end()
        return Child()

    def end(self) -> None:
        """Stop the children that wait; those at work end with their answer."""
        while self._idle:
            self._idle.pop().end()

    @property
    def pids(self) -> list[int]:
        return [child.process.pid for child in self._idle]


sandbox = Sandbox()
ask = sandbox.ask


def warm() -> None:
    """Start a child before the first question, which would otherwise pay for it (a third of a second)."""
    ask("ping")
