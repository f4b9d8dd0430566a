"""The child can reach nothing, and its death is an answer like another."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from documents import inspectors
from documents.sandbox import CHILDREN, Sandbox, Unanswered

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def box():
    made = Sandbox()
    yield made
    made.end()


def limits_of(pid):
    with open(f"/proc/{pid}/limits") as file:
        return {line[:26].strip(): line[26:].split()[0] for line in file}


def test_the_child_may_open_no_file_no_socket_and_write_nothing(box):
    box.ask("ping")
    (pid,) = box.pids
    limits = limits_of(pid)
    open_now = sorted(map(int, os.listdir(f"/proc/{pid}/fd")))
    assert open_now == list(range(int(limits["Max open files"])))
    assert limits["Max file size"] == "0"
    assert limits["Max core file size"] == "0"
    assert int(limits["Max address space"]) < 300 * 1024 * 1024


REACHES = {
    "a file": "open('/etc/passwd')",
    "a socket": "import socket; socket.socket(socket.AF_INET).connect(('127.0.0.1', 9))",
    "a pipe": "os.pipe()",
    "a program": "import subprocess; subprocess.run(['/bin/true'])",
    "memory": "bytearray(400 * 1024 * 1024)",
}


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES.keys())
def test_once_confined_the_process_cannot_have(reach):
    """The limits are those of the kernel: tried in a process that has been confined the same way."""
    tried = (
        "import os, socket, subprocess; from documents import inspectors; inspectors.confine()\n"
        f"try:\n    {reach}\nexcept (OSError, MemoryError, RuntimeError): os._exit(7)\nos._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", tried], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=30)
    assert done.returncode == 7


def test_it_is_asked_again_without_being_started_again(box):
    box.ask("ping")
    first = box.pids
    for _ in range(5):
        assert box.ask("text", b"bonjour") == {"ok": True}
    assert box.pids == first


def test_a_child_that_dies_is_replaced(box):
    box.ask("ping")
    os.kill(box.pids[0], signal.SIGKILL)
    box._idle[0].process.wait()
    assert box.ask("ping")["ok"]
    assert box.deaths == 0


def test_a_child_that_stops_answering_is_a_refusal_within_the_time_limit(box, monkeypatch):
    monkeypatch.setattr("documents.sandbox.TIMEOUT", 0.3)
    box.ask("ping")
    (stopped,) = box.pids
    os.kill(stopped, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(Unanswered):
        box.ask("text", b"bonjour")
    assert time.monotonic() - started < 2
    assert not Path(f"/proc/{stopped}").exists()
    assert box.ask("ping")["ok"]
    assert box.deaths == 1


def test_one_slow_content_does_not_hold_up_the_others(box):
    box.ask("ping")
    (stopped,) = box.pids
    os.kill(stopped, signal.SIGSTOP)

    def ask_the_stopped_one():
        with pytest.raises(Unanswered):
            box.ask("text", b"a")

    late = threading.Thread(target=ask_the_stopped_one)
    late.start()
    while box.pids:  # until it is taken
        pass
    assert box.ask("text", b"bonjour")["ok"]
    os.kill(stopped, signal.SIGKILL)
    late.join()


def test_threads_wait_for_their_turn(box):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(box.ask("text", b"a" * 100_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"ok": True}] * 8
    assert len(box.pids) <= CHILDREN


def test_a_child_is_replaced_after_so_many_answers(box, monkeypatch):
    monkeypatch.setattr("documents.sandbox.LIVES", 2)
    box.ask("ping")
    (first,) = box.pids
    box.ask("ping")
    box.ask("ping")
    assert box.pids != [first]
    assert box.deaths == 0


def test_a_forked_process_has_children_of_its_own(box):
    """Celery forks: two processes writing into one pipe would read each other's answers."""
    box.ask("ping")
    before = box.pids
    reader, writer = os.pipe()
    box._places.acquire()  # as if another thread were asking at the moment of the fork
    pid = os.fork()
    if pid == 0:
        answer = b"no"
        try:
            assert box.ask("text", b"bonjour") == {"ok": True}
            assert box.pids != before
            answer = b"ok"
        finally:
            os.write(writer, answer)
            box.end()
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 2) == b"ok"
    os.close(reader)
    os.waitpid(pid, 0)
    box._places.release()
    assert box.ask("text", b"bonjour") == {"ok": True}
    assert box.pids == before


def test_memory_it_cannot_have_is_a_refusal(monkeypatch):
    monkeypatch.setitem(inspectors.INSPECTORS, "ping", lambda content: (_ for _ in ()).throw(MemoryError))
    assert inspectors.answer("ping", b"") == {"ok": False, "exhausted": True}
