"""The child can reach nothing, and its death is an answer like another."""

import os
import signal
import threading

import pytest

from documents import inspectors
from documents.sandbox import Sandbox, Unanswered


@pytest.fixture
def box():
    made = Sandbox()
    yield made
    made._drop()


def limits_of(pid):
    with open(f"/proc/{pid}/limits") as file:
        return {line[:26].strip(): line[26:].split()[0] for line in file}


def test_the_child_may_open_no_file_no_socket_and_write_nothing(box):
    box.ask("ping")
    limits = limits_of(box.pid)
    assert limits["Max open files"] == "4"
    assert limits["Max file size"] == "0"
    assert limits["Max core file size"] == "0"
    assert sorted(os.listdir(f"/proc/{box.pid}/fd")) == ["0", "1", "2", "3"]


def test_it_is_asked_again_without_being_started_again(box):
    box.ask("ping")
    first = box.pid
    for _ in range(5):
        assert box.ask("text", b"bonjour") == {"ok": True}
    assert box.pid == first


def test_a_child_that_dies_is_replaced(box):
    box.ask("ping")
    os.kill(box.pid, signal.SIGKILL)
    box._child.process.wait()
    assert box.ask("ping")["ok"]


def test_a_child_that_stops_answering_is_a_refusal_within_the_time_limit(box, monkeypatch):
    monkeypatch.setattr("documents.sandbox.TIMEOUT", 0.3)
    box.ask("ping")
    os.kill(box.pid, signal.SIGSTOP)
    with pytest.raises(Unanswered):
        box.ask("text", b"bonjour")
    assert box.ask("ping")["ok"]
    assert box.deaths == 1


def test_threads_wait_for_their_turn(box):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(box.ask("text", b"a" * 100_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"ok": True}] * 8


def test_memory_it_cannot_have_is_a_refusal(monkeypatch):
    monkeypatch.setitem(inspectors.INSPECTORS, "ping", lambda content: (_ for _ in ()).throw(MemoryError))
    assert inspectors.answer("ping", b"") == {"ok": False, "exhausted": True}
