"""The antivirus is the real clamd, with one signature of ours; silent, it stops deposits."""

import base64
import shutil
import socket
import subprocess
import threading
import time

import pytest

from documents import antivirus, content
from documents.content import Inadmissible
from tests.documents.test_content import cda, level1, pdf

CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin")
CANARY = b"chaine-reconnue-par-la-signature-des-essais"


def configuration(folder, address):
    signature = folder / "dmp.ndb"
    signature.write_text(f"DMP.Essai:0:*:{CANARY.hex()}\n")
    file = folder / "clamd.conf"
    file.write_text(
        f"{address}\nDatabaseDirectory {folder}\nForeground yes\nTemporaryDirectory {folder}\n"
        f"LogFile {folder / 'log'}\nStreamMaxLength 2M\nOfficialDatabaseOnly no\nMaxThreads 2\n"
    )
    return file


@pytest.fixture(scope="module")
def clamd(tmp_path_factory):
    """Its unix socket, and its port on the loopback."""
    if not CLAMD:
        pytest.skip("clamd n'est pas installé (paquet clamav-daemon)")
    folder = tmp_path_factory.mktemp("clamd", numbered=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = folder / "clamd.sock"
    file = configuration(folder, f"LocalSocket {path}\nTCPSocket {port}\nTCPAddr 127.0.0.1")
    process = subprocess.Popen([CLAMD, "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert path.exists(), (folder / "log").read_text() if (folder / "log").exists() else "clamd did not start"
    yield {"unix": str(path), "tcp": f"127.0.0.1:{port}"}
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_a_clean_content_is_said_clean(clamd, settings, way):
    settings.DMP_CLAMD = clamd[way]
    assert antivirus.scan(b"bonjour" * 50_000) == "clean"
    assert content.inspect(pdf(), "application/pdf").scan == "clean"


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b"avant " + CANARY + b" apres", "text/plain"),
        (level1(b"avant " + CANARY, "text/plain"), "text/xml"),
    ],
    ids=["as a file", "in the base64 of a CDA"],
)
def test_what_the_antivirus_knows_is_refused(clamd, settings, data, declared):
    settings.DMP_CLAMD = clamd["unix"]
    with pytest.raises(Inadmissible) as refusal:
        content.inspect(data, declared)
    assert refusal.value.code == "Malware"
    settings.DMP_CLAMD = ""
    assert content.inspect(data, declared).scan == "unscanned"


def test_what_is_too_long_for_it_is_not_let_through(clamd, settings):
    settings.DMP_CLAMD = clamd["unix"]
    with pytest.raises(antivirus.Unavailable):
        antivirus.scan(b"a" * 5_000_000)


@pytest.mark.parametrize("address", ["/nulle/part.sock", "127.0.0.1:1"])
def test_configured_and_absent_nothing_is_let_through(settings, address):
    settings.DMP_CLAMD = address
    with pytest.raises(antivirus.Unavailable, match="réessayez"):
        content.inspect(cda(), "text/xml")


def answered(path, answer):
    """A server that reads and says this, once."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve():
        connection, _ = server.accept()
        with connection, server:
            connection.recv(1 << 20)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()


@pytest.mark.parametrize("answer", [b"", b"stream: INSTREAM size limit exceeded. ERROR\0", b"HTTP/1.1 200 Bonjour"])
def test_an_answer_that_is_not_ok_is_not_clean(settings, tmp_path, answer):
    answered(tmp_path / "s", answer)
    settings.DMP_CLAMD = str(tmp_path / "s")
    with pytest.raises(antivirus.Unavailable):
        antivirus.scan(b"bonjour")


def test_a_silent_one_is_not_waited_for_for_ever(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(antivirus, "TIMEOUT", 0.2)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()
    settings.DMP_CLAMD = str(tmp_path / "s")
    with server, pytest.raises(antivirus.Unavailable):
        antivirus.scan(b"bonjour")


def test_without_one_nothing_is_said_clean(settings):
    settings.DMP_CLAMD = ""
    assert antivirus.scan(base64.b64decode("Ym9uam91cg==")) == "unscanned"
