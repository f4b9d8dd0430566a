"""The encrypted file: its format is the one that docs/copies.md describes, opened here with a library and by hand."""

import base64
import hashlib
import json
import re
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archival import opening_sealed, sealing
from archival.archive import Archive

PHRASE = "quatre mots que nul ne devine"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(sealing, "ITERATIONS", 1000)


def sealed(content: bytes, phrase: str = PHRASE) -> bytes:
    pieces = [content[start : start + 70_000] for start in range(0, len(content), 70_000)]
    return b"".join(sealing.html(pieces, phrase, "Copie"))


def opened(file: bytes, phrase: str = PHRASE) -> bytes:
    """From docs/copies.md alone: hashlib for the key, AES-256-GCM part by part."""
    head = json.loads(re.search(rb'id="head">(.*?)</script>', file)[1])
    assert (head["format"], head["kdf"], head["cipher"]) == ("dmp-sealed/1", "PBKDF2-HMAC-SHA256", "AES-256-GCM")
    salt, prefix = base64.b64decode(head["salt"]), base64.b64decode(head["prefix"])
    assert (len(salt), len(prefix)) == (16, 7)
    key = hashlib.pbkdf2_hmac("sha256", phrase.encode(), salt, head["iterations"], 32)
    parts = re.findall(rb'class="part">(.*?)</script>', file)
    content = b""
    for number, part in enumerate(parts):
        nonce = prefix + struct.pack(">I", number) + (b"\1" if number == len(parts) - 1 else b"\0")
        content += AESGCM(key).decrypt(nonce, base64.b64decode(part), b"dmp-sealed/1")
    return content


@pytest.mark.parametrize("size", [0, 1, sealing.SEGMENT, sealing.SEGMENT + 1, 3 * sealing.SEGMENT - 7])
def test_it_opens_with_what_any_library_has(size):
    content = bytes(range(256)) * (size // 256 + 1)
    file = sealed(content[:size])
    assert opened(file) == content[:size] == b"".join(opening_sealed.pieces(file, f" {PHRASE} "))


def test_the_same_passphrase_never_makes_the_same_file():
    assert sealed(b"x") != sealed(b"x")


def test_another_passphrase_a_cut_a_swap_or_a_flipped_bit_opens_nothing():
    file = sealed(b"a" * (2 * sealing.SEGMENT + 5))
    parts = re.findall(rb'<script type="text/plain" class="part">.*?</script>\n', file)
    assert len(parts) == 3
    flipped = parts[1].replace(parts[1][60:61], b"A" if parts[1][60:61] != b"A" else b"B", 1)
    for broken in (
        file.replace(parts[2], b""),
        file.replace(parts[0], b""),
        file.replace(parts[0] + parts[1], parts[1] + parts[0]),
        file.replace(parts[1], flipped),
        b"<html></html>",
    ):
        with pytest.raises(opening_sealed.NotOpened):
            list(opening_sealed.pieces(broken, PHRASE))
    with pytest.raises(opening_sealed.NotOpened):
        list(opening_sealed.pieces(file, PHRASE + "."))


def test_the_page_runs_its_own_script_and_reaches_nothing():
    page = sealed(b"x").decode()
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}';")
    assert "http" not in re.sub(r"http-equiv", "", page)


INDEX = b"""<!DOCTYPE html><html lang="fr"><head><title>Copie</title><style>p { margin: 0 }</style></head>
<body><main><p>Une note</p><a href="lisible/001.html">Lire</a></main></body></html>"""


@pytest.mark.browser
def test_a_browser_opens_it_from_a_file_without_a_network(page, tmp_path):
    """A wrong passphrase, the right one, the page of the copy, one document opened out of it, the whole ZIP."""
    archive = Archive((2026, 11, 24, 10, 0, 0))
    files = {"lisible/001.html": b"<h1>Le document</h1>" * 9, "documents/001.pdf": b"%PDF", "index.html": INDEX}
    content = b"".join(piece for name, text in files.items() for piece in archive.add(name, [text]))
    content += b"".join(archive.close())
    path = tmp_path / "copie.html"
    path.write_bytes(sealed(content))
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    page.context.set_offline(True)
    page.goto(path.as_uri())
    page.fill("#passphrase", "une autre phrase secrète")
    page.click("button")
    page.wait_for_selector("text=n'ouvre pas le fichier")
    page.fill("#passphrase", PHRASE)
    page.click("button")
    page.wait_for_selector("text=Une note")
    with page.context.expect_page() as popup:
        page.click("text=Lire")
    popup.value.wait_for_selector("text=Le document")
    with page.expect_download() as download:
        page.click("text=Enregistrer tous les fichiers")
    assert download.value.path().read_bytes() == content
    assert said == []
