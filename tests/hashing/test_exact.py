"""Exact and keyed digests."""

from __future__ import annotations

import hashlib

import pytest

from safehold.hashing.exact import CHUNK_BYTES, exact_digests
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 17])
def test_digests_are_those_of_hashlib(size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    found = exact_digests(data)
    assert found.md5 == hashlib.md5(data).digest()
    assert found.sha1 == hashlib.sha1(data).digest()
    assert found.sha256 == hashlib.sha256(data).digest()
    assert found.size == size


def test_keyed_digests_depend_on_key_type_and_digest() -> None:
    one, other = DigestKey(bytes(32)), DigestKey(bytes([1]) * 32)
    digest = bytes(range(32))
    forms = {
        one.keyed(SignalType.SHA256, digest),
        other.keyed(SignalType.SHA256, digest),
        one.keyed(SignalType.MD5, digest),
        one.keyed(SignalType.SHA256, digest[::-1]),
    }
    assert len(forms) == 4
    assert {len(f) for f in forms} == {16}
    assert one.fingerprint() != other.fingerprint()


def test_a_key_never_shows_itself() -> None:
    assert "secret" not in repr(DigestKey(b"s" * 32))
    with pytest.raises(ValueError, match="32 bytes"):
        DigestKey(b"short")
