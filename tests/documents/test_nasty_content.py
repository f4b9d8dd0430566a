"""Hostile files (../shared/nasty) get their expected outcome, quickly, in a child that cannot reach anything."""

import base64
import csv
import mimetypes
import socket
import time
from pathlib import Path

import pytest

from documents import content
from documents.sandbox import sandbox
from tests.conftest import SHARED

NASTY = SHARED / "nasty"
ROWS = (
    [
        row
        for row in csv.DictReader((NASTY / "MANIFEST.csv").open())
        if row["path"].split("/")[0] in {"av", "cda", "dicom", "img", "pdf", "zip"}
    ]
    if NASTY.exists()
    else []
)
# Well formed: it is the comparison with the dossier's holder that refuses it (tests of deposits).
BY_IDENTITY = {"cda/wrong_patient_ins.xml"}


def outcome(row):
    data = (NASTY / row["path"]).read_bytes()
    declared = row["declared_type"] or mimetypes.guess_type(row["path"])[0] or "application/octet-stream"
    if row["path"].endswith(".b64"):
        data, declared = base64.b64decode(data), "text/plain"
    try:
        inspection = content.inspect(data, declared)
    except content.Inadmissible as refusal:
        assert refusal.message.endswith("."), "a refusal is a sentence"
        return "REJECT"
    assert inspection.size == len(data)
    return "ACCEPT_INERT"


def peak_memory(pid):
    """VmHWM: the most resident memory the child ever had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError


@pytest.fixture(scope="module")
def listener():
    """Where the hostile files would call: port 9, as they write it."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", 9))
        except OSError:
            yield None  # not allowed to: the limits of the child are tested by themselves
            return
        server.listen()
        server.setblocking(False)
        yield server


@pytest.mark.shared
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["path"])
def test_each_hostile_file_gets_its_expected_outcome(row, listener):
    """The same twice, in time, in bounded memory, with no call out and no dead child."""
    deaths = sandbox.deaths
    started = time.monotonic()
    first = outcome(row)
    assert time.monotonic() - started < 5
    expected = {"REJECT": {"REJECT"}, "ACCEPT_INERT": {"ACCEPT_INERT"}}.get(
        row["expected"], {"REJECT", "ACCEPT_INERT"}
    )
    if row["path"] not in BY_IDENTITY:
        assert first in expected
    assert outcome(row) == first
    for pid in sandbox.pids:
        assert peak_memory(pid) < 300 * 1024 * 1024
    if listener:
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert sandbox.deaths == deaths
