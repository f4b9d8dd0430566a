"""Sealed contents: any touched byte is refused, any range opens alone, nothing half-written stays."""

import base64
import io
import os
import struct
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from documents import contents
from documents.vault import (
    HEADER,
    SEGMENT,
    TAG,
    BlobStore,
    MasterKeys,
    Unreadable,
    plain_size,
    seal,
    sealed_size,
    unseal,
)
from tests import factories as make

KEY, FILE, DOSSIER = b"k" * 32, uuid.UUID(int=7), uuid.UUID(int=9)
CONTENT = os.urandom(2 * SEGMENT + 1000)
SEALED = b"".join(seal(KEY, FILE, [CONTENT[:10], CONTENT[10:SEGMENT], CONTENT[SEGMENT:]]))


def opened(sealed, key=KEY, file_id=FILE, **bounds):
    return b"".join(unseal(key, file_id, io.BytesIO(sealed), **bounds))


def test_the_format_is_the_one_written_down():
    """Opened step by step with the primitives alone."""
    header = SEALED[:28]
    assert header[:5] == b"DMPV\x01"
    key = HKDF(SHA256(), 32, header[5:21], b"dmp file " + FILE.bytes).derive(KEY)
    plain = b""
    for number in range(3):
        start = 28 + number * (65536 + 16)
        nonce = header[21:28] + struct.pack(">I", number) + (b"\x01" if number == 2 else b"\x00")
        plain += AESGCM(key).decrypt(nonce, SEALED[start : start + 65536 + 16], FILE.bytes + header)
    assert plain == CONTENT


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, len(CONTENT) + 5), length=st.integers(0, len(CONTENT)))
def test_any_range_is_the_slice_of_the_content(start, length):
    assert opened(SEALED, start=start, stop=start + length) == CONTENT[start : start + length]


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT])
def test_sizes_at_the_edges(size):
    content = os.urandom(size)
    sealed = b"".join(seal(KEY, FILE, [content]))
    assert opened(sealed) == content
    assert plain_size(len(sealed)) == size


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_is_refused(place, bit):
    touched = bytearray(SEALED)
    touched[place] ^= 1 << bit
    with pytest.raises(Unreadable):
        opened(bytes(touched))


WHOLE = SEGMENT + TAG


@pytest.mark.parametrize(
    "touched",
    [
        SEALED[:HEADER],
        SEALED[: HEADER + WHOLE],
        SEALED[: HEADER + 2 * WHOLE],
        SEALED[:-1],
        SEALED + b"\0",
        SEALED + SEALED[-1016:],
        SEALED[:HEADER]
        + SEALED[HEADER + WHOLE : HEADER + 2 * WHOLE]
        + SEALED[HEADER : HEADER + WHOLE]
        + SEALED[HEADER + 2 * WHOLE :],
        SEALED[:HEADER] + SEALED[HEADER + WHOLE :],
        b"",
    ],
    ids=[
        "header only",
        "cut 1",
        "cut 2",
        "cut byte",
        "added byte",
        "added segment",
        "swapped",
        "first gone",
        "empty",
    ],
)
def test_cut_moved_or_added_segments_are_refused(touched):
    with pytest.raises(Unreadable):
        opened(touched)


@pytest.mark.parametrize("size", [SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1000])
def test_a_file_cut_anywhere_near_a_segment_s_edge_is_refused(size):
    """A few bytes of a segment left over are not a whole content that ends before it."""
    sealed = b"".join(seal(KEY, FILE, [CONTENT[:size]]))
    edges = range(HEADER, len(sealed) + 1, WHOLE)
    cuts = {cut for edge in edges for cut in range(edge - 20, edge + 21) if 0 <= cut < len(sealed)}
    for cut in sorted(cuts):
        with pytest.raises(Unreadable):
            opened(sealed[:cut])
            pytest.fail(f"cut at {cut} of {len(sealed)} was not noticed")


def test_a_content_opens_only_as_itself_and_with_its_dossier_s_key():
    with pytest.raises(Unreadable):
        opened(SEALED, file_id=uuid.UUID(int=8))
    with pytest.raises(Unreadable):
        opened(SEALED, key=b"x" * 32)


def test_after_a_rotation_old_keys_still_open_and_the_new_one_wraps():
    old = MasterKeys({1: b"1" * 32})
    wrapped = old.wrap(KEY, DOSSIER)
    both = MasterKeys({1: b"1" * 32, 2: b"2" * 32})
    assert both.unwrap(wrapped.version, wrapped.blob, DOSSIER) == KEY
    assert both.wrap(KEY, DOSSIER).version == 2
    for keys, dossier in ((MasterKeys({2: b"2" * 32}), DOSSIER), (both, uuid.UUID(int=10))):
        with pytest.raises(Unreadable):
            keys.unwrap(wrapped.version, wrapped.blob, dossier)


def test_master_keys_of_another_length_are_refused():
    with pytest.raises(ValueError):
        MasterKeys.parse("1:AAAA")


def test_the_store_gives_back_what_it_took(tmp_path):
    store = BlobStore(tmp_path)
    store.put(FILE, seal(KEY, FILE, [CONTENT]))
    with store.open(FILE) as file:
        assert b"".join(unseal(KEY, FILE, file)) == CONTENT
    assert CONTENT[:64] not in store.path(FILE).read_bytes()
    assert [name for name, _ in store.names()] == [FILE]
    store.delete(FILE)
    store.delete(FILE)
    with pytest.raises(Unreadable):
        store.open(FILE)


def test_a_write_that_fails_leaves_nothing(tmp_path):
    def breaking():
        yield b"half"
        raise OSError(28, "No space left on device")

    store = BlobStore(tmp_path)
    with pytest.raises(OSError, match="No space"):
        store.put(FILE, breaking())
    assert list(store.names()) == []
    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1000])
def test_the_size_of_a_sealed_file_is_known_from_its_content_s(size):
    assert sealed_size(size) == len(b"".join(seal(KEY, FILE, [CONTENT[:size]])))


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["cut a segment", "cut a byte", "add a byte", "remove"])
def test_a_range_far_from_the_end_gives_nothing_of_a_file_that_has_not_its_size(change):
    """The first segment alone is sound: only the size tells."""
    document = make.DocumentFactory(size=len(CONTENT))
    contents.put(document.dossier_id, document.pk, CONTENT)
    path = contents.store().path(document.pk)
    sealed = path.read_bytes()
    assert b"".join(contents.pieces(document, 0, 10)) == CONTENT[:10]
    if change == "remove":
        path.unlink()
    else:
        path.write_bytes(
            {"cut a segment": sealed[: HEADER + 2 * WHOLE], "cut a byte": sealed[:-1]}.get(change, sealed + b"x")
        )
    with pytest.raises(Unreadable):
        contents.pieces(document, 0, 10)


def test_master_keys_are_not_printed():
    keys = MasterKeys.parse("1:" + base64.b64encode(b"k" * 32).decode())
    said = f"{keys} {keys!r} {[keys]}"
    assert "versions [1]" in said
    assert "kkk" not in said
    assert base64.b64encode(b"k" * 32).decode() not in said
